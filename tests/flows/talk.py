"""A small driver: says things to an engine through a keyword parser, so that the flows are tested alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from adapters.message import Address, Card, Content, Image, Json, Message, Reply, Text, Transfer
from flows.engine import Engine, load_engine
from flows.state import Dialogue, Heard, Outcome, Result
from flows.steps import Values
from nlu.meaning import FALLBACK_INTENT, Answer, Entity, Intent, Meaning

BOT = Path(__file__).parent / "bot"
NOON = 1_763_438_400.0

INTENTS = (
    ("handoff", r"人工"),
    ("check_logistics", r"物流|到哪|快递"),
    ("recharge", r"充值|充\d|充点|充100|我要充"),
    ("check_balance", r"余额"),
    ("refund", r"退款|退货|退了|想退|要退"),
    ("survey", r"评价"),
    ("address", r"改地址"),
    ("greet", r"^(你好|您好|在吗)"),
    ("thanks", r"谢谢"),
    ("faq", r"运费|上班"),
)
ENTITIES = (
    ("order_id", r"(?<![A-Z])[A-Z]{2}\d+"),
    ("phone", r"1[3-9]\d{9}"),
    ("amount", r"\d+(?:\.\d+)?(?=元|块)"),
    ("time", r"昨天|前天|上周"),
    ("product", r"羽绒服|耳机"),
)
ANSWERS = (("faq/shipping_fee", "运费"), ("faq/hours", "上班"))


_MORE = re.compile(r"[，。？！,?!]?(?:顺便|另外|然后)")


def parse(text: str) -> Meaning:
    """A meaning by keywords: deterministic, and good enough to talk about orders; what 顺便 announces is another."""
    parts = [part for part in _MORE.split(text) if part]
    first, *others = map(_understood, parts if len(parts) > 1 else [text])
    if not others or FALLBACK_INTENT in (first.intent, *(each.intent for each in others)):
        return _understood(text)
    return replace(first, text=text, also=tuple(others))


def _understood(text: str) -> Meaning:
    intent = next((name for name, pattern in INTENTS if re.search(pattern, text)), FALLBACK_INTENT if text else "")
    entities = [
        Entity(kind, match[0], float(match[0]) if kind == "amount" else match[0], *match.span(), extractor="test")
        for kind, pattern in ENTITIES
        for match in re.finditer(pattern, text)
    ]
    answers = tuple(Answer(key, 0.9) for key, word in ANSWERS if word in text)
    confidence = 0.1 if intent == FALLBACK_INTENT else 0.95
    return Meaning(text, intent, confidence, (Intent(intent, confidence),), tuple(entities), answers)


@dataclass
class Recorder:
    """The engine's own registry, noting what was called."""

    engine: Engine
    called: list[tuple[str, dict[str, Json]]] = field(default_factory=list)

    async def perform(self, name: str, args: Values, key: str, heard: Heard, slots: Values) -> Result:
        self.called.append((name, dict(args)))
        return await self.engine.registry.perform(name, args, key, heard, slots)


class Talk:
    """One conversation. `says` gives what the bot answered, as lines."""

    def __init__(self, engine: Engine | None = None, channel: str = "web") -> None:
        self.engine = engine or ENGINE
        self.actions = Recorder(self.engine)
        self.dialogue = Dialogue()
        self.address = Address(channel, "main", "u", "u")
        self.at = NOON
        self.turns = 0
        self.outcome = Outcome(self.dialogue)

    async def says(self, said: str | Content | Meaning) -> list[str]:
        self.turns += 1
        self.at += 10
        content: Content = (
            Text(said) if isinstance(said, str) else Text(said.text) if isinstance(said, Meaning) else said
        )
        words = Message("", self.address, content, self.at).text
        meaning = said if isinstance(said, Meaning) else parse(words)
        heard = Heard(f"{self.address.user}{self.turns}", self.address, content, meaning, self.at)
        self.outcome = await self.engine.step(self.dialogue, heard, self.actions)
        self.dialogue = Dialogue.from_dict(self.outcome.dialogue.to_dict())
        return [shown(reply) for reply in self.outcome.replies]

    @property
    def slots(self) -> dict[str, Json]:
        return dict(self.dialogue.slots)

    @property
    def called(self) -> list[str]:
        return [name for name, _ in self.actions.called]

    @property
    def flows(self) -> list[str]:
        return [frame.flow for frame in self.dialogue.stack]

    @property
    def flags(self) -> frozenset[str]:
        return self.outcome.flags


def shown(reply: Reply) -> str:
    match reply:
        case Text(text):
            return text
        case Card(text=text, buttons=buttons):
            return " ".join((text, *(f"[{button.title}]" for button in buttons)))
        case Transfer(text):
            return f"→人工 {text}"
        case Image(url=url):
            return f"图 {url}"
        case _:
            return repr(reply)


ENGINE = load_engine(BOT, "Asia/Shanghai")
