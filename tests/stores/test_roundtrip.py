"""Whatever a vendor, a customer or a bot's author comes up with comes back from the store as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.channel import Route
from adapters.message import Address, Button, Card, Custom, Event, Image, Link, Message, News, Text
from bot.document import dump, load, tame
from bot.mongo.documents import escape, escape_key, unescape, unescape_key
from bot.store import Store
from bot.turn import Session, Thought, Turn
from flows.state import Dialogue, Entry, Frame, SetSlot, StartFlow, Why
from nlu.meaning import Entity, Intent, Meaning
from tests.stores.making import a_turn, answered, leased, there
from tests.stores.running import Runner

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
keys = words | st.sampled_from(["", "$set", "a.b", "$", ".", "%", "%2E", "\0", "slot.$x", "_id", "kind", "0", "😀"])
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
plain_data = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
slots = st.dictionaries(keys, plain_data, max_size=4)
replies = st.lists(
    st.builds(Text, words)
    | st.builds(Image, url=words, alt=words)
    | st.builds(Custom, plain_data)
    | st.builds(Card, text=words, buttons=st.tuples(st.builds(Button, words, words)), data=st.dictionaries(keys, words))
    | st.builds(News, st.tuples(st.builds(Link, words, words))),
    max_size=3,
).map(tuple)
entities = st.lists(st.builds(Entity, words, words, plain_data, st.just(0), st.just(1)), max_size=2).map(tuple)
meanings = st.builds(
    Meaning, words, words, ranking=st.tuples(st.builds(Intent, words, st.floats(0, 1))), entities=entities
)
contents = (
    st.builds(Text, words)
    | st.builds(Event, words, words, st.dictionaries(keys, words))
    | st.builds(Custom, plain_data)
)
entries = st.builds(Entry, words, st.just("call"), plain_data, plain_data, slots)
dialogues = st.builds(
    Dialogue,
    stack=st.lists(st.builds(Frame, words, slots, st.tuples(entries)), max_size=2).map(tuple),
    slots=slots,
    mentions=slots,
    said=replies,
    memory=slots,
)  # fmt: skip


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    """A turn that has been thought about, in a conversation of its own."""
    address = Address("wechat", draw(words), draw(words), uuid4().hex)
    message = Message("m", address, draw(contents), 1.5, raw=draw(plain_data), sender_name=draw(words))
    return Turn(
        f"{address.conversation}/m", address.conversation, "message", address, 1.5,
        message=message,
        meaning=draw(st.none() | meanings),
        replies=draw(replies),
        commands=(StartFlow(draw(words)), SetSlot(draw(keys), draw(plain_data))),
        trace=(Why(draw(words), draw(words), draw(plain_data)),),
        flags=tuple(draw(st.lists(words, max_size=2))),
        flow=draw(words),
    )  # fmt: skip


few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@few
@given(
    turn=turns(), dialogue=dialogues, route=st.none() | st.builds(Route, st.just("push"), st.dictionaries(keys, words))
)
def test_turns_and_sessions_come_back_as_they_were(
    runner: Runner, turn: Turn, dialogue: Dialogue, route: Route | None
) -> None:
    async def there_and_back() -> None:
        store = runner.store
        heard = Turn(turn.id, turn.conversation, turn.kind, turn.address, turn.at, message=turn.message, route=route)
        accepted = await store.accept(heard)
        assert accepted == replace(heard, accepted=accepted.accepted)
        assert await store.turn(turn.id) == accepted
        session = await leased(store, conversation=turn.conversation)
        await store.note_call(turn.conversation, "w1", "other", turn.flow, {"result": turn.trace[0].data})
        thought = replace(turn, accepted=accepted.accepted, route=route)
        assert await store.commit(replace(session, dialogue=dialogue), thought)
        now = await there(store, turn.id)
        assert now == replace(thought, status="ready", ready_at=now.ready_at)
        after = await leased(store, conversation=turn.conversation)
        assert after.dialogue == dialogue
        assert after.calls == {"other": {turn.flow: {"result": turn.trace[0].data}}}
        assert after.done in ({}, {turn.id: Thought.of(thought)})

    runner.run(there_and_back())


@pytest.mark.parametrize(
    ("strange", "kept"),
    [
        (2**63 - 1, 2**63 - 1),
        (2**64, float(2**64)),
        (-(10**30), -1e30),
        (10**400, None),
        (float("nan"), None),
        (float("-inf"), None),
        ("half \ud83d emoji", "half � emoji"),
        ({1: "one"}, {"1": "one"}),
        ((1, 2), [1, 2]),
    ],
)
async def test_what_no_store_can_hold_is_tamed_rather_than_lost(store: Store, strange: Any, kept: Any) -> None:
    turn = a_turn()
    assert turn.message is not None
    await store.accept(replace(turn, message=replace(turn.message, raw={"strange": strange})))
    message = (await there(store, turn.id)).message
    assert message is not None
    assert message.raw == {"strange": kept}


async def test_data_as_deep_as_a_vendor_may_send_is_held(store: Store) -> None:
    deep: Any = "bottom"
    for _ in range(150):
        deep = {"in": deep}
    turn = a_turn()
    assert turn.message is not None
    await store.accept(replace(turn, message=replace(turn.message, raw=deep)))
    message = (await there(store, turn.id)).message
    assert message is not None
    assert message.raw["in"]["in"]["in"]


async def test_a_strange_id_stays_its_own(store: Store) -> None:
    """Ids become keys of `done` and `calls`."""
    turn = await store.accept(a_turn("a.b$c%2Ed"))
    session = await leased(store)
    await store.note_call(turn.conversation, "w1", turn.id, "$k.%", {"state": "started"})
    assert (await leased(store)).calls == {turn.id: {"$k.%": {"state": "started"}}}
    assert await store.commit(session, answered(turn))
    assert set((await leased(store)).done) <= {turn.id}


@given(plain_data)
def test_keys_are_escaped_and_come_back(data: Any) -> None:
    assert unescape(escape(data)) == data


@given(keys)
def test_an_escaped_key_may_stand_in_a_field_path(key: str) -> None:
    escaped = escape_key(key)
    assert escaped
    assert not set(escaped) & set(".$\0")
    assert unescape_key(escaped) == key


@given(plain_data)
def test_taming_leaves_plain_data_alone(data: Any) -> None:
    assert tame(data) == data
    assert load(dump(data)) == data


def test_what_is_no_data_is_refused() -> None:
    with pytest.raises(TypeError, match="object is not plain data"):
        dump({"a": object()})


def test_a_session_of_the_stores_is_plain_data() -> None:
    session = Session("c", Dialogue(slots={"a": 1}))
    assert Session.from_dict(load(dump(session.to_dict()))) == session
