"""Cards: interactive ones, whose buttons come back to us, and AI cards, which long answers are typed into.

Sources: 创建并投放卡片 https://open.dingtalk.com/document/orgapp/create-and-deliver-cards
AI 卡片流式更新 https://open.dingtalk.com/document/development/api-streamingupdate
按钮组 and 回传请求 https://open.dingtalk.com/document/development/event-callback-card
flowStatus: https://github.com/open-dingtalk/dingtalk-stream-sdk-python (card_replier.py)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson

from adapters.channel import Outgoing
from adapters.dingtalk.inbound import CHAT, PAYLOAD, TITLE, fingerprint
from adapters.dingtalk.outbound import card_text, encoded, name
from adapters.message import Button, Card, Json, Markdown, Reply, Text

CREATE = "/v1.0/card/instances/createAndDeliver"
UPDATE = "/v1.0/card/instances"
STREAM = "/v1.0/card/streaming"
PROCESSING, INPUTING, FINISHED = "1", "2", "3"
"""flowStatus."""
TYPED_FROM_CHARS = 120
"""A text so long is typed into the AI card, where the account has one; a shorter one is sent as it is."""
CHUNK_CHARS = 80
MOST_UPDATES = 12
"""A longer text is typed in larger chunks: the vendor counts every update as a call of its API."""
CHOSEN = "chosen"
"""The template's variable that shows what was chosen."""


@dataclass(frozen=True, slots=True)
class Space:
    """Where a card goes: to the group `chat`, else to the user `to`, of the robot `robot`."""

    robot: str
    to: str = ""
    chat: str = ""
    mention: str = ""

    def fields(self) -> dict[str, Json]:
        if not self.chat:
            deliver = {"spaceType": "IM_ROBOT", "robotCode": self.robot}
            return {
                "openSpaceId": f"dtv1.card//IM_ROBOT.{self.to}",
                "imRobotOpenSpaceModel": {"supportForward": True},
                "imRobotOpenDeliverModel": deliver,
            }
        mentioned = {"atUserIds": {self.mention: self.mention}} if self.mention else {}
        return {
            "openSpaceId": f"dtv1.card//IM_GROUP.{self.chat}",
            "imGroupOpenSpaceModel": {"supportForward": True},
            "imGroupOpenDeliverModel": {"robotCode": self.robot} | mentioned,
        }


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of one account. `route_key`: that of the callback address where taps come by HTTP; empty: by Stream.
    `key` is the AI template's variable for the answer."""

    base: str
    template: str = ""
    ai_template: str = ""
    key: str = "content"
    route_key: str = ""

    def shows(self, reply: Reply) -> bool:
        return bool(self.template) and isinstance(reply, Card) and bool(reply.buttons)

    def types(self, reply: Reply) -> bool:
        return bool(self.ai_template) and len(_words(reply)) >= TYPED_FROM_CHARS

    def card(self, card: Card, space: Space, seed: str) -> Outgoing:
        """One call that shows `card` with buttons."""
        track = _track(seed, repr(card))
        params = {
            "title": card.title,
            "content": card_text(card),
            "buttons": orjson.dumps([_button(button, n, space) for n, button in enumerate(card.buttons, 1)]).decode(),
            CHOSEN: "",
        }
        return self._create(self.template, track, params, space)

    def typed(self, reply: Reply, space: Space, seed: str) -> Iterator[Outgoing]:
        """The calls, in order, that make an AI card and type `reply` into it. Said again, they are the same calls:
        the card is known by its outTrackId, each update by its guid, and each update is the text so far."""
        text = _words(reply)
        track = _track(seed, text)
        yield self._create(self.ai_template, track, {"flowStatus": PROCESSING, self.key: ""}, space)
        yield self._update(track, {"flowStatus": INPUTING, self.key: ""})
        steps = chunks(text)
        for n, said in enumerate(steps, 1):
            body = {
                "outTrackId": track,
                "guid": f"{track}-{n}",
                "key": self.key,
                "content": said,
                "isFull": True,
                "isFinalize": n == len(steps),
                "isError": False,
            }
            yield Outgoing(encoded(body), "application/json", f"{self.base}{STREAM}", "PUT")
        yield self._update(track, {"flowStatus": FINISHED, self.key: text})

    def _create(self, template: str, track: str, params: Mapping[str, str], space: Space) -> Outgoing:
        called = {"callbackType": "STREAM"}
        if self.route_key:
            called = {"callbackType": "HTTP", "callbackRouteKey": self.route_key}
        body = {
            "cardTemplateId": template,
            "outTrackId": track,
            "cardData": {"cardParamMap": params},
            "userIdType": 1,
            **called,
            **space.fields(),
        }
        return Outgoing(encoded(body), "application/json", f"{self.base}{CREATE}")

    def _update(self, track: str, params: Mapping[str, str]) -> Outgoing:
        body = {
            "outTrackId": track,
            "cardData": {"cardParamMap": params},
            "cardUpdateOptions": {"updateCardDataByKey": True},
        }
        return Outgoing(encoded(body), "application/json", f"{self.base}{UPDATE}", "PUT")


def chosen(title: str) -> dict[str, Json]:
    """The answer to a tap: the card shows what was chosen."""
    return {
        "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
        "cardData": {"cardParamMap": {CHOSEN: title} if title else {}},
        "userPrivateData": {"cardParamMap": {}},
    }


def chunks(text: str) -> list[str]:
    """What the card shows after each update: more of `text` each time, in the end all of it."""
    step = max(CHUNK_CHARS, -(-len(text) // MOST_UPDATES))
    return [text[:end] for end in range(step, len(text), step)] + [text]


def _words(reply: Reply) -> str:
    match reply:
        case Text(text) | Markdown(text):
            return text
        case _:
            return ""


def _track(seed: str, what: str) -> str:
    return f"yd{fingerprint(seed.encode('utf-8', 'surrogatepass'), what.encode('utf-8', 'surrogatepass'))}"


def _button(button: Button, n: int, space: Space) -> dict[str, Json]:
    if button.url:
        event: dict[str, Json] = {"type": "openLink", "params": {"url": button.url}}
    else:
        back = {PAYLOAD: button.payload or button.title, TITLE: name(button)} | (
            {CHAT: space.chat} if space.chat else {}
        )
        event = {"type": "sendCardRequest", "params": {"actionId": str(n), "params": back}}
    return {"text": name(button), "color": "blue" if n == 1 else "gray", "status": "normal", "event": event}
