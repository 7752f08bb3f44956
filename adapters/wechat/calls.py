"""Calls of WeChat's API that are no messages: one request, and the fields of its answer."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from adapters.channel import Exchange, Outgoing
from adapters.errcodes import read_json
from adapters.message import Json
from adapters.wechat.push import ANSWERS


def call(api_base: str, path: str, body: Mapping[str, Json] | None = None) -> Outgoing:
    """A GET where there is no `body`."""
    method, data = ("GET", b"") if body is None else ("POST", orjson.dumps(body))
    return Outgoing(data, "application/json", f"{api_base.rstrip('/')}{path}", method)


def fetch(outgoing: Outgoing) -> Exchange[dict[str, Json]]:
    """The fields of a good answer."""
    answer = yield outgoing
    judged = ANSWERS.judge(answer.status, answer.body)
    return judged if judged.verdict != "ok" else read_json(answer.body) or {}
