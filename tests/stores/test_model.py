"""A store does what a few dictionaries would, whatever order workers, operators and senders come in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from adapters.channel import Route
from adapters.message import Text
from bot.turn import Session, Status, Turn
from flows.state import Dialogue
from tests.stores.making import LEASE_S, PUSH, a_turn
from tests.stores.running import Runner

WORKERS = ("w1", "w2")
MANY = 100_000
PAST, FUTURE = -100.0, 100.0


@dataclass
class Conversation:
    """What is known of a session. Leases are long: within a test they end only by release."""

    rev: int = 0
    worker: str = ""
    owner: str = ""
    slots: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """What a worker holds in hand: it may come to commit late."""

    session: Session
    turn: Turn


class Model(RuleBasedStateMachine):
    """The store under test beside a model of it."""

    works = Bundle("works")
    workers = st.sampled_from(WORKERS)

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self.run = runner.run
        self.store = runner.store
        self.user = uuid4().hex
        self.key = a_turn(user=self.user).conversation
        self.now = self.run(self.store.now())
        self.session = Conversation()
        self.turns: dict[str, Turn] = {}

    def of(self, *status: Status) -> list[Turn]:
        found = [turn for turn in self.turns.values() if turn.status in status]
        return sorted(found, key=lambda turn: (turn.at, turn.accepted, turn.id))

    def held(self, turn: Turn) -> bool:
        return turn.status == "sending" and turn.until > self.now

    # --- in and thinking

    @rule(name=st.sampled_from("abcde"), at=st.integers(1, 3))
    def accept(self, name: str, at: int) -> None:
        turn = a_turn(name, float(at), user=self.user)
        got = self.run(self.store.accept(turn))
        known = self.turns.setdefault(turn.id, replace(turn, accepted=got.accepted))
        assert replace(got, ready_at=0, sent_at=0) == known

    @rule(target=works, worker=workers, slot=st.integers())
    def think(self, worker: str, slot: int) -> Work | None:
        taken = self.run(self.store.take(self.key, worker, LEASE_S))
        session = self.session
        if session.worker not in ("", worker):
            assert taken is None
            return None
        session.worker = worker
        assert taken is not None
        found, waiting = taken
        assert (found.rev, found.owner, found.worker, found.dialogue.slots) == (
            session.rev, session.owner, worker, session.slots,
        )  # fmt: skip
        assert [turn.id for turn in waiting] == [turn.id for turn in self.of("new", "ready", "sending")]
        new = next((turn for turn in waiting if turn.status == "new"), None)
        if new is None:
            return None
        thought = replace(found, dialogue=Dialogue(slots={"order": slot % 100}))
        return Work(thought, replace(new, replies=(Text(f"{worker} {slot}"),)))

    @rule(work=consumes(works), release=st.booleans(), again=st.booleans())
    def commit(self, work: Work | None, release: bool, again: bool) -> None:
        if work is None:
            return
        session = self.session
        good = (session.rev, session.worker) == (work.session.rev, work.session.worker)
        assert self.run(self.store.commit(work.session, work.turn, release=release)) is good
        if good:
            session.rev += 1
            session.slots = dict(work.session.dialogue.slots)
            session.worker = "" if release else session.worker
            self.turns[work.turn.id] = replace(work.turn, status="ready")
        if again:
            assert self.run(self.store.commit(work.session, work.turn, release=release)) is good

    @rule(worker=workers)
    def release(self, worker: str) -> None:
        self.run(self.store.release(self.key, worker))
        if self.session.worker == worker:
            self.session.worker = ""

    @rule(owner=st.sampled_from(["", "alice", "bob"]), behind=st.integers(0, 1))
    def own(self, owner: str, behind: int) -> None:
        session = self.session
        rev = session.rev - behind
        good = behind == 0 or session.owner == owner
        if rev < 0:
            return
        assert self.run(self.store.own(self.key, owner, rev)) is good
        if behind == 0:
            session.rev += 1
            session.owner = owner

    # --- out

    @rule(until=st.sampled_from([PAST, FUTURE]), route=st.sampled_from([PUSH, Route("passive")]))
    def claim(self, until: float, route: Route) -> None:
        for turn in self.of("new", "ready", "sending", "sent", "dead")[:2]:
            good = turn.status in ("ready", "sending") and not self.held(turn)
            assert self.run(self.store.claim(turn.id, route, self.now + until)) is good
            if good:
                self.turns[turn.id] = replace(turn, status="sending", route=route, until=self.now + until)

    @rule(
        status=st.sampled_from(["ready", "sent", "dead"]),
        shown=st.integers(0, 3),
        due=st.sampled_from([0.0, FUTURE]),
    )
    def finish(self, status: Status, shown: int, due: float) -> None:
        for turn in self.of("ready", "sending")[:2]:
            due_at = due and self.now + due
            good = turn.status == "sending"
            assert not self.run(self.store.finish(turn.id, status, held=turn.until + 1, shown=shown))
            finish = self.store.finish(turn.id, status, held=turn.until, shown=shown, due=due_at, error="why")
            assert self.run(finish) is good
            if good:
                attempts = turn.attempts + (status == "ready")
                self.turns[turn.id] = replace(
                    turn, status=status, shown=shown, due=due_at, error="why", attempts=attempts, until=0.0
                )

    @rule()
    def resend(self) -> None:
        for turn in self.of("new", "sent", "dead")[:2]:
            good = turn.status == "dead"
            assert self.run(self.store.resend(turn.id)) is good
            if good:
                self.turns[turn.id] = replace(turn, status="ready", due=0.0, attempts=0, error="")

    # --- what can be seen at any time

    @invariant()
    def turns_are_as_they_should_be(self) -> None:
        found = self.run(self.store.turns(self.key, limit=MANY))
        seen = [replace(turn, ready_at=0.0, sent_at=0.0) for turn in found]
        assert seen == self.of("new", "ready", "sending", "sent", "dead")

    @invariant()
    def the_next_ones_are_found(self) -> None:
        unsent = self.run(self.store.unsent(self.key))
        assert [turn.id for turn in unsent] == [turn.id for turn in self.of("ready", "sending")]

    @invariant()
    def what_is_left_lying_is_found(self) -> None:
        assert (self.key in self.run(self.store.stalled(limit=MANY))) is self.lies()

    def lies(self) -> bool:
        """Something is due and nobody works on it."""
        free = [turn for turn in self.of("new", "ready", "sending") if not self.held(turn)]
        return not self.session.worker and any(turn.status == "sending" or turn.due <= self.now for turn in free)


def test_a_store_does_what_the_model_does(runner: Runner) -> None:
    run_state_machine_as_test(
        lambda: Model(runner),  # type: ignore[arg-type]  # a factory is documented to do
        settings=settings(
            max_examples=30, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
