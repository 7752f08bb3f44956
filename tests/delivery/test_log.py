"""No secret and no personal number reaches a log line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from bot.log import get_logger, redact, set_up


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up("info", "json", ["s3cret-value"], stream)
    yield stream
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("电话13812345678谢谢", "13812345678"),
        ("138-1234-5678", "1234-5678"),
        ("身份证11010519491231002X", "19491231"),
        ("卡号6222021234567890123", "02123456789"),
        ("GET /x?access_token=abcdef&a=1", "abcdef"),
        ("mongodb://user:pa55@host/db", "pa55"),
    ],
)
def test_personal_numbers_and_credentials_are_masked(text: str, hidden: str) -> None:
    assert hidden not in redact(text)


@pytest.mark.parametrize("text", ["订单DD20260101001", "turn wechat/main/oX/oX/23456", "12:30:45 200 OK"])
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_values_keys_exceptions_and_library_lines_are_all_cleaned(lines: io.StringIO) -> None:
    log = get_logger("test")
    log.info("到", phone="13812345678", app_secret="abc", nested={"x": ["s3cret-value"]})
    logging.getLogger("some.library").warning("sent to %s", "13812345678")
    try:
        int("s3cret-value 13812345678")
    except ValueError:
        log.exception("failed")
    written = lines.getvalue()
    assert not [secret for secret in ("13812345678", "s3cret-value", '"abc"') if secret in written]
    assert [json.loads(line)["level"] for line in written.splitlines()] == ["info", "warning", "error"]
