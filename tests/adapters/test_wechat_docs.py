"""The page on WeChat says what the code does."""

from __future__ import annotations

from pathlib import Path

from adapters.wechat.push import ERRCODES

PAGE = (Path(__file__).parents[2] / "docs" / "wechat.md").read_text("utf-8")
DONE = {
    "retry": "sent again later",
    "refresh": "token refreshed once, sent again",
    "config": "given up, alert",
    "dead": "given up",
    "ok": "passed over",
}


def test_the_table_of_errors_is_the_codes() -> None:
    table = PAGE.split("<!-- errcodes -->")[1].split("<!-- end -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| errcode")]
    assert rows == [
        f"| {code} | {DONE[verdict]} | {sentence} |" for code, (verdict, sentence) in ERRCODES.items() if code
    ]
