"""What WeCom takes from an AI bot: the rules that both simulators hold an answer to, by webhook and over the WebSocket.

Sources: 被动回复消息 https://developer.work.weixin.qq.com/document/path/101031
模板卡片类型 https://developer.work.weixin.qq.com/document/path/101032
主动回复消息 https://developer.work.weixin.qq.com/document/path/101138
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adapters.message import Json

CUT_S = 5.0
"""How long a webhook may take, and how long an event may be answered."""
STREAM_S = 360.0
URL_S = 3600.0
MEDIA_S = 300.0
MOST_OPEN = 3
STREAM_BYTES = 20480
IMAGES, IMAGE_BYTES = 10, 10 * 1024 * 1024
CARD_TYPES = frozenset(("text_notice", "news_notice", "button_interaction", "vote_interaction", "multiple_interaction"))
MOST = {
    "button_list": 6, "select_list": 3, "horizontal_content_list": 6, "jump_list": 3, "vertical_content_list": 4,
}  # fmt: skip
MEDIA = frozenset(("image", "voice", "video", "file"))

Object = Mapping[str, Json]


@dataclass
class Shown:
    """One thing that somebody sees in a chat with the bot; a stream changes until it is finished. `cut`: it was not
    finished in time."""

    kind: str
    text: str = ""
    card: Object = field(default_factory=dict)
    images: int = 0
    media: str = ""
    stream: str = ""
    finished: bool = True
    cut: bool = False
    feedback: str = ""

    @property
    def keys(self) -> list[str]:
        """The keys of the card's buttons."""
        return [button["key"] for button in self.card.get("button_list", [])]


class Faulty(Exception):
    """WeCom would refuse it; the text says why, `code` is the errcode."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass
class Rules:
    """Holds the answers of one bot to the rules; it remembers the task ids of its cards, which must not repeat."""

    tasks: dict[str, str] = field(default_factory=dict)

    def shown(self, body: Object, allowed: frozenset[str], updated: str = "") -> Shown:
        """What people see of `body`, whose msgtype must be one of `allowed`; `updated`: the task_id of the card that
        it takes the place of. Raises `Faulty`."""
        kind = body.get("msgtype")
        if kind not in allowed or not isinstance(kind, str):
            raise Faulty(40008, f"invalid message type {kind}")
        if kind == "stream":
            return self._stream(_object(body, "stream"))
        if kind == "template_card":
            return Shown(kind, card=self.card(_object(body, "template_card"), updated))
        if kind == "stream_with_template_card":
            shown = self._stream(_object(body, "stream"))
            shown.kind, shown.card = kind, self.card(_object(body, "template_card"), updated)
            return shown
        if kind in MEDIA:
            return Shown(kind, media=_text(_object(body, kind), "media_id"))
        return Shown(kind, text=_text(_object(body, kind), "content", STREAM_BYTES))

    def _stream(self, stream: Object) -> Shown:
        number, finished = _text(stream, "id"), bool(stream.get("finish"))
        content = stream.get("content", "")
        if not isinstance(content, str) or len(content.encode()) > STREAM_BYTES:
            raise Faulty(45002, "stream.content is no text or too long")
        items = stream.get("msg_item", [])
        if items and not finished:
            raise Faulty(40058, "msg_item before finish")
        if len(items) > IMAGES or not all(map(_is_image, items)):
            raise Faulty(40058, "msg_item is no list of 10 pictures with their md5")
        feedback = stream.get("feedback", {}).get("id", "")
        if len(feedback.encode()) > 256:
            raise Faulty(40058, "feedback.id is too long")
        return Shown("stream", content, images=len(items), stream=number, finished=finished, feedback=feedback)

    def card(self, card: Object, updated: str = "") -> Object:
        if card.get("card_type") not in CARD_TYPES:
            raise Faulty(40058, "card_type is none")
        for name, most in MOST.items():
            if len(card.get(name, [])) > most:
                raise Faulty(40058, f"{name} has more than {most}")
        if card["card_type"] == "text_notice" and not card.get("card_action"):
            raise Faulty(40058, "card_action is missing")
        if card["card_type"] == "button_interaction":
            _check_buttons(card.get("button_list"))
            self._check_task(card, updated)
        return card

    def _check_task(self, card: Object, updated: str) -> None:
        task = card.get("task_id", "")
        if not re.fullmatch(r"[0-9A-Za-z_@-]{1,128}", task):
            raise Faulty(40058, "task_id is none")
        if updated and task != updated:
            raise Faulty(40058, "task_id is not the one that was tapped")
        whole = repr(card)
        if not updated and self.tasks.setdefault(task, whole) != whole:
            raise Faulty(40058, "task_id is another card's")


def merged(shown: list[Shown], new: Shown) -> Shown:
    """`new` among what is seen already: the same stream is the same message. Raises `Faulty` for another end."""
    for old in shown:
        if new.stream and old.stream == new.stream:
            if old.finished and (new.text, new.finished) != (old.text, True):
                raise Faulty(40058, "the stream is finished")
            old.kind, old.text, old.finished = new.kind, new.text, new.finished
            old.card, old.images = new.card or old.card, new.images or old.images
            return old
    shown.append(new)
    return new


def selected(choices: Mapping[str, list[str]]) -> Json:
    """The choices of a vote or of several lists, as a tap on its button tells them."""
    return {"selected_item": [{"question_key": key, "option_ids": {"option_id": ids}} for key, ids in choices.items()]}


def said_with(text: str, quote: str) -> dict[str, Json]:
    more = {"quote": {"msgtype": "text", "text": {"content": quote}}} if quote else {}
    return {"msgtype": "text", "text": {"content": text}, **more}


Clock = Callable[[], float]


def _object(body: Object, name: str) -> Object:
    value = body.get(name)
    if not isinstance(value, dict):
        raise Faulty(40058, f"{name} is missing")
    return value


def _text(body: Object, name: str, most: int = 1 << 20) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Faulty(44004, f"{name} is empty")
    if len(value.encode()) > most:
        raise Faulty(45002, f"{name} is too long")
    return value


def _is_image(item: Json) -> bool:
    try:
        data = base64.b64decode(item["image"]["base64"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        return False
    return len(data) <= IMAGE_BYTES and hashlib.md5(data, usedforsecurity=False).hexdigest() == item["image"]["md5"]


def _check_buttons(buttons: Json) -> None:
    if not buttons:
        raise Faulty(40058, "button_list is empty")
    keys = [button.get("key", "") for button in buttons]
    if len(set(keys)) < len(keys) or not all(0 < len(key.encode()) <= 1024 for key in keys):
        raise Faulty(40058, "the keys of button_list are missing, too long or not different")
    if not all(button.get("text") for button in buttons):
        raise Faulty(40058, "a button has no text")
