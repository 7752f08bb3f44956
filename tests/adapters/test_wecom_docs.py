"""The page on WeCom says what the code does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.channel import Verdict
from adapters.robots.dingtalk import ERRCODES as DINGTALK_ROBOT
from adapters.wecom.api import ERRCODES as WECOM
from tests.adapters.test_wechat_docs import DONE

DOCS = Path(__file__).parents[2] / "docs"
TABLES = {
    ("wecom.md", "errcodes"): WECOM,
    ("wecom.md", "dingtalk robot"): DINGTALK_ROBOT,
}


@pytest.mark.parametrize(("page", "mark"), TABLES)
def test_the_table_of_errors_is_the_codes(page: str, mark: str) -> None:
    table = (DOCS / page).read_text("utf-8").split(f"<!-- {mark} -->")[1].split("<!-- end -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| errcode")]
    assert rows == errcode_rows(TABLES[page, mark])


def errcode_rows(codes: Mapping[int, tuple[Verdict, str]]) -> list[str]:
    return [f"| {code} | {DONE[verdict]} | {sentence} |" for code, (verdict, sentence) in codes.items() if code]
