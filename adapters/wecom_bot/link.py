"""The WebSocket of an AI bot: frames `{cmd, headers: {req_id}, body}` out and in, and the vendor's words on ours,
`{headers: {req_id}, errcode, errmsg, body?}`.

Sources: 智能机器人长连接 https://developer.work.weixin.qq.com/document/path/101463
the vendor's SDK https://github.com/WecomTeam/aibot-node-sdk
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import orjson

from adapters.channel import Frame, Judgement, Messages, Outgoing, Reject, Route
from adapters.crypto import Random16
from adapters.fields import Fields, Malformed, read_fields, said
from adapters.markup import cleaned
from adapters.message import Json, Message, Reply
from adapters.wecom_bot import bodies
from adapters.wecom_bot.answers import NOT_SUBSCRIBED, of_frame, of_subscription
from adapters.wecom_bot.inbound import DISCONNECTED, REQ_ID, event_type

SUBSCRIBE, PING, SEND = "aibot_subscribe", "ping", "aibot_send_msg"
RESPOND, WELCOME, UPDATE = "aibot_respond_msg", "aibot_respond_welcome_msg", "aibot_respond_update_msg"
MESSAGE, EVENT = "aibot_msg_callback", "aibot_event_callback"
PING_ID = "ping_yingda"
"""Every ping has the same id: whichever is answered, the connection is alive."""
OWN = ("aibot_", PING_ID)
"""How ids of our own frames begin; a callback's id, under which it is answered, is the vendor's."""
SINGLE, GROUP = 1, 2
"""chat_type of aibot_send_msg."""

Frames = Callable[[str, Json], Outgoing]
Read = Callable[[Fields], Message | None]


def frame(cmd: str, req_id: str, body: Json) -> Outgoing:
    """A frame, whose answer names `req_id`."""
    fields = {"cmd": cmd, "headers": {"req_id": req_id}} | ({} if body is None else {"body": cleaned(body)})
    return Outgoing(
        orjson.dumps(fields, option=orjson.OPT_NON_STR_KEYS), "application/json", f"link:{req_id}", needs_token=False
    )


def own(random: Random16) -> Frames:
    """Makes frames with ids of our own, which begin with their cmd: `frames(cmd, body)`."""

    def make(cmd: str, body: Json) -> Outgoing:
        return frame(cmd, f"{cmd}_{random().hex()}", body)

    return make


# --- out


def pushed(reply: Reply, data: Mapping[str, str], frames: Frames) -> Outgoing:
    """One reply by the way that `data` names: under the req_id of what it answers, or as a message of our own."""
    way, task = data.get("way", ""), _task(data)
    card = bodies.template_card(reply, task)
    match way:
        case "respond":
            return frame(RESPOND, data["req"], _response(reply, card, data))
        case "welcome" if body := bodies.welcome([reply], task):
            return frame(WELCOME, data["req"], body)
        case "update" if card:
            update = {"response_type": "update_template_card", "template_card": card | {"task_id": data["task"]}}
            return frame(UPDATE, data["req"], update)
        case _:
            # under the req_id of a tap nothing but the update of its card is taken
            kind = GROUP if data.get("kind") == "group" else SINGLE
            body = _message(reply, card, data)
            return frames(SEND, {"chatid": data.get("chat", ""), "chat_type": kind, **body})


def _response(reply: Reply, card: bodies.Body | None, data: Mapping[str, str]) -> Json:
    if card:
        return {"msgtype": "template_card", "template_card": card}
    if body := bodies.media(reply):
        return body
    said = bodies.mentioned(bodies.words(reply), data) or bodies.HANDLED
    # the same part of the same answer is the same stream: sending it again shows nothing twice
    number = bodies.task_id(_task(data), {"content": said})
    return {"msgtype": "stream", "stream": bodies.stream(number, said, finish=True, feedback=True)}


def _task(data: Mapping[str, str]) -> str:
    """Names the part of the answer; who sends several tells them apart by `part`."""
    return f"{data.get('id', '')}/{data.get('part', '')}"


def _message(reply: Reply, card: bodies.Body | None, data: Mapping[str, str]) -> bodies.Body:
    if card:
        return {"msgtype": "template_card", "template_card": card}
    return bodies.media(reply) or bodies.markdown(bodies.mentioned(bodies.words(reply), data) or bodies.HANDLED)


# --- in


def read(text: str, message: Read) -> Frame:
    """What one inbound frame means; `message` makes one of a callback's body, or None where it is not for the bot.
    Never raises."""
    try:
        fields = read_fields(text.encode("utf-8", "surrogatepass"))
        return _callback(fields, message) if said(fields, "cmd") else _word(fields)
    except Malformed as error:
        return Frame(parsed=Reject(400, f"a frame of the WebSocket: {error}"))


def _headers(fields: Fields) -> str:
    headers = fields.get("headers")
    return said(headers, "req_id") if isinstance(headers, dict) else ""


def _callback(fields: Fields, message: Read) -> Frame:
    cmd, body = said(fields, "cmd"), fields.get("body")
    if cmd not in (MESSAGE, EVENT) or not isinstance(body, dict):
        raise Malformed(f"{cmd[:40]} is nothing that we know, or has no body")
    if cmd == EVENT and event_type(body) == DISCONNECTED:
        reason = "another connection of the bot took over: is it served, or was it tried, from another place?"
        return Frame(then="stop", reason=reason)
    found = message({**body, REQ_ID: _headers(fields)})
    return Frame(parsed=Messages((found,) if found else (), Route("push")))


def _word(fields: Fields) -> Frame:
    number, code = _headers(fields), _code(fields)
    if not number:
        raise Malformed("it has neither a cmd nor a headers.req_id")
    words = said(fields, "errmsg")
    if number.startswith(SUBSCRIBE):
        judged = of_subscription(code, words)
        return Frame(word=(number, judged), then=_unless_ok(judged), reason=judged.reason)
    judged = of_frame(code, words, ours=number.startswith(OWN), receipt=_receipt(fields.get("body")))
    lost = code == NOT_SUBSCRIBED or (number == PING_ID and code != 0)
    return Frame(word=(number, judged), then="reconnect" if lost else "on", reason=judged.reason if lost else "")


def _unless_ok(judged: Judgement) -> Literal["on", "reconnect"]:
    """A refused subscription is tried again; how often at most, `LinkTerms.refusals` says."""
    return "on" if judged.verdict == "ok" else "reconnect"


def _code(fields: Fields) -> int:
    given = said(fields, "errcode") or "-1"
    try:
        return int(given)
    except ValueError:
        raise Malformed("errcode is no number") from None


def _receipt(body: Json) -> str:
    """The vendor's id of what it took."""
    if not isinstance(body, dict):
        return ""
    names: Sequence[str] = ("media_id", "upload_id", "msgid")
    return next((value for name in names if (value := said(body, name))), "")
