"""What `sync_msg` gives: one page of messages and events -> our `Message`s, and who owns which conversation.

Source: 接收消息和事件 https://developer.work.weixin.qq.com/document/path/94670
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from adapters.errcodes import read_json
from adapters.fields import LATEST_TIME, Fields, Malformed, as_texts, degrees, leaves, said, whole
from adapters.message import (
    Address,
    Card,
    Content,
    Custom,
    Event,
    File,
    Image,
    Json,
    Link,
    Location,
    Message,
    Text,
    Video,
    Voice,
)

CHANNEL = "wecom_kf"
MAX_ID = 128
WELCOME_S, QUEUE_S, CLOSE_S = 20.0, 48 * 3600.0, 20.0
"""How long a code is good: of who comes in, of a session that a servicer takes, of one that has ended."""
POOL = "kf:pool"
"""Owns the conversations of customers who wait for a human."""


class Origin(IntEnum):
    CUSTOMER = 3
    SYSTEM = 4
    SERVICER = 5


class State(IntEnum):
    """Of a session, by the vendor's numbers. https://developer.work.weixin.qq.com/document/path/94669"""

    NEW = 0
    BOT = 1
    POOL = 2
    HUMAN = 3
    ENDED = 4


class Change(IntEnum):
    """What a servicer did with a session: `session_status_change` knows no other."""

    ACCEPTED = 1
    SWITCHED = 2
    ENDED = 3
    RESUMED = 4


@dataclass(frozen=True, slots=True)
class Item:
    """One message or event of a page. `owner`: whose the conversation is after it (empty: the bot's); None: it says
    nothing of that."""

    message: Message
    origin: int
    owner: str | None = None

    @property
    def wrote(self) -> bool:
        """The customer wrote."""
        return self.origin == Origin.CUSTOMER


@dataclass(frozen=True, slots=True)
class Page:
    items: tuple[Item, ...]
    cursor: str
    more: bool


def read_page(body: bytes, account: str, open_kfid: str) -> Page | None:
    """One answer of sync_msg whose errcode is 0; None where it is not what the vendor sends. An item that cannot be
    read is left out: waiting for it would hold up all who wrote after."""
    answer = read_json(body)
    if answer is None or not isinstance(answer.get("next_cursor", ""), str):
        return None
    items = tuple(_items(answer.get("msg_list") or (), account, open_kfid))
    return Page(items, answer.get("next_cursor", ""), answer.get("has_more") == 1)


def _items(given: Json, account: str, open_kfid: str) -> Iterator[Item]:
    for each in given if isinstance(given, Sequence) and not isinstance(given, str) else ():
        try:
            fields = as_texts(each)
            item = read_item(fields, account) if isinstance(fields, dict) else None
        except Malformed:
            continue
        if item is not None and _of_account(fields, open_kfid):
            yield item


def _of_account(fields: Fields, open_kfid: str) -> bool:
    """sync_msg gives what every account of the app has where the vendor does not know open_kfid yet."""
    event = fields.get("event")
    own = said(event if isinstance(event, dict) else fields, "open_kfid") or said(fields, "open_kfid")
    return own in ("", open_kfid)


def read_item(fields: Fields, account: str) -> Item | None:
    """Raises `Malformed`; None for what concerns no customer and no servicer."""
    kind, event = said(fields, "msgtype"), fields.get("event")
    inner: Fields = event if isinstance(event, dict) else {}
    customer = said(fields, "external_userid") or said(inner, "external_userid")
    servicer = said(fields, "servicer_userid") or said(inner, "servicer_userid")
    if not (number := said(fields, "msgid")) or len(number) > MAX_ID:
        raise Malformed("msgid is missing")
    if (at := whole(fields, "send_time")) > LATEST_TIME:
        raise Malformed("send_time is no time")
    origin = whole(fields, "origin")
    if not (chat := customer or (f"servicer:{servicer}" if servicer else "")):
        return None
    if origin == Origin.SERVICER:
        content: Content = _by_servicer(fields, kind, servicer)
        owner = f"kf:{servicer}" if servicer else None
    elif kind == "event":
        content, owner = _event(inner), _owner_after(inner)
    else:
        content, owner = _content(fields, kind), None
    address = Address(CHANNEL, account, chat, chat)
    sender = servicer if origin == Origin.SERVICER else customer
    return Item(Message(number, address, content, float(at), sender=sender, raw=fields), origin, owner)


# --- messages ------------------------------------------------------------------------------------------------


def _content(fields: Fields, kind: str) -> Content:
    inner, reader = fields.get(kind), CONTENTS.get(kind)
    if reader is None or not isinstance(inner, dict):
        return Custom(fields)
    try:
        return reader(inner)
    except Malformed:
        # the page is not given again: who wrote it is answered, even if not understood
        return Custom(fields)


def _text(text: Fields) -> Text:
    """An item of a menu that was tapped is said by its words; its id says more where it is a payload."""
    payload = said(text, "menu_id")
    return Text(payload if payload.startswith("/") else said(text, "content"))


def _location(place: Fields) -> Location:
    return Location(
        degrees(said(place, "latitude")),
        degrees(said(place, "longitude")),
        said(place, "address"),
        poi=said(place, "name"),
    )


def _link(link: Fields) -> Link:
    return Link(said(link, "url"), said(link, "title"), said(link, "desc"), said(link, "pic_url"))


