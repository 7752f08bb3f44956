"""Stream mode: how a connection is opened, what comes over it, how it is acknowledged.

Sources: Stream 模式 https://open.dingtalk.com/document/orgapp/stream
https://github.com/open-dingtalk/dingtalk-stream-sdk-python (frames.py, handlers.py, stream.py)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import orjson

from adapters.channel import Answer, Exchange, Frame, Judgement, Messages, Outgoing, Parsed, Reject, Route
from adapters.dingtalk.answers import read_judgement
from adapters.dingtalk.inbound import part
from adapters.errcodes import read_json
from adapters.fields import Malformed, read_fields, said
from adapters.message import Json, Message

OPEN = "/v1.0/gateway/connections/open"
BOT = "/v1.0/im/bot/messages/get"
CARD = "/v1.0/card/instances/callback"
SUBSCRIPTIONS = (
    {"type": "EVENT", "topic": "*"},
    {"type": "CALLBACK", "topic": BOT},
    {"type": "CALLBACK", "topic": CARD},
)
OK, BAD_REQUEST, NOT_IMPLEMENTED = 200, 400, 404
MAX_FRAME_CHARS = 256 * 1024
HEARD = Route("push", {"way": "stream"})


def open_connection(gateway: str, client_id: str, client_secret: str) -> Exchange[str]:
    """The address of a new connection with its ticket, which is good for one connection."""
    body = {
        "clientId": client_id,
        "clientSecret": client_secret,
        "subscriptions": SUBSCRIPTIONS,
        "ua": "yingda",
        "localIp": "127.0.0.1",
    }
    headers = {"Accept": "application/json"}
    answer: Answer = yield Outgoing(
        orjson.dumps(body), "application/json", f"{gateway}{OPEN}", headers=headers, needs_token=False
    )
    opened = read_json(answer.body) or {}
    endpoint, ticket = opened.get("endpoint"), opened.get("ticket")
    given = isinstance(endpoint, str) and isinstance(ticket, str) and endpoint.startswith(("ws://", "wss://"))
    if answer.status == 200 and given and ticket:
        return f"{endpoint}?ticket={quote(str(ticket), safe='')}"
    judged = read_judgement(answer.status, answer.body)
    if answer.status == 401 or judged.verdict == "refresh":
        return Judgement("config", "no connection: are client_id and client_secret right?", judged.code)
    if judged.verdict == "ok":
        return Judgement("retry", "the gateway gave no address to connect to: is gateway right?", judged.code)
    return judged


@dataclass(frozen=True, slots=True)
class Readers:
    """How what frames carry becomes a message: each raises `Malformed`. `heard` turns one that is no talk among others
    into what is parsed, `update` is the answer to a tap."""

    message: Callable[[bytes], Message]
    tap: Callable[[bytes, str, float], Message]
    event: Callable[[bytes, Mapping[str, Json], float], Message]
    heard: Callable[[Message], tuple[Message, ...]]
    update: Callable[[Message], Json]


def read_frame(frame: str, now: float, readers: Readers) -> Frame:
    """Never raises. A frame that nobody could ever read is acknowledged, or it would come again and again."""
    if len(frame) > MAX_FRAME_CHARS:
        return Frame(Reject(413, f"the frame has {len(frame)} characters, {MAX_FRAME_CHARS} are the most"))
    try:
        fields = read_fields(frame.encode("utf-8", "replace"))
    except Malformed as error:
        return Frame(Reject(400, f"a frame that is not one: {error}"))
    headers, data = part(fields, "headers"), said(fields, "data")
    id, topic = said(headers, "messageId"), said(headers, "topic")
    match said(fields, "type"):
        case "SYSTEM":
            then = "reconnect" if topic == "disconnect" else "on"
            answers = (ack(id, OK, read_json(data.encode()) or data),)
            return Frame(answers=answers, then=then, reason=_why(data) if then != "on" else "")  # type: ignore[arg-type]
        case "EVENT":
            parsed, _ = _parsed(lambda: readers.event(data.encode(), headers, now), readers)
            return Frame(parsed, (ack(id, OK, {"status": "SUCCESS", "message": "ok"}),))
        case "CALLBACK" if topic == BOT:
            parsed, _ = _parsed(lambda: readers.message(data.encode()), readers)
            return Frame(parsed, (ack(id, OK, {"response": {}}),))
        case "CALLBACK" if topic == CARD:
            parsed, tap = _parsed(lambda: readers.tap(data.encode(), id, _time(headers, now)), readers)
            return Frame(parsed, (ack(id, OK, {"response": readers.update(tap) if tap else {}}),))
        case kind:
            word = ack(id, NOT_IMPLEMENTED, {"response": "not implement"})
            return Frame(Reject(404, f"a frame of type {kind[:20]!r} that was not asked for"), (word,) if id else ())


def _parsed(read: Callable[[], Message], readers: Readers) -> tuple[Parsed, Message | None]:
    try:
        message = read()
    except Malformed as error:
        return Reject(400, f"a frame whose data is not what DingTalk sends: {error}"), None
    return Messages(readers.heard(message), HEARD), message


def _time(headers: Mapping[str, Json], now: float) -> float:
    given = said(headers, "time")
    return int(given) / 1000 if given.isascii() and given.isdigit() and len(given) <= 13 else now


def _why(data: str) -> str:
    return f"DingTalk asks for a new connection: {str((read_json(data.encode()) or {}).get('reason', ''))[:60]}"


def ack(id: str, code: int, data: Json) -> str:
    """The frame that says that the frame `id` has arrived. Without it, it comes again after about a minute."""
    return orjson.dumps(
        {
            "code": code,
            "headers": {"messageId": id, "contentType": "application/json"},
            "message": "OK" if code == OK else "not OK",
            "data": data if isinstance(data, str) else orjson.dumps(data).decode(),
        }
    ).decode()
