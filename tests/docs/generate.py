"""The generated parts of docs/: the table of settings, the help of every command, what replies become (`make docs`)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import get_args

import click
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from adapters.channel import Verdict
from adapters.dingtalk.answers import CODES, ERRCODES
from bot.cli import cli
from config.credentials import ACCOUNTS, Group
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


def keys_tables() -> str:
    """One table for each channel of credentials.yml, and one for groups."""
    channels = [f"### `{channel}`\n\n{keys_table(model)}" for channel, model in ACCOUNTS.items()]
    return "\n\n".join([*channels, f"### `group`\n\n{keys_table(Group)}"])


def keys_table(model: type[BaseModel]) -> str:
    """What the model stands for, and one row per key."""
    rows = [inspect.cleandoc(model.__doc__ or ""), "", "| key | default | what |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        what = " ".join((field.description or "").split())
        rows.append(f"| `{name}` | {_default(field)} | {what}{_choices(field)} |")
    return "\n".join(rows)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    if default in ("", (), {}) or isinstance(default, BaseModel):
        return "-"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _choices(field: FieldInfo) -> str:
    words = [word for word in get_args(field.annotation) if isinstance(word, str)]
    return f" One of {', '.join(f'`{word}`' for word in words)}." if words else ""


PAGES: Mapping[str, Sequence[Callable[[], str]]] = {
    "configuration.md": (settings_table, keys_tables),
    "cli.md": (command_help,),
    "replies.md": (replies_page,),
    "dingtalk.md": (dingtalk_table,),
}
MARK = re.compile(r"(<!-- generated -->\n).*?(<!-- end -->)", re.DOTALL)


def page(name: str) -> str:
    """The page as it should be: what is written by hand, with the generated parts anew."""
    text = (DOCS / name).read_text("utf-8")
    parts = iter(PAGES[name])
    return MARK.sub(lambda match: f"{match[1]}\n{next(parts)()}\n\n{match[2]}", text)


if __name__ == "__main__":
    for name in PAGES:
        (DOCS / name).write_text(page(name), "utf-8")
