"""Template and subscribe messages: what may be sent to a customer outside the window of customer-service messages.

A flow or a broadcast says one as `Custom({"msgtype": ..., <the same>: {...}})`:
template        {template_id, data, url, miniprogram: {appid, pagepath}, client_msg_id}   a follower
subscribe       {template_id, data, page, miniprogram}                    who agreed to that template on a page
subscribe_once  {template_id, scene, title, data, url, miniprogram}       who agreed once, follower or not
A value of `data` may be a plain text or the vendor's {"value": ..., "color": ...}.

Sources: 模板消息 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html
订阅通知 https://developers.weixin.qq.com/doc/offiaccount/Subscription_Messages/api.html
一次性订阅消息 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/One-time_subscription_info.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import orjson

from adapters.message import Custom, Json, Reply, Typing

PATHS: Mapping[str, str] = {
    "template": "/cgi-bin/message/template/send",
    "subscribe": "/cgi-bin/message/subscribe/bizsend",
    "subscribe_once": "/cgi-bin/message/template/subscribe",
}
"""`msgtype` -> the call that sends it."""
KINDS = frozenset(PATHS)
CLIENT_ID_CHARS = 32


def notice(reply: Reply) -> str:
    """The kind of notice that `reply` is; empty where it is none."""
    payload = reply.payload if isinstance(reply, Custom) else None
    if not isinstance(payload, dict):
        return ""
    kind = payload.get("msgtype")
    return kind if isinstance(kind, str) and kind in KINDS and isinstance(payload.get(kind), dict) else ""


def needs_no_window(reply: Reply) -> bool:
    """A notice, or a sign of typing: no customer-service message is used up by it."""
    return isinstance(reply, Typing) or bool(notice(reply))


def notice_call(kind: str, payload: Mapping[str, Json], to: str, turn: str) -> tuple[str, dict[str, Json]]:
    """Path and body of the call that sends the notice. `turn`, if known, makes that a template message which is sent
    again within ten minutes, after a crash or a broken connection, arrives once."""
    body = {**payload[kind], "touser": to}
    data = body.get("data")
    if isinstance(data, dict):
        body["data"] = {
            str(name): value if isinstance(value, dict) else {"value": value} for name, value in data.items()
        }
    if kind == "template" and turn and "client_msg_id" not in body:
        body["client_msg_id"] = _client_id(turn, body)
    if kind == "subscribe_once" and "scene" in body:
        body["scene"] = str(body["scene"])
    return PATHS[kind], body


def _client_id(turn: str, body: Mapping[str, Json]) -> str:
    known = orjson.dumps([turn, body], option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(known).hexdigest()[:CLIENT_ID_CHARS]
