"""Calls that speak to a customer: messages, answers to events, transfers.

Sources: 发送消息 https://developer.work.weixin.qq.com/document/path/94677
发送欢迎语等事件响应消息 https://developer.work.weixin.qq.com/document/path/95122
分配客服会话 https://developer.work.weixin.qq.com/document/path/94669
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from adapters.channel import Limits, Outgoing
from adapters.degrade import size, split
from adapters.message import Button, Card, Custom, File, Image, Json, Reply, Text, Transfer, Video, Voice
from adapters.wecom.api import Api
from adapters.wecom_kf.inbound import State

SEND = "/cgi-bin/kf/send_msg"
SEND_ON_EVENT = "/cgi-bin/kf/send_msg_on_event"
TRANSFER = "/cgi-bin/kf/service_state/trans"

WINDOW_COUNT, WINDOW_S = 5, 48 * 3600.0
"""How many messages one of the customer's allows, and for how long."""
MAX_ITEMS = 10
HEAD_BYTES = 1024
CLICK_BYTES, CLICK_ID_BYTES, VIEW_BYTES = 128, 64, 1024

PUSH = Limits(
    shows=frozenset(("text", "image", "voice", "video", "file", "card", "transfer")),
    text_bytes=2048,
    card_bytes=HEAD_BYTES,
    buttons=MAX_ITEMS,
    push_count=WINDOW_COUNT,
    push_window_s=WINDOW_S,
    media_only=True,
    transfer_speaks=False,
    custom_types=frozenset(
        ("text", "image", "voice", "video", "file", "link", "miniprogram", "msgmenu", "location", "business_card",
         "ca_link")
    ),
)  # fmt: skip
"""A link needs a picture that was uploaded (`thumb_media_id`): a `Link` is shown as text, one by `Custom` as it is."""
ON_EVENT = replace(PUSH, shows=frozenset(("text", "card")), custom_types=frozenset(("text", "msgmenu")), push_count=1)
"""What a code allows: one text or menu."""
ON_EVENT_TEXT = replace(ON_EVENT, shows=frozenset(("text",)), custom_types=frozenset(("text",)), buttons=0)
"""What the code of a session that was taken over allows: one text."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Makes the calls of one account."""

    api: Api
    open_kfid: str

    def send(self, reply: Reply, to: str) -> Outgoing:
        """`reply`, which fits `PUSH`."""
        if isinstance(reply, Transfer):
            return self.transfer(to, State.HUMAN if reply.servicer else State.POOL, reply.servicer)
        return self.api.call(SEND, message(reply) | {"touser": to, "open_kfid": self.open_kfid})

    def send_on_event(self, reply: Reply, code: str) -> Outgoing:
        """`reply`, which fits `ON_EVENT`."""
        return self.api.call(SEND_ON_EVENT, message(reply) | {"code": code})

    def transfer(self, customer: str, state: State, servicer: str = "") -> Outgoing:
        body: dict[str, Json] = {"open_kfid": self.open_kfid, "external_userid": customer, "service_state": int(state)}
        return self.api.call(TRANSFER, body | ({"servicer_userid": servicer} if servicer else {}))


def message(reply: Reply) -> dict[str, Json]:
    """The part of a call's body that says what is shown."""
    match reply:
        case Text(text):
            return _of("text", content=text)
        case Image(media=media):
            return _of("image", media_id=media)
        case Voice(media=media):
            return _of("voice", media_id=media)
        case Video(media=media):
            return _of("video", media_id=media)
        case File(media=media):
            return _of("file", media_id=media)
        case Card(data=data) if "app_id" in data:
            return _mini_program(reply.title or reply.text, data)
        case Card():
            return _menu(reply)
        case Custom(payload):
            return dict(payload)
        case _:
            raise TypeError(f"{type(reply).__name__} is no message of customer service: fit it first")


def _of(kind: str, **content: Json) -> dict[str, Json]:
    return {"msgtype": kind, kind: content}


def _mini_program(title: str, data: Mapping[str, str]) -> dict[str, Json]:
    return _of(
        "miniprogram",
        appid=data["app_id"],
        title=title,
        thumb_media_id=data.get("thumb", ""),
        pagepath=data.get("page_path", ""),
    )


def _menu(card: Card) -> dict[str, Json]:
    head = "\n".join(part for part in (card.title, card.text) if part)
    items = [_item(n, button) for n, button in enumerate(card.buttons, 1)]
    return _of("msgmenu", head_content=head, list=items)


def _item(place: int, button: Button) -> dict[str, Json]:
    """A tapped item comes back as a text with its id: a payload that fits is the id, so that it is understood however
    much later it is tapped."""
    title = button.title or button.payload or button.url or str(place)
    if button.url:
        return {"type": "view", "view": {"url": button.url, "content": clipped(title, VIEW_BYTES)}}
    fits = button.payload.startswith("/") and size(button.payload) <= CLICK_ID_BYTES
    named = button.payload if fits else str(place)
    return {"type": "click", "click": {"id": named, "content": clipped(title, CLICK_BYTES)}}


def clipped(text: str, most_bytes: int) -> str:
    """`text`, cut between characters where it is longer."""
    return text if size(text) <= most_bytes else f"{split(text, most_bytes - 3)[0]}…"
