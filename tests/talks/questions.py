"""Every question of every flow of a bot: found by walking its flows, so that each repair can be tried at each of them.

A bot gives one answer for each of its slots; a flow is started and answered until it would carry something out. What
stands on the way are its questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from adapters.message import Address, Content
from bot.talk.client import TALK_BEGINS, load_newest
from flows.engine import Engine, load_engine
from flows.state import Dialogue
from nlu.pipeline import Pipeline
from tests.flows.talk import Talk

ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Bot:
    """A trained bot. `answers` are by slot, or by `flow/slot`; `others` are other answers for the same slots,
    `reworded` the same answers in other words; `irreversible` what must not be done by any repair."""

    project: Path
    answers: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)
    reworded: Mapping[str, str] = field(default_factory=dict)

    def answer(self, flow: str, slot: str, among: Mapping[str, str]) -> str:
        return among.get(f"{flow}/{slot}") or among.get(slot, "")


@dataclass(frozen=True)
class Question:
    """`slot` is asked for in `flow`; `told` are the answers before it."""

    flow: str
    slot: str
    told: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.flow}/{self.slot}"


class Spoken(Talk):
    """A talk with a trained bot, by what its own pipeline understands."""

    pipeline: Pipeline

    @classmethod
    def of(cls, bot: Bot, user: str) -> Spoken:
        engine, pipeline = _loaded(bot.project)
        talk = cls(engine)
        talk.pipeline, talk.at = pipeline, TALK_BEGINS
        talk.address = Address("web", "main", user, user)
        return talk

    async def hears(self, said: str | Content) -> list[str]:
        if not isinstance(said, str):
            return await self.says(said)
        return await self.says(self.pipeline.parse(said, datetime.fromtimestamp(self.at, ZONE)))

    @property
    def asked(self) -> str:
        return str(self.dialogue.memory.get("asked") or "") if self.dialogue.stack else ""


_LOADED: dict[Path, tuple[Engine, Pipeline]] = {}


def _loaded(project: Path) -> tuple[Engine, Pipeline]:
    if project not in _LOADED:
        _LOADED[project] = load_engine(project, "Asia/Shanghai"), load_newest(project)
    return _LOADED[project]


async def at(bot: Bot, question: Question, user: str) -> tuple[Spoken, str]:
    """A talk that stands at the question, and the question's words."""
    talk = Spoken.of(bot, user)
    answer = await talk.hears(f"/{question.flow}")
    for _, told in question.told:
        answer = await talk.hears(told)
    assert (talk.flows[-1], talk.asked) == (question.flow, question.slot), answer
    return talk, answer[-1]


async def questions(bot: Bot) -> list[Question]:
    """Every question that the bot's flows come to, in order."""
    engine, _ = _loaded(bot.project)
    found: list[Question] = []
    for flow in engine.flows.values():
        if flow.is_pattern:
            continue
        talk, told = Spoken.of(bot, f"walk-{flow.id}"), list[tuple[str, str]]()
        await talk.hears(f"/{flow.id}")
        while talk.asked and talk.flows == [flow.id]:
            found.append(Question(flow.id, talk.asked, tuple(told)))
            if engine.domain.slots[talk.asked].type == "bool":
                break
            told.append((talk.asked, bot.answer(flow.id, talk.asked, bot.answers)))
            asked = talk.dialogue
            await talk.hears(told[-1][1])
            assert talk.dialogue.stack != asked.stack, f"{told[-1]} is no answer: {talk.outcome.trace}"
    return found


def stored(talk: Talk) -> bool:
    """Whether the dialogue is the same after it was written and read again."""
    return Dialogue.from_dict(talk.dialogue.to_dict()) == talk.dialogue
