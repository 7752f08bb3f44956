"""Template cards (模板卡片): our `Card` as one whose buttons can be tapped, and updates of a card that was tapped.

Sources: 发送应用消息 模板卡片消息 https://developer.work.weixin.qq.com/document/path/90236
被动回复消息格式 模板卡片更新消息 https://developer.work.weixin.qq.com/document/path/90241
更新模版卡片消息 https://developer.work.weixin.qq.com/document/path/94888
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from adapters.markup import cdata
from adapters.message import Button, Card, Json

BUTTONS = 6
TEXT_BYTES = 336
"""WeCom advises 112 characters (sub_title_text): more of a card's text is sent before it."""
TITLE = 26
UPDATES = frozenset(("update_button", "update_template_card"))
"""`msgtype`s of `Custom` payloads that change the card which was tapped, instead of saying something."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def button_card(card: Card, task_id: str) -> dict[str, Json]:
    """A button_interaction card; what a button says stands in its key (1024 bytes) and comes back as EventKey."""
    title, text = (card.title, card.text) if len(card.title) <= TITLE else ("", f"{card.title}\n{card.text}")
    body: dict[str, Json] = {"card_type": "button_interaction", "task_id": task_id}
    body["main_title"] = {"title": title or (text.strip() or "请选择").splitlines()[0][:TITLE]}
    if text.strip():
        body["sub_title_text"] = text
    if card.url:
        body["card_action"] = {"type": 1, "url": card.url}
    return body | {"button_list": [_button(button) for button in card.buttons]}


def _button(button: Button) -> dict[str, Json]:
    words = button.title or button.payload or button.url
    if button.url:
        return {"type": 1, "text": words, "style": 2, "url": button.url}
    key = (button.payload or button.title).encode("utf-8", "replace")[:1024].decode("utf-8", "ignore")
    return {"type": 0, "text": words, "style": 1, "key": key}


def update_body(payload: Mapping[str, Json]) -> dict[str, Json]:
    """What a call of update_template_card says of a `Custom` payload of `UPDATES`."""
    part = "button" if payload.get("msgtype") == "update_button" else "template_card"
    return {part: payload.get(part) or {}}


def update_xml(payload: Mapping[str, Json], sender: str, receiver: str, time: int) -> bytes:
    """The passive reply that updates the card: its JSON fields under WeCom's names in XML."""
    kind = str(payload["msgtype"])
    head = (
        f"<ToUserName><![CDATA[{cdata(receiver)}]]></ToUserName><FromUserName><![CDATA[{cdata(sender)}]]></FromUserName>"
        f"<CreateTime>{time}</CreateTime><MsgType><![CDATA[{kind}]]></MsgType>"
    )
    return f"<xml>{head}{_elements(update_body(payload))}</xml>".encode("utf-8", "replace")


def _elements(fields: Mapping[str, Json]) -> str:
    return "".join(_element(str(name), value) for name, value in fields.items() if _NAME.fullmatch(str(name)))


def _element(name: str, value: Json) -> str:
    """`button_list: [{…}, {…}]` is `<ButtonList>…</ButtonList><ButtonList>…</ButtonList>`."""
    tag = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    match value:
        case dict():
            return f"<{tag}>{_elements(value)}</{tag}>"
        case list() | tuple():
            return "".join(_element(name, item) for item in value)
        case bool():
            return f"<{tag}>{'true' if value else 'false'}</{tag}>"
        case int() | float():
            return f"<{tag}>{value}</{tag}>"
        case _:
            return f"<{tag}><![CDATA[{cdata('' if value is None else str(value))}]]></{tag}>"
