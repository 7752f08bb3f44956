"""A bot in this process, and somebody who talks with it. Every message takes the whole way of a turn: accepted into a
store, thought about by a worker, committed."""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from adapters import message as kinds
from adapters.channel import Route
from adapters.degrade import fit
from adapters.message import Address, Card, Content, Json, Message, Reply, Text
from bot.actions import Catalogue, Known, let_go
from bot.alarms import Alarms
from bot.before import Before, OptWords
from bot.clock import StoreClock
from bot.inbox import Inbox
from bot.log import get_logger
from bot.metrics import Metrics
from bot.outbox import Outbox
from bot.service import Mute
from bot.sqlite import SqliteStore
from bot.store import Store
from bot.turn import Turn
from bot.ways import Ways
from bot.windows import Windows
from bot.words import spoken
from bot.work import Bot, Work
from config.source import BadProject, Problem
from flows.mixed import Dialogues, load_dialogues
from flows.rasa.server import catalogue_of
from flows.state import Dialect, Dialogue, Heard, Result
from nlu.model import latest, load
from nlu.pipeline import Pipeline

TIMEZONE = "Asia/Shanghai"
TALK_BEGINS = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo(TIMEZONE)).timestamp()
"""A Wednesday morning: what 明天 means in a talk does not depend on when the talk is run."""
BETWEEN_MESSAGES_S = 5.0
ANSWER_S = 30.0


class NoAnswer(TimeoutError):
    """The bot did not answer in time; its log says why."""


@dataclass
class Recorded:
    """A bot's actions, and which of them each turn ran."""

    catalogue: Catalogue
    ran: dict[str, list[str]] = field(default_factory=dict)

    def find(self, name: str) -> Known | None:
        return self.catalogue.find(name)

    async def perform(
        self, name: str, args: Mapping[str, Json], key: str, heard: Heard, slots: Mapping[str, Json]
    ) -> Result:
        self.ran.setdefault(heard.turn, []).append(name)
        return await self.catalogue.perform(name, args, key, heard, slots)


async def _no_alert(what: str, text: str, of: str = "") -> None:
    """A talk alarms nobody."""


@dataclass(frozen=True)
class LocalBot:
    """A bot that is open for talks. Make it with `LocalBot.open`."""

    engine: Dialect
    pipeline: Pipeline
    store: Store
    inbox: Inbox
    recorded: Recorded

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        project: Path,
        *,
        pipeline: Pipeline | None = None,
        dialogues: Dialogues | None = None,
        timezone: str = TIMEZONE,
    ) -> AsyncIterator[LocalBot]:
        """The bot of `project`, with its newest model unless another `pipeline` is given. Its sessions live in a
        folder that is deleted at the end. Raises `BadProject`."""
        pipeline = pipeline or load_newest(project)
        dialogues = dialogues or load_dialogues(project, timezone)
        recorded = Recorded(catalogue_of(project, dialogues.registry, dialogues.domain, dialogues.raw))
        with tempfile.TemporaryDirectory(prefix="yingda-talk-") as folder:
            store = SqliteStore(Path(folder) / "talk.db")
            await store.open()
            try:
                thinks = Bot(
                    pipeline.parse,
                    dialogues.engine,
                    recorded,
                    ZoneInfo(timezone),
                    pipeline.version,
                    profile=dialogues.domain.of_user,
                )
                inbox, work, outbox = await _assemble(store, thinks)
                yield cls(dialogues.engine, pipeline, store, inbox, recorded)
                await work.drained(ANSWER_S)
                await outbox.drained(ANSWER_S)
            finally:
                await let_go(recorded.catalogue)
                await store.close()

    def talk(self, user: str = "talker", at: float = TALK_BEGINS) -> TalkClient:
        """Somebody called `user`, whose first message comes at `at` (epoch seconds)."""
        return TalkClient(self, user, at)


async def _assemble(store: Store, bot: Bot) -> tuple[Inbox, Work, Outbox]:
    worker, metrics, log = "talk", Metrics(), get_logger("talk")
    clock = StoreClock(time.time)
    await clock.set_by(store)
    windows = Windows(store, worker)
    ways = Ways({}, fit, worker, clock)
    alarms = Alarms(store, _no_alert, metrics, log)
    outbox = Outbox(store, ways, Mute(), clock, random.Random(0).random, _no_alert, alarms, metrics, log)
    work = Work(
        store, bot, windows, ways, outbox, clock, worker, _no_alert, metrics, log, Before(store, ways, OptWords((), ()))
    )
    return Inbox(store, windows, work.nudge, work.under_way), work, outbox


