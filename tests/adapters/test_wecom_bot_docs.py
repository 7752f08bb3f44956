"""The page on AI bots says what the code does."""

from __future__ import annotations

from pathlib import Path

from adapters.wecom_bot.answers import ERRCODES
from tests.adapters.test_wechat_docs import DONE

PAGE = (Path(__file__).parents[2] / "docs" / "wecom-bot.md").read_text("utf-8")
WAYS = DONE | {"elsewhere": "sent another way"}


def rows() -> list[str]:
    return [f"| {code} | {WAYS[verdict]} | {sentence} |" for code, (verdict, sentence) in ERRCODES.items() if code]


def test_the_table_of_errors_is_the_codes() -> None:
    table = PAGE.split("<!-- errcodes -->")[1].split("<!-- end -->")[0]
    assert [line for line in table.splitlines() if line.startswith("| ") and "errcode" not in line] == rows()
