"""The generated parts of docs/: the table of settings, the help of every command, what replies become (`make docs`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import click
from pydantic import SecretStr

from adapters.channel import Verdict
from adapters.dingtalk.answers import CODES, ERRCODES
from bot.cli import cli
from config.settings import Settings, variable
from tests.docs.replies import replies_page

DOCS = Path(__file__).parents[2] / "docs"


def settings_table() -> str:
    """One row per `YINGDA_*` variable."""
    rows = ["| variable | default | what |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        rows.append(f"| `{variable(name)}` | {f'`{default}`' if default != '' else '-'} | {field.description} |")
    return "\n".join(rows)


def command_help() -> str:
    """`--help` of every command, depth first."""
    return "\n\n".join(_help(cli, ("yingda",), None))


def _help(command: click.Command, names: tuple[str, ...], parent: click.Context | None) -> list[str]:
    context = click.Context(command, info_name=names[-1], parent=parent, **command.context_settings)
    text = re.sub(r"[ \t]+$", "", command.get_help(context), flags=re.MULTILINE)
    found = [f"## {' '.join(names)}\n\n```text\n{text}\n```"]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            found += _help(child, (*names, name), context)
    return found


DONE: Mapping[Verdict, str] = {
    "ok": "passed over",
    "retry": "sent again later",
    "refresh": "token refreshed once, sent again",
    "elsewhere": "sent by the API instead",
    "config": "given up, alert",
    "dead": "given up",
}


def dingtalk_table() -> str:
    """One row per errcode, and per pattern of the API's codes."""
    rows = ["| errcode, code | what is done | what it means |", "|---|---|---|"]
    given = [(str(code), *row) for code, row in ERRCODES.table.items()] + list(CODES)
    for code, verdict, reason in given:
        if reason:
            shown = code.replace("|", ", ").replace(".*", "…")
            rows.append(f"| {shown} | {DONE[verdict]} | {reason} |")
    return "\n".join(rows)


PAGES = {
    "configuration.md": settings_table,
    "cli.md": command_help,
    "replies.md": replies_page,
    "dingtalk.md": dingtalk_table,
}
MARK = re.compile(r"(<!-- generated -->\n).*(<!-- end -->)", re.DOTALL)


def page(name: str) -> str:
    """The page as it should be: what is written by hand, with the generated part anew."""
    text = (DOCS / name).read_text("utf-8")
    return MARK.sub(lambda match: f"{match[1]}\n{PAGES[name]()}\n\n{match[2]}", text)


if __name__ == "__main__":
    for name in PAGES:
        (DOCS / name).write_text(page(name), "utf-8")