def load_newest(project: Path) -> Pipeline:
    """Raises `BadProject` where nothing was trained yet."""
    folder = latest(project)
    if folder is None:
        raise BadProject(Problem(str(project), 1, "nothing is trained yet", f"run: yingda train --project {project}"))
    return load(folder)


class TalkClient:
    """One person's side of a talk. `turn` is the last turn, `replies` what it said, `lines` the same as text."""

    def __init__(self, bot: LocalBot, user: str, at: float) -> None:
        self.bot = bot
        self.at = at
        self.address = Address("talk", "main", user, user)
        self.turn: Turn | None = None
        self.dialogue = Dialogue()
        self.messages = 0

    async def says(self, said: str | Content) -> list[str]:
        """Say something (or send an image, an event...) and wait for the answer: one line for each reply."""
        self.messages += 1
        content = Text(said) if isinstance(said, str) else said
        message = Message(str(self.messages), self.address, content, self.at)
        accepted = await self.bot.inbox.accept(message, Route("live"))
        self.turn = await self.bot.inbox.ready(accepted.id, ANSWER_S)
        if self.turn is None:
            raise NoAnswer(f"no answer to {said!r} within {ANSWER_S:g} s")
        session = await self.bot.store.session(self.address.conversation)
        self.dialogue = session.dialogue if session else Dialogue()
        self.at += BETWEEN_MESSAGES_S
        return self.lines

    def wait(self, seconds: float) -> None:
        """Let time pass before the next message."""
        self.at += seconds

    def expects(self, *wanted: str) -> None:
        """The last turn said just these lines: texts, or `/regular expressions/`. Raises AssertionError."""
        if not agree(wanted, self.replies):
            raise AssertionError(difference(wanted, self.lines))

    @property
    def replies(self) -> tuple[Reply, ...]:
        return self.turn.replies if self.turn else ()

    @property
    def lines(self) -> list[str]:
        return [show(reply) for reply in self.replies]

    @property
    def slots(self) -> Mapping[str, Json]:
        """The slots after the last turn."""
        return self.dialogue.slots

    @property
    def called(self) -> list[str]:
        """The actions that the last turn ran, in order."""
        return self.bot.recorded.ran.get(self.turn.id, []) if self.turn else []

    @property
    def flow(self) -> str:
        """The flow that the dialogue stands in, empty where none is under way."""
        return self.dialogue.stack[-1].flow if self.dialogue.stack else ""


def agree(wanted: Sequence[str], said: Sequence[Reply]) -> bool:
    return len(wanted) == len(said) and all(map(matches, wanted, said))


def matches(wanted: str, said: Reply) -> bool:
    """`/regex/` anywhere in what is shown, or exactly the text; a card's buttons may be left out."""
    shown = show(said)
    if len(wanted) > 1 and wanted.startswith("/") and wanted.endswith("/"):
        return re.search(wanted[1:-1], shown, re.DOTALL) is not None
    return wanted.strip() in (shown, said.text) if isinstance(said, Card) else wanted.strip() == shown


def difference(wanted: Iterable[str], said: Iterable[str]) -> str:
    """What was expected (-) beside what was said (+)."""
    return "\n".join([*(f"- B: {line}" for line in wanted), *(f"+ B: {line}" for line in said)])


def show(reply: Reply) -> str:
    """A reply as a line of text; buttons are numbered, and the number may be answered."""
    match reply:
        case Text(text) | kinds.Markdown(text=text):
            return text.strip()
        case Card(text=text, title=title, buttons=buttons):
            numbered = [f"{number}. {button.title}" for number, button in enumerate(buttons, 1)]
            return "\n".join(part for part in (title, text, *numbered) if part)
        case kinds.Transfer(text=text):
            return text or "［转人工］"
        case kinds.Link(url=url, title=title):
            return f"{title} {url}".strip()
        case kinds.News(articles=articles):
            return "\n".join(map(show, articles))
        case _:
            return spoken(reply)
