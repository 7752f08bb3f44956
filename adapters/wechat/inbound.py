"""What WeChat pushes to us: a decrypted body's fields -> our `Message`.

Sources: 接收普通消息 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html
接收事件推送 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.contents import content_of
from adapters.fields import LATEST_TIME, Fields, Malformed, leaves, said, whole
from adapters.message import Address, Event, Message


def read_message(fields: Fields, account: str) -> Message:
    """Raises `Malformed` where what every push has is missing or no number is where one must be."""
    sender, kind = said(fields, "FromUserName"), said(fields, "MsgType").lower()
    for name in ("FromUserName", "ToUserName", "CreateTime", "MsgType"):
        if not said(fields, name):
            raise Malformed(f"<{name}> is missing")
    at = whole(fields, "CreateTime")
    if at > LATEST_TIME:
        raise Malformed("<CreateTime> is no time")
    content = _event(fields) if kind == "event" else content_of(fields, kind)
    raw = {name: value for name, value in fields.items() if name != "Encrypt"}
    return Message(_identity(fields, kind), Address("wechat", account, sender, sender), content, float(at), raw=raw)


def _identity(fields: Fields, kind: str) -> str:
    """MsgId; events have none, and a sender has each event with its key once a second."""
    if kind != "event" and (number := said(fields, "MsgId")):
        return number
    event = said(fields, "Event").lower()
    what = (event, _event_key(fields, event)) if kind == "event" else (kind,)
    return ":".join(part for part in (said(fields, "FromUserName"), said(fields, "CreateTime"), *what) if part)


# --- events --------------------------------------------------------------------------------------------------

EVENT_NAMES: Mapping[str, str] = {
    "templatesendjobfinish": "template_result",
    "kf_create_session": "session_open",
    "kf_close_session": "session_close",
    "user_enter_tempsession": "enter",
}
"""Our names, where they are not the vendor's in lower case."""

EVENT_KEYS: Mapping[str, str] = {
    "templatesendjobfinish": "MsgID",
    "kf_create_session": "KfAccount",
    "kf_close_session": "KfAccount",
    "kf_switch_session": "ToKfAccount",
    "user_enter_tempsession": "SessionFrom",
}
"""The field that is an event's `key`, where it is not EventKey."""

SCENE = "qrscene_"
"""Before the QR code's scene in the EventKey of who subscribes by scanning; a scan has the scene alone."""

_ENVELOPE = frozenset(("ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "Encrypt"))


def _event(fields: Fields) -> Event:
    vendor_name = said(fields, "Event").lower()
    if not vendor_name:
        raise Malformed("<Event> is missing")
    key = _event_key(fields, vendor_name)
    if vendor_name == "subscribe":
        key = key.removeprefix(SCENE)
    data = {name: value for name, value in leaves(fields, but=_ENVELOPE) if value}
    return Event(EVENT_NAMES.get(vendor_name, vendor_name), key, data)


def _event_key(fields: Fields, vendor_name: str) -> str:
    return said(fields, EVENT_KEYS.get(vendor_name, "EventKey"))
