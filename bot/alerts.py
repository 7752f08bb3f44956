"""Tells people in a group chat what needs a human: a customer asks for one, a message cannot be delivered, the
set-up is wrong. One robot of a WeCom or DingTalk group, by its webhook URL; `adapters/robots/` speaks with it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.channel import Channel, Pushing, Transport
from adapters.message import Address, Text
from bot.log import Log, redact

TITLES: Mapping[str, str] = {
    "handoff": "客户要求转人工",
    "dead": "消息未能送达",
    "config": "渠道配置有误",
}
SIGNATURE = "【应答】"
"""Starts every alert: a DingTalk robot that is secured by a keyword has 应答 for it."""
MAX_BYTES = 2048
PER_MINUTE = 20
"""Both vendors refuse more; DingTalk then refuses everything for ten minutes."""
MINUTE_S = 60.0
LOOK_AGAIN_S = 3.0
"""How soon to ask again where other processes have used up the minute."""
TRIES = 5
BACKOFF_S = 5.0
MAX_WAITING = 1000
Allowance = Callable[[], Awaitable[bool]]
"""Takes one of the `PER_MINUTE` that all processes have together; False where none is left."""


class Robot(Channel, Pushing, Protocol):
    """A channel that has one address: the group that it is in."""

    @property
    def address(self) -> Address: ...


@dataclass(frozen=True, slots=True)
class Alert:
    """`what` is handoff, dead or config; `text` says who and why."""

    what: str
    text: str

    @property
    def line(self) -> str:
        return f"{TITLES.get(self.what, self.what)}：{self.text}"


def digest(alerts: Sequence[Alert], limit_bytes: int = MAX_BYTES) -> tuple[str, int]:
    """One message for the first alerts, as many as fit, and how many that are; each at most once."""
    lines: list[str] = []
    count = 0
    room = limit_bytes - len(SIGNATURE.encode())
    for alert in alerts:
        line = _cut(alert.line, room if not lines else limit_bytes)
        if line not in lines:
            if len("\n".join([*lines, line]).encode()) > room:
                break
            lines.append(line)
        count += 1
    return SIGNATURE + "\n".join(lines), count


def _cut(text: str, limit_bytes: int) -> str:
    """`text` in one line, at most so long."""
    line = " ".join(text.split())
    encoded = line.encode("utf-8", "replace")
    if len(encoded) <= limit_bytes:
        return encoded.decode()
    return encoded[: limit_bytes - 3].decode("utf-8", "ignore") + "…"


async def _alone() -> bool:
    return True


class GroupRobot:
    """`await robot("dead", "…")` takes an alert and returns at once; a task of its own sends, at most 20 messages a
    minute, several alerts in one where they come faster. Phone and card numbers are masked: a chat is no place for
    them. Never raises; what cannot be sent is logged.

    `clock` gives epoch seconds; `allowance` is shared with other processes that have the same robot.
    """

    def __init__(
        self,
        transport: Transport,
        robot: Robot,
        log: Log,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        allowance: Allowance = _alone,
    ) -> None:
        self._transport, self._robot, self._log = transport, robot, log
        self._clock, self._sleep, self._allowance = clock, sleep, allowance
        self._waiting: deque[Alert] = deque(maxlen=MAX_WAITING)
        self._sent_at: deque[float] = deque(maxlen=PER_MINUTE)
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, what: str, text: str) -> None:
        self._waiting.append(Alert(what, redact(text)))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())

    async def close(self, seconds: float = 5.0) -> None:
        """Send what waits, for at most so long."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=seconds)
            self._task.cancel()
        for alert in self._waiting:
            self._log.error("alert not sent", robot=self._robot.name, problem="shutting down", text=alert.line)

    async def _drain(self) -> None:
        while self._waiting:
            await self._turn_comes()
            text, count = digest(tuple(self._waiting))
            for _ in range(count):
                self._waiting.popleft()
            try:
                await self._deliver(text)
            except asyncio.CancelledError:
                self._log.error("alert not sent", robot=self._robot.name, problem="shutting down", text=text)
                raise

    async def _turn_comes(self) -> None:
        await self._sleep(self._pause())
        while not await self._allowance():
            await self._sleep(LOOK_AGAIN_S)

    def _pause(self) -> float:
        """Seconds until one more may be sent."""
        if len(self._sent_at) < PER_MINUTE:
            return 0.0
        return max(0.0, self._sent_at[0] + MINUTE_S - self._clock())

    async def _deliver(self, text: str) -> None:
        problem = ""
        for attempt in range(TRIES):
            if attempt:
                await self._sleep(BACKOFF_S * 2 ** (attempt - 1))
                await self._turn_comes()
            self._sent_at.append(self._clock())
            problem, again = await self._send(text)
            if not problem:
                return
            if not again:
                break
        self._log.error("alert not sent", robot=self._robot.name, problem=problem, text=text)

    async def _send(self, text: str) -> tuple[str, bool]:
        """What is wrong (empty: nothing), and whether it may pass by itself."""
        robot = self._robot
        (route,) = robot.push_routes(robot.address, None, self._clock())
        for call in robot.render([Text(text)], route):
            judged = await self._transport.post(robot, call)
            if judged.verdict != "ok":
                return judged.reason, judged.verdict == "retry"
        return "", False
