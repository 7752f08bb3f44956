"""Runs a flow's actions at most once, over `session.calls`: what was started and what came of it survives a crash."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from adapters.message import Json, converter, plain
from bot import faults
from bot.store import Store
from bot.turn import Session
from flows.state import ActionFailed, Heard, Result

TRIES = 3
"""How often an idempotent action is run before the flow hears of its failure."""
FIRST_PAUSE_S = 0.2
FAILURES = 5
"""So many failures in a row open an action's circuit breaker."""
OPEN_S = 30.0
"""For how long it then is not run at all."""


class Known(Protocol):
    """What has to be known of an action: may it run again when it is unknown whether it ran?"""

    @property
    def idempotent(self) -> bool: ...


class Catalogue(Protocol):
    """The bot's actions (`flows.actions.Registry`): finds them by name, and runs them with their time-out."""

    def find(self, name: str) -> Known | None: ...

    async def perform(
        self, name: str, args: Mapping[str, Json], key: str, heard: Heard, slots: Mapping[str, Json]
    ) -> Result: ...


@runtime_checkable
class Closing(Protocol):
    """A catalogue that holds connections."""

    async def close(self) -> None:
        """Let go of them; a call that is under way still ends."""
        ...


async def let_go(catalogue: Catalogue) -> None:
    """A bot that thinks no more needs its connections no more."""
    if isinstance(catalogue, Closing):
        await catalogue.close()


class LeaseLost(Exception):
    """Another worker has the conversation now: this turn's work is thrown away."""


@dataclass
class Breaker:
    """Stops calling what keeps failing; lets one call try again after `OPEN_S` seconds."""

    clock: Callable[[], float]
    failures: dict[str, int] = field(default_factory=dict)
    closed_at: dict[str, float] = field(default_factory=dict)

    def check(self, name: str) -> None:
        """Raises `ActionFailed` while the breaker is open."""
        wait = self.closed_at.get(name, 0.0) - self.clock()
        if wait > 0:
            raise ActionFailed(f"the action '{name}' has failed {FAILURES} times in a row; it rests for {wait:.0f} s")

    def note(self, name: str, *, ok: bool) -> None:
        if ok:
            self.failures.pop(name, None)
            self.closed_at.pop(name, None)
            return
        self.failures[name] = self.failures.get(name, 0) + 1
        if self.failures[name] >= FAILURES:
            self.closed_at[name] = self.clock() + OPEN_S


@dataclass
class JournaledActions:
    """The `flows.state.Actions` of one turn. An action that is not idempotent is noted as started before it runs;
    one that was started and has no result is not run again but fails as unknown."""

    catalogue: Catalogue
    store: Store
    session: Session
    turn_id: str
    breaker: Breaker
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    def __post_init__(self) -> None:
        self._calls: dict[str, Json] = dict(self.session.calls.get(self.turn_id, {}))

    async def perform(
        self, name: str, args: Mapping[str, Json], key: str, heard: Heard, slots: Mapping[str, Json]
    ) -> Result:
        action = self.catalogue.find(name)
        idempotent = action is not None and action.idempotent
        match self._calls.get(key):
            case {"state": "done", "result": result}:
                return converter.structure(result, Result)
            case {"state": "failed", "error": error}:
                raise ActionFailed(error)
            case {"state": "started"} if not idempotent:
                raise ActionFailed(f"unknown: the action '{name}' was cut off; whether it took effect must be checked")
        self.breaker.check(name)
        if action is not None and not idempotent:
            await self._note(key, {"state": "started"})
            faults.reach("call_started")
        try:
            result = await self._run(name, args, key, heard, slots, TRIES if idempotent else 1)
        except ActionFailed as failed:
            if action is not None and not idempotent:
                await self._note(key, {"state": "failed", "error": str(failed)})
            raise
        faults.reach("call_performed")
        await self._note(key, {"state": "done", "result": plain(result)})
        faults.reach("call_noted")
        return result

    async def _run(
        self,
        name: str,
        args: Mapping[str, Json],
        key: str,
        heard: Heard,
        slots: Mapping[str, Json],
        tries: int,
    ) -> Result:
        for attempt in range(tries):
            try:
                result = await self.catalogue.perform(name, args, key, heard, slots)
            except ActionFailed:
                self.breaker.note(name, ok=False)
                if attempt == tries - 1:
                    raise
                await self.pause(FIRST_PAUSE_S * 2**attempt)
            else:
                self.breaker.note(name, ok=True)
                return result
        raise AssertionError("unreachable: the last try returns or raises")

    async def _note(self, key: str, state: Json) -> None:
        self._calls[key] = state
        noted = await self.store.note_call(self.session.conversation, self.session.worker, self.turn_id, key, state)
        if not noted:
            raise LeaseLost
