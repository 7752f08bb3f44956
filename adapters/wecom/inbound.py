"""What WeCom pushes to an app: a decrypted callback's fields -> our `Message`.

Sources: 接收消息格式 https://developer.work.weixin.qq.com/document/path/90239
接收事件格式 https://developer.work.weixin.qq.com/document/path/90240
通讯录回调通知 https://developer.work.weixin.qq.com/document/path/90970
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.contents import content_of
from adapters.fields import LATEST_TIME, Fields, Malformed, leaves, said, whole
from adapters.message import Address, Content, Event, Message, Text

CHANNEL = "wecom"
OUR_CARD = "yd-"
"""What the task_id of a card starts with whose buttons hold what they say when they are tapped."""

EVENT_NAMES: Mapping[str, str] = {"enter_agent": "enter"}
"""Our names, where they are not WeCom's in lower case."""

EVENT_KEYS: Mapping[str, str] = {
    "change_contact": "change_type",
    "change_external_contact": "change_type",
    "change_external_chat": "change_type",
    "change_external_tag": "change_type",
    "batch_job_result": "batch_job.job_type",
    "kf_msg_or_event": "open_kf_id",
    "sys_approval_change": "approval_info.sp_no",
    "open_approval_change": "approval_info.third_no",
}
"""The part of `data` that is an event's `key`, where it is not EventKey."""

SUBJECTS = ("task_id", "user_id", "id", "tag_id", "external_user_id", "chat_id", "batch_job.job_id")
"""Parts of `data` that say whom or what an event is about: one second can see many members changed, all by `sys`."""

QUIET = frozenset(
    ("change_contact", "change_external_contact", "change_external_chat", "change_external_tag", "batch_job_result",
     "msgaudit_notify", "kf_msg_or_event", "unsubscribe", "sys_approval_change", "open_approval_change")
)  # fmt: skip
"""Events that nobody waits for an answer to."""

_ENVELOPE = frozenset(("ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "AgentID"))


def read_message(fields: Fields, account: str) -> Message:
    """Raises `Malformed` where what every callback has is missing or no number is where one must be."""
    sender, kind = said(fields, "FromUserName"), said(fields, "MsgType").lower()
    for name in ("FromUserName", "ToUserName", "CreateTime", "MsgType"):
        if not said(fields, name):
            raise Malformed(f"<{name}> is missing")
    at = whole(fields, "CreateTime")
    if at > LATEST_TIME:
        raise Malformed("<CreateTime> is no time")
    address = Address(CHANNEL, account, sender, sender)
    if kind != "event":
        identity = said(fields, "MsgId") or f"{sender}:{said(fields, 'CreateTime')}:{kind}"
        return Message(identity, address, content_of(fields, kind), float(at), raw=fields)
    event = _event(fields)
    return Message(_identity(fields, event), address, _meant(fields, event), float(at), raw=fields)


def _event(fields: Fields) -> Event:
    vendor_name = said(fields, "Event").lower()
    if not vendor_name:
        raise Malformed("<Event> is missing")
    data = {name: value for name, value in leaves(fields, but=_ENVELOPE) if value}
    key = data.get(EVENT_KEYS.get(vendor_name, "event_key"), "")
    return Event(EVENT_NAMES.get(vendor_name, vendor_name), key, data)


def _meant(fields: Fields, event: Event) -> Content:
    """A tapped button of a card of ours says what it was made to say."""
    return Text(event.key) if is_tap(fields) and event.key else event


def is_tap(fields: Fields) -> bool:
    """Whether a button of a card of ours was tapped."""
    return said(fields, "Event").lower() == "template_card_event" and said(fields, "TaskId").startswith(OUR_CARD)


def is_quiet(message: Message) -> bool:
    return isinstance(message.content, Event) and message.content.name in QUIET


def _identity(fields: Fields, event: Event) -> str:
    """Events have no MsgId: who, when, what and whom it is about tell them apart."""
    about = (event.data.get(name, "") for name in SUBJECTS)
    parts = (said(fields, "FromUserName"), said(fields, "CreateTime"), said(fields, "Event").lower(), event.key, *about)
    return ":".join(part for part in parts if part)
