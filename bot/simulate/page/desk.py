"""Three phones beside one bot, and what the page is told of them: `Desk.events` to one queue per page that is open."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import tempfile
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from adapters.message import Json
from bot.simulate.beside import Slow, served, slowed
from bot.simulate.bubbles import Bubble, Tap
from bot.simulate.phone import Phone
from bot.simulate.phones import PHONES
from bot.simulate.wire import Entry
from bot.sqlite import SqliteStore
from bot.work import Bot
from config.settings import Settings

LOOK_S = 0.05
GROUPS = {"wecom_bot": "wrSimulatedGroup", "dingtalk": "cidSimulatedGroup=="}
SPEEDS = (1.0, 10.0, 60.0)
MOST_CHARS = 4000
KEPT_PICTURES = 50

Slot = Literal["wechat", "wecom", "dingtalk"]
SLOTS: tuple[Slot, ...] = ("wechat", "wecom", "dingtalk")


class NotThat(ValueError):
    """What the page asks for is not there; the text says what."""


@dataclass
class Desk:
    """`variant`: what the phones of WeCom and DingTalk are set up for. A change of that or of `speed` is a reset."""

    project: Path
    settings: Settings
    bot: Bot
    base: str = ""
    """Where this page is served: pictures that a person sends are fetched from there."""
    speed: float = 1.0
    variant: dict[str, str] = field(default_factory=lambda: {"wecom": "app", "dingtalk": "stream"})
    phones: dict[str, Phone] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.bot, self.slow = slowed(self.bot)
        self._stack = AsyncExitStack()
        self._queues: set[asyncio.Queue[Json]] = set()
        self._log: list[Json] = []
        self._shown: dict[str, dict[str, Json]] = {}
        self._acts: set[asyncio.Task[None]] = set()
        self._ids = itertools.count(1)
        self._changing = asyncio.Lock()

    slow: Slow = field(init=False)

    # --- its life --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        async with self._changing:
            await self._start()

    async def _start(self) -> None:
        self.phones = {slot: self._phone(slot) for slot in SLOTS}
        self._log, self._shown = [], {slot: {} for slot in SLOTS}
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="yingda-phones-"))
            store = SqliteStore(Path(folder) / "talks.db")
            phones = list(self.phones.values())
            await stack.enter_async_context(
                served(self.project, self.settings, phones, bot=self.bot, store=store, speed=self.speed)
            )
            watch = asyncio.create_task(self._watch())
            stack.callback(watch.cancel)
            self._stack = stack.pop_all()
        self._tell({"what": "reset"})

    def _phone(self, slot: Slot) -> Phone:
        if slot == "wecom" and self.variant["wecom"] == "bot":
            phone = PHONES["wecom_bot"].made_up()
        elif slot == "dingtalk":
            phone = PHONES["dingtalk"].made_up()
            phone.account = phone.account.model_copy(update={"mode": self.variant["dingtalk"]})
        else:
            phone = PHONES[slot].made_up()
        phone.wire.on_entry = lambda entry: self._wired(slot, entry)
        return phone

    async def stop(self) -> None:
        for act in list(self._acts):
            act.cancel()
        await asyncio.gather(*self._acts, return_exceptions=True)
        await self._stack.aclose()

    async def reset(self) -> None:
        async with self._changing:
            await self.stop()
            self.slow.seconds = 0.0
            await self._start()

    # --- what the page is told -------------------------------------------------------------------------------

    def listen(self) -> asyncio.Queue[Json]:
        """A queue that has everything so far in it."""
        queue: asyncio.Queue[Json] = asyncio.Queue()
        queue.put_nowait({"what": "state", **self.state()})
        for event in self._log:
            queue.put_nowait(event)
        self._queues.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[Json]) -> None:
        self._queues.discard(queue)

    def state(self) -> dict[str, Json]:
        groups = {slot: phone.groups for slot, phone in self.phones.items()}
        written = {slot: {"group": bool(phone.group), "mention": phone.mention} for slot, phone in self.phones.items()}
        return {
            "speed": self.speed, "slow": self.slow.seconds, "variant": dict(self.variant), "groups": groups,
            "written": written, "repeat": max(phone.repeat for phone in self.phones.values()),
        }  # fmt: skip

    def _tell(self, event: Json, keep: bool = False) -> None:
        if keep:
            self._log.append(event)
        for queue in self._queues:
            queue.put_nowait(event)

    def _tell_state(self) -> None:
        self._tell({"what": "state", **self.state()})

    def _wired(self, slot: Slot, entry: Entry) -> None:
        self._tell({"what": "wire", "phone": slot, "entry": asdict(entry)}, keep=True)
        if entry.refused:
            line = f"接口 {entry.path.partition('?')[0]} 返回错误 {entry.refused}，机器人会按需重试"
            self._tell({"what": "line", "phone": slot, "text": line}, keep=True)

    async def _watch(self) -> None:
        while True:
            for slot, phone in self.phones.items():
                for bubble in phone.screen():
                    self._bubble(slot, phone, bubble)
            await asyncio.sleep(LOOK_S)

    def _bubble(self, slot: str, phone: Phone, bubble: Bubble) -> None:
        seen = asdict(bubble)
        if self._shown[slot].get(bubble.id) == seen:
            return
        self._shown[slot][bubble.id] = seen
        group = bool(phone.group)
        self._tell({"what": "bubble", "phone": slot, "who": "bot", "group": group, "bubble": seen}, keep=True)

    # --- what a person does ----------------------------------------------------------------------------------

    def phone(self, slot: str) -> Phone:
        if slot not in self.phones:
            raise NotThat(f"there is no phone {slot}")
        return self.phones[slot]

    def says(self, slot: str, text: str) -> None:
        phone, text = self.phone(slot), text.strip()[:MOST_CHARS]
        if text:
            named = f"@客服 {text}" if phone.group and phone.mention else text
            self._does(slot, Bubble(self._id(), text=named), phone.says(text))

    def speaks(self, slot: str, text: str) -> None:
        words = text.strip()[:MOST_CHARS]
        self._does(
            slot, Bubble(self._id(), text=f"[语音] {words or '（没有识别结果）'}"), self.phone(slot).speaks(words)
        )

    def shows(self, slot: str, picture: bytes) -> None:
        name = secrets.token_hex(8)
        self.pictures[name] = picture
        while len(self.pictures) > KEPT_PICTURES:
            del self.pictures[next(iter(self.pictures))]
        path = f"/pictures/{name}"
        self._does(slot, Bubble(self._id(), "image", picture=path), self.phone(slot).shows(picture, self.base + path))

    def enters(self, slot: str) -> None:
        self._does(slot, Bubble(self._id(), "notice", "进入会话 / 关注"), self.phone(slot).enters())

    def taps(self, slot: str, bubble_id: str, place: int) -> None:
        phone = self.phone(slot)
        bubble = next((one for one in phone.screen() if one.id == bubble_id), None)
        if bubble is None or not 0 <= place < len(bubble.taps):
            raise NotThat("that button is no longer there")
        tap: Tap = bubble.taps[place]
        self._does(slot, Bubble(self._id(), text=tap.title), phone.taps(bubble, tap))

    def _id(self) -> str:
        return f"mine{next(self._ids)}"

    def _does(self, slot: str, mine: Bubble, act: Any) -> None:
        phone = self.phone(slot)
        told = {"what": "bubble", "phone": slot, "who": "me", "group": bool(phone.group), "bubble": asdict(mine)}
        self._tell(told, keep=True)
        task = asyncio.create_task(self._done(slot, act))
        self._acts.add(task)
        task.add_done_callback(self._acts.discard)

    async def _done(self, slot: str, act: Any) -> None:
        self._tell({"what": "typing", "phone": slot, "on": True})
        failed = ""
        with suppress(asyncio.CancelledError):
            failed = await act
        self._tell({"what": "typing", "phone": slot, "on": False})
        if failed:
            self._tell({"what": "line", "phone": slot, "text": f"机器人没有正常应答（{failed}）"}, keep=True)

    # --- controls --------------------------------------------------------------------------------------------

    def written_in(self, slot: str, group: bool, mention: bool) -> None:
        phone = self.phone(slot)
        if group and not phone.groups:
            raise NotThat("this channel has no groups that a bot hears")
        phone.group, phone.mention = GROUPS[phone.channel] if group else "", mention
        self._tell_state()

    async def varied(self, slot: str, variant: str) -> None:
        if variant not in {"wecom": ("app", "bot"), "dingtalk": ("stream", "http")}.get(slot, ()):
            raise NotThat(f"{slot} is not set up as {variant}")
        self.variant[slot] = variant
        await self.reset()

    async def timed(self, speed: float) -> None:
        if speed not in SPEEDS:
            raise NotThat("the vendors' clocks run 1, 10 or 60 times as fast")
        self.speed = speed
        await self.reset()

    def fails(self, slot: str, code: int, times: int) -> None:
        phone = self.phone(slot)
        if not phone.fail(code, times):
            raise NotThat("the bot only answers here, it calls no API that could fail")
        text = f"接下来 {times} 次发送将返回错误 {code}"
        self._tell({"what": "line", "phone": slot, "text": text}, keep=True)

    def expires(self) -> None:
        for slot, phone in self.phones.items():
            if phone.expire_tokens():
                self._tell({"what": "line", "phone": slot, "text": "access_token 已全部过期"}, keep=True)

    def slows(self, seconds: float) -> None:
        self.slow.seconds = min(max(seconds, 0.0), 30.0)
        self._tell_state()

    def repeats(self, times: int) -> None:
        for phone in self.phones.values():
            phone.repeat = min(max(times, 1), 3)
        self._tell_state()