def _mini_program(page: Fields) -> Card:
    named = {"app_id": said(page, "appid"), "page_path": said(page, "pagepath"), "thumb": said(page, "thumb_media_id")}
    return Card(title=said(page, "title"), data={name: value for name, value in named.items() if value})


def _menu(menu: Fields) -> Text:
    """A menu that a customer forwards: its words in lines."""
    items = menu.get("list")
    lines = [said(menu, "head_content")]
    for item in items if isinstance(items, list) else ():
        inner = item.get(said(item, "type")) if isinstance(item, dict) else None
        lines.append(said(inner, "content") if isinstance(inner, dict) else "")
    return Text("\n".join(line for line in [*lines, said(menu, "tail_content")] if line))


def _product(product: Fields) -> Card:
    """A product that is asked about from a shop of WeChat's channels."""
    return Card(
        title=said(product, "title"), text=said(product, "shop_nickname"), image=said(product, "head_img"),
        data=dict(leaves(product)),
    )  # fmt: skip


def _order(order: Fields) -> Card:
    """An order that is asked about from a shop of WeChat's channels."""
    return Card(
        title=said(order, "product_titles"), text=said(order, "price_wording"), image=said(order, "image_url"),
        data=dict(leaves(order)),
    )  # fmt: skip


CONTENTS: Mapping[str, Callable[[Fields], Content]] = {
    "text": _text,
    "image": lambda m: Image(media=said(m, "media_id")),
    "voice": lambda m: Voice(media=said(m, "media_id"), format="amr"),
    "video": lambda m: Video(media=said(m, "media_id")),
    "file": lambda m: File(media=said(m, "media_id")),
    "location": _location,
    "link": _link,
    "miniprogram": _mini_program,
    "msgmenu": _menu,
    "channels_shop_product": _product,
    "channels_shop_order": _order,
}
"""How each msgtype is read; one that is not here (`business_card`, `note`, ...) is passed on as `Custom`."""


def _by_servicer(fields: Fields, kind: str, servicer: str) -> Event:
    """What a servicer writes to the customer is no customer's message: it is kept as something that happened."""
    inner = fields.get(kind)
    content = dict(leaves(inner)) if isinstance(inner, dict) else {}
    return Event("servicer_message", servicer, {"msgtype": kind} | content)


# --- events --------------------------------------------------------------------------------------------------

KEYS: Mapping[str, str] = {
    "enter_session": "scene",
    "msg_send_fail": "fail_msgid",
    "servicer_status_change": "servicer_userid",
    "user_recall_msg": "recall_msgid",
    "servicer_recall_msg": "recall_msgid",
    "reject_customer_msg_switch_change": "servicer_userid",
}
"""The field that is an event's `key`."""

SESSION_NAMES: Mapping[int, str] = {
    Change.ACCEPTED: "session_open",
    Change.ENDED: "session_close",
    Change.RESUMED: "session_open",
}

FAILURES: Mapping[str, str] = {
    "0": "for an unknown reason",
    "1": "the customer-service account is deleted",
    "2": "the app is closed",
    "4": "the session is older than 48 hours",
    "5": "the session is closed",
    "6": "more than 5 messages were sent for one of the customer's",
    "7": "no channel (视频号) is bound to the account",
    "8": "the company is not verified",
    "9": "no channel (视频号) is bound to the account and the company is not verified",
    "10": "the customer rejects messages of this account",
    "11": "no member of the company is logged in to the WeCom app",
    "12": "the type of message is not allowed here",
    "13": "it is refused for security",
}
"""fail_type of `msg_send_fail`, for operators."""


def _event(event: Fields) -> Event:
    name = said(event, "event_type")
    if not name:
        raise Malformed("event_type is missing")
    data = {path: value for path, value in leaves(event) if value and path != "event_type"}
    if name == "session_status_change":
        key = said(event, "new_servicer_userid") or said(event, "old_servicer_userid")
        return Event(SESSION_NAMES.get(whole(event, "change_type"), name), key, data)
    if name == "msg_send_fail":
        data["reason"] = FAILURES.get(said(event, "fail_type"), "for a reason that is not known here")
    key = said(event, KEYS.get(name, ""))
    if name == "enter_session" and said(event, "welcome_code"):
        # only who is new, or comes back after two days, may be welcomed; others just open the chat again
        return Event("welcome", key, data)
    return Event(name, key, data)


def _owner_after(event: Fields) -> str | None:
    if said(event, "event_type") != "session_status_change":
        return None
    if whole(event, "change_type") == Change.ENDED:
        return ""
    servicer = said(event, "new_servicer_userid")
    return f"kf:{servicer}" if servicer else None


@dataclass(frozen=True, slots=True)
class Code:
    """Allows one message about an event, for `seconds` after it; `text_only`: no menu.
    https://developer.work.weixin.qq.com/document/path/95122"""

    code: str
    seconds: float
    text_only: bool = False


def event_code(message: Message) -> Code | None:
    """The code that came with this message, if it is an event that may be answered."""
    if not isinstance(message.content, Event):
        return None
    data = message.content.data
    if message.content.name == "welcome":
        return Code(data.get("welcome_code", ""), WELCOME_S)
    if not (code := data.get("msg_code", "")):
        return None
    closed = message.content.name == "session_close"
    return Code(code, CLOSE_S if closed else QUEUE_S, text_only=not closed)
