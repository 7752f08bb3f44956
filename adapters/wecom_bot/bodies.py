"""What an AI bot answers, as WeCom's JSON: streams, cards, welcomes, media. What it says is Markdown throughout.

Sources: 被动回复消息 https://developer.work.weixin.qq.com/document/path/101031
模板卡片类型 https://developer.work.weixin.qq.com/document/path/101032
主动回复消息 https://developer.work.weixin.qq.com/document/path/101138
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from adapters.degrade import as_json, markdown_to_text, numbered, size, split
from adapters.groups import MENTION
from adapters.markup import cleaned
from adapters.message import Button, Card, Custom, File, Image, Json, Link, Markdown, News, Reply, Text, Video, Voice
from adapters.pictures import is_inline, picture_body

STREAM_BYTES = 20480
MENTION_BYTES = 80
"""Room for `<@userid>` before the words: a userid has 64 bytes at most."""
IMAGES = 10
"""Pictures at the end of one stream."""
FEEDBACK_BYTES = 256
BUTTONS, LINKS = 6, 6
"""Most items of button_list and of horizontal_content_list."""
BUTTON_CHARACTERS, CARD_CHARACTERS, TITLE_CHARACTERS = 10, 112, 26
"""What WeCom shows of a button, of a card's text and of its title; the rest would be cut, so more is said in words."""
KEY_BYTES = 1024
HANDLED = "（已处理）"
"""Ends a stream that was opened and to which there is nothing to say: an empty one goes on showing that we think."""

Body = dict[str, Json]


# --- words


def words(reply: Reply) -> str:
    """A reply as Markdown; empty for what is not said in words."""
    match reply:
        case Text(text) | Markdown(text):
            return text
        case Link(url, title, description, image):
            picture = f"![]({_url(image)})" if image else ""
            return _lines(f"[{_label(title or url)}]({_url(url)})" if url else title, description, picture)
        case News(articles):
            return "\n\n".join(words(article) for article in articles)
        case Image(url, _, alt) if url:
            return f"![{_label(alt)}]({_url(url)})"
        case Image(alt=alt):
            return alt or "[图片]"
        case Card():
            links = [button for button in reply.buttons if button.url]
            taps = numbered([button for button in reply.buttons if not button.url])
            pages = [f"[{_label(button.title or button.url)}]({_url(button.url)})" for button in links]
            picture = f"![]({_url(reply.image)})" if reply.image else ""
            return _lines(reply.title, reply.text, picture, reply.url, *pages, taps)
        case Custom(payload):
            return as_json(payload)
        case _:
            return ""


def mentioned(text: str, data: Mapping[str, str]) -> str:
    """`text` to whom the route says."""
    userid = data.get(MENTION, "")
    return f"<@{userid}> {text}" if userid and text else text


def within(text: str, most: int = STREAM_BYTES) -> str:
    """As much of `text` as goes into one message."""
    return text if size(text) <= most else split(text, most)[0]


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _label(text: str) -> str:
    return text.replace("[", "［").replace("]", "］").replace("\n", " ")


def _url(url: str) -> str:
    return url.replace(" ", "%20").replace("(", "%28").replace(")", "%29").replace("\n", "")


# --- bodies


def stream(number: str, content: str, *, finish: bool, images: Sequence[Image] = (), feedback: bool = False) -> Body:
    """`content` is all that is said so far. With `feedback` people may say what they think of it: the event names
    the stream."""
    body: Body = {"id": number, "finish": finish, "content": within(content)}
    items = [item for image in images if (item := picture_body(image))]
    if finish and items:
        body["msg_item"] = items[:IMAGES]
    if feedback:
        body["feedback"] = {"id": within(number, FEEDBACK_BYTES)}
    return body


def markdown(text: str) -> Body:
    return {"msgtype": "markdown", "markdown": {"content": within(text)}}


