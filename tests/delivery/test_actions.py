"""Actions run at most once over a crash, and what keeps failing is left in peace."""

from __future__ import annotations

import pytest

from adapters.message import Address, Text
from bot.actions import FAILURES, OPEN_S, TRIES, Breaker, JournaledActions
from bot.store import Store
from bot.turn import Session
from flows.state import ActionFailed, Heard, Result
from nlu.meaning import Meaning
from tests.delivery.desk import Effects

HEARD = Heard("c/1", Address("web", "main", "c", "c"), Text("x"), Meaning("x"), 0.0)


async def no_pause(seconds: float) -> None:
    return None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def leased(store: Store) -> Session:
    session = await store.lease("c", "worker", 30)
    assert session is not None
    return session


async def run(actions: JournaledActions, name: str) -> Result:
    return await actions.perform(name, {"text": "x"}, f"{name}#1", HEARD, {})


def journal(store: Store, session: Session, effects: Effects, clock: Clock) -> JournaledActions:
    return JournaledActions(effects, store, session, "c/1", Breaker(clock), no_pause)


@pytest.mark.parametrize("name", ["effect", "look_up"])
async def test_a_result_is_remembered_and_not_worked_out_again(store: Store, name: str) -> None:
    effects, clock = Effects(), Clock()
    first = await run(journal(store, await leased(store), effects, clock), name)
    again = await run(journal(store, await leased(store), effects, clock), name)
    assert (again, effects.runs) == (first, [name])


async def test_what_was_started_and_has_no_result_runs_again_only_if_it_may(store: Store) -> None:
    effects, clock = Effects(), Clock()
    await leased(store)
    for name in ("effect", "look_up"):
        assert await store.note_call("c", "worker", "c/1", f"{name}#1", {"state": "started"})
    actions = journal(store, await leased(store), effects, clock)
    with pytest.raises(ActionFailed, match="unknown"):
        await run(actions, "effect")
    await run(actions, "look_up")
    assert effects.runs == ["look_up"]


@pytest.mark.parametrize(("name", "runs"), [("effect", 1), ("look_up", TRIES)])
async def test_only_what_may_run_twice_is_tried_again(store: Store, name: str, runs: int) -> None:
    effects = Effects(failing=10)
    actions = journal(store, await leased(store), effects, Clock())
    with pytest.raises(ActionFailed, match="closed"):
        await run(actions, name)
    assert len(effects.runs) == runs


async def test_a_failure_is_told_again_and_not_tried_again_after_a_crash(store: Store) -> None:
    effects = Effects(failing=1)
    for _ in range(2):
        with pytest.raises(ActionFailed, match="closed"):
            await run(journal(store, await leased(store), effects, Clock()), "effect")
    assert effects.runs == ["effect"]


def test_the_breaker_opens_after_failures_in_a_row_and_lets_one_try_later() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.check("a")
        breaker.note("a", ok=False)
    with pytest.raises(ActionFailed, match="in a row"):
        breaker.check("a")
    breaker.check("b")
    clock.now += OPEN_S + 1
    breaker.check("a")
    breaker.note("a", ok=True)
    breaker.check("a")
