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

WORKERS = ("w1", "w2", "w3")
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
    users = st.integers(0, 1).map(str)
    workers = st.sampled_from(WORKERS)

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self.run = runner.run
        self.store = runner.store
        self.mark = uuid4().hex
        self.now = self.run(self.store.now())
        self.sessions: dict[str, Conversation] = {}
        self.turns: dict[str, Turn] = {}

    def key(self, user: str) -> str:
        return a_turn(user=self.mark + user).conversation

    def of(self, user: str, *status: Status) -> list[Turn]:
        mine = [turn for turn in self.turns.values() if turn.conversation == self.key(user) and turn.status in status]
        return sorted(mine, key=lambda turn: (turn.at, turn.accepted, turn.id))

    def held(self, turn: Turn) -> bool:
        return turn.status == "sending" and turn.until > self.now

    # --- in and thinking

    @rule(user=users, name=st.sampled_from("abcde"), at=st.integers(1, 3))
    def accept(self, user: str, name: str, at: int) -> None:
        turn = a_turn(name, float(at), user=self.mark + user)
        got = self.run(self.store.accept(turn))
        known = self.turns.setdefault(turn.id, replace(turn, accepted=got.accepted))
        assert replace(got, ready_at=0, sent_at=0) == known

    @rule(target=works, user=users, worker=workers, slot=st.integers())
    def think(self, user: str, worker: str, slot: int) -> Work | None:
        taken = self.run(self.store.take(self.key(user), worker, LEASE_S))
        session = self.sessions.setdefault(self.key(user), Conversation())
        if session.worker not in ("", worker):
            assert taken is None
            return None
        session.worker = worker
        assert taken is not None
        found, waiting = taken
        assert (found.rev, found.owner, found.worker, found.dialogue.slots) == (
            session.rev, session.owner, worker, session.slots,
        )  # fmt: skip
        assert [turn.id for turn in waiting] == [turn.id for turn in self.of(user, "new", "ready", "sending")]
        new = next((turn for turn in waiting if turn.status == "new"), None)
        if new is None:
            return None
        thought = replace(found, dialogue=Dialogue(slots={"order": slot % 100}))
        return Work(thought, replace(new, replies=(Text(f"{worker} {slot}"),)))

    @rule(work=consumes(works), release=st.booleans(), again=st.booleans())
    def commit(self, work: Work | None, release: bool, again: bool) -> None:
        if work is None:
            return
        session = self.sessions[work.session.conversation]
        good = (session.rev, session.worker) == (work.session.rev, work.session.worker)
        assert self.run(self.store.commit(work.session, work.turn, release=release)) is good
        if good:
            session.rev += 1
            session.slots = dict(work.session.dialogue.slots)
            session.worker = "" if release else session.worker
            self.turns[work.turn.id] = replace(work.turn, status="ready")
        if again:
            assert self.run(self.store.commit(work.session, work.turn, release=release)) is good

    @rule(user=users, worker=workers)
    def release(self, user: str, worker: str) -> None:
        self.run(self.store.release(self.key(user), worker))
        session = self.sessions.get(self.key(user))
        if session and session.worker == worker:
            session.worker = ""

    @rule(user=users, owner=st.sampled_from(["", "alice", "bob"]), behind=st.integers(0, 1))
    def own(self, user: str, owner: str, behind: int) -> None:
        session = self.sessions.get(self.key(user), Conversation())
        rev = session.rev - behind
        good = behind == 0 or session.owner == owner
        if rev < 0:
            return
        assert self.run(self.store.own(self.key(user), owner, rev)) is good
        if behind == 0:
            session.rev += 1
            session.owner = owner
            self.sessions[self.key(user)] = session

    # --- out

    @rule(user=users, until=st.sampled_from([PAST, FUTURE]), route=st.sampled_from([PUSH, Route("passive")]))
    def claim(self, user: str, until: float, route: Route) -> None:
        for turn in self.of(user, "new", "ready", "sending", "sent", "dead")[:2]:
            good = turn.status in ("ready", "sending") and not self.held(turn)
            assert self.run(self.store.claim(turn.id, route, self.now + until)) is good
            if good:
                self.turns[turn.id] = replace(turn, status="sending", route=route, until=self.now + until)

    @rule(
        user=users,
        status=st.sampled_from(["ready", "sent", "dead"]),
        shown=st.integers(0, 3),
        due=st.sampled_from([0.0, FUTURE]),
    )
    def finish(self, user: str, status: Status, shown: int, due: float) -> None:
        for turn in self.of(user, "ready", "sending")[:2]:
            due_at = due and self.now + due
            good = turn.status == "sending"
            assert self.run(self.store.finish(turn.id, status, shown=shown, due=due_at, error="why")) is good
            if good:
                attempts = turn.attempts + (status == "ready")
                self.turns[turn.id] = replace(
                    turn, status=status, shown=shown, due=due_at, error="why", attempts=attempts, until=0.0
                )

    @rule(user=users)
    def resend(self, user: str) -> None:
        for turn in self.of(user, "new", "sent", "dead")[:2]:
            good = turn.status == "dead"
            assert self.run(self.store.resend(turn.id)) is good
            if good:
                self.turns[turn.id] = replace(turn, status="ready", due=0.0, attempts=0, error="")

    # --- what can be seen at any time

    @invariant()
    def turns_are_as_they_should_be(self) -> None:
        for user in "01":
            found = self.run(self.store.turns(self.key(user), limit=MANY))
            seen = [replace(turn, ready_at=0.0, sent_at=0.0) for turn in found]
            assert seen == self.of(user, "new", "ready", "sending", "sent", "dead")

    @invariant()
    def the_next_ones_are_found(self) -> None:
        for user in "01":
            new = self.of(user, "new")
            assert self.run(self.store.oldest_new(self.key(user))) == (new[0] if new else None)
            unsent = self.run(self.store.unsent(self.key(user)))
            assert [turn.id for turn in unsent] == [turn.id for turn in self.of(user, "ready", "sending")]

    @invariant()
    def what_is_left_lying_is_found(self) -> None:
        mine = {self.key(user) for user in "01"}
        assert set(self.run(self.store.stalled(limit=MANY))) & mine == {key for key in mine if self.lies(key)}

    def lies(self, key: str) -> bool:
        """Something of it is due and nobody works on it."""
        session = self.sessions.get(key)
        open_turns = self.of(key[-1], "new", "ready", "sending")
        due = [
            turn for turn in open_turns if not self.held(turn) and (turn.status == "sending" or turn.due <= self.now)
        ]
        return bool(due) and not (session and session.worker)


def test_a_store_does_what_the_model_does(runner: Runner) -> None:
    run_state_machine_as_test(
        lambda: Model(runner),  # type: ignore[arg-type]  # a factory is documented to do
        settings=settings(
            max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