def welcome(replies: Sequence[Reply], task: str) -> Body | None:
    """A greeting is one plain text or one card: where there is a card, what else is said stands in it."""
    cards = [card for reply in replies if (card := template_card(reply, task))]
    spoken = _lines(*(_plain(reply) for reply in replies if not template_card(reply, task)))
    if cards:
        if spoken:
            cards[0]["sub_title_text"] = _lines(spoken, cards[0].get("sub_title_text", ""))
        return {"msgtype": "template_card", "template_card": cards[0]}
    return {"msgtype": "text", "text": {"content": within(spoken)}} if spoken else None


def _plain(reply: Reply) -> str:
    return markdown_to_text(words(reply)) if isinstance(reply, Markdown) else words(reply)


def media(reply: Reply) -> Body | None:
    """Something that was uploaded, by its media id."""
    match reply:
        case Image(media=number) | Voice(media=number) | File(media=number) if number and not is_inline(reply):
            kind = type(reply).__name__.lower()
            return {"msgtype": kind, kind: {"media_id": number}}
        case Video(media=number) if number:
            said = {
                "media_id": number,
                "title": within(reply.title, 128),
                "description": within(reply.description, 512),
            }
            return {"msgtype": "video", "video": {name: value for name, value in said.items() if value}}
        case _:
            return None


# --- cards


def template_card(reply: Reply, task: str) -> Body | None:
    """The card that shows `reply`; None where none can, so that it is said in words. `task` begins the task_id, which
    no other card of the bot may have."""
    match reply:
        case Custom({"msgtype": "template_card", "template_card": dict(card)}):
            return dict(card)
        case Card(data=data) if data.get("app_id") and not reply.buttons:
            return _page(reply)
        case Card() if _fits(reply):
            card = _buttons(reply)
            return card | {"task_id": task_id(task, card)}
        case _:
            return None


def task_id(task: str, card: Body) -> str:
    """The same for the same card in the same answer, so that sending it again is no second one."""
    return hashlib.sha256(f"{task}\n{cleaned(card)}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _fits(card: Card) -> bool:
    taps = [button for button in card.buttons if not button.url]
    pages = len(card.buttons) - len(taps) + bool(card.image)
    shown = all(len(button.title or button.payload) <= BUTTON_CHARACTERS for button in taps)
    named = all(button.title.strip() or button.payload.strip() for button in taps)
    short = len(card.text) <= CARD_CHARACTERS and len(card.title) <= TITLE_CHARACTERS
    return 0 < len(taps) <= BUTTONS and pages <= LINKS and shown and named and short


def _buttons(card: Card) -> Body:
    pages = [("网页", button.title or button.url, button.url) for button in card.buttons if button.url]
    pages += [("图片", "查看", card.image)] if card.image else []
    taps = [button for button in card.buttons if not button.url]
    head = {"main_title": {"title": card.title}} if card.title else {}
    text = {"sub_title_text": card.text} if card.text else {}
    whole = {"card_action": {"type": 1, "url": card.url}} if card.url else {}
    listed = [{"keyname": name, "value": value, "type": 1, "url": url} for name, value, url in pages]
    return {
        "card_type": "button_interaction",
        **(head or text or {"main_title": {"title": "请选择"}}),
        **text,
        **({"horizontal_content_list": listed} if listed else {}),
        **whole,
        "button_list": _taps(taps),
    }


def _taps(buttons: Sequence[Button]) -> list[Body]:
    """A key comes back when its button is tapped. No two may be equal: white space after it tells them apart."""
    keys: list[str] = []
    for button in buttons:
        key = button.payload or button.title
        key = key if size(key) <= KEY_BYTES - BUTTONS else button.title
        while key in keys:
            key += " "
        keys.append(key)
    shown = [button.title or button.payload for button in buttons]
    return [{"text": text, "style": 1, "key": key} for text, key in zip(shown, keys, strict=True)]


def _page(card: Card) -> Body:
    """A mini program's page."""
    action = {"type": 2, "appid": card.data["app_id"], "pagepath": card.data.get("page_path", "")}
    text = {"sub_title_text": card.text} if card.text else {}
    title = {"title": card.title or card.text or "小程序"}
    return {"card_type": "text_notice", "main_title": title, **text, "card_action": action}
