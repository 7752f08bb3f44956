"""Log lines for people or machines, without secrets and personal numbers."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Literal, TextIO, TypeAlias

import structlog

Log: TypeAlias = structlog.stdlib.BoundLogger

HIDDEN = "***"
SECRET_KEYS = re.compile(r"(?i)(secret|token|password|passwd|aes_?key|authorization|api_?key|cookie)")
SECRET_PAIRS = re.compile(
    r"(?i)\b((?:access_token|token|secret|appsecret|corpsecret|app_secret|password|msg_signature|signature|key)=)[^&\s\"']+"
)
LOGIN_IN_URL = re.compile(r"(\w+://[^/\s:@]*:)[^@\s/]+@")
ID_CARD = re.compile(r"(?<![0-9A-Za-z])(\d{6})\d{8}(\d{3}[0-9Xx])(?![0-9A-Za-z])")
MOBILE = re.compile(r"(?<!\d)(1[3-9]\d)[- ]?\d{4}[- ]?(\d{4})(?!\d)")
BANK_CARD = re.compile(r"(?<!\d)(\d{4})\d{8,11}(\d{4})(?!\d)")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with phone, identity-card and bank-card numbers masked and secrets taken out."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = SECRET_PAIRS.sub(rf"\1{HIDDEN}", text)
    text = LOGIN_IN_URL.sub(rf"\1{HIDDEN}@", text)
    text = ID_CARD.sub(r"\1********\2", text)
    text = MOBILE.sub(r"\1****\2", text)
    return BANK_CARD.sub(r"\1********\2", text)


class Redaction:
    """A structlog processor: redacts every text in an event, however deep, and every value under a telling key."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(sorted((s for s in secrets if len(s) >= 4), key=len, reverse=True))

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: self._clean(key, value) for key, value in event.items()}

    def _clean(self, key: str, value: Any) -> Any:
        if isinstance(value, str):
            return HIDDEN if value and SECRET_KEYS.search(key) else redact(value, self._secrets)
        if isinstance(value, Mapping):
            return {name: self._clean(str(name), each) for name, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(key, each) for each in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return redact(str(value), self._secrets)


def set_up(
    level: str = "info",
    form: Literal["text", "json"] = "text",
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send our own and the libraries' log lines through one formatter. Call it once, before anything logs."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            Redaction(secrets),
            last,
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("aiohttp.access", "jieba", "pymongo", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))


def get_logger(name: str) -> Log:
    log: Log = structlog.stdlib.get_logger(name)
    return log
