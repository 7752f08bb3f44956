"""What every channel promises, whatever the vendor. A new channel is one row of `CHANNELS` and one file of vectors.

A vector is a body as the vendor's documents show it, with the message id and the content that it means.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channel import (
    Answer,
    Challenge,
    Judgement,
    Messages,
    Pull,
    Pulled,
    Pulling,
    Pushing,
    Reject,
    Request,
    Route,
    Token,
    Verdict,
)
from adapters.degrade import fit
from adapters.message import Address, Message, Reply, Text, plain
from bot.channels import CHANNELS as REGISTRY
from tests.adapters.replies import replies
from tests.contracts.channels import CHANNELS
from tests.contracts.entry import AT, NOW, SECRETS, Entry

KINDS = {reply.__name__.lower() for reply in get_args(Reply)}


def test_every_channel_that_is_served_is_held_to_the_contract() -> None:
    assert {entry.make().name for entry in CHANNELS} == set(REGISTRY)


# --- the promises


def vectors(entry: Entry) -> list[dict[str, Any]]:
    if entry.speaks_only:
        return []
    found: list[dict[str, Any]] = json.loads((Path(__file__).parent / "vectors" / entry.vectors).read_text("utf-8"))
    return found


EACH_VECTOR = [
    pytest.param(entry, vector, id=f"{entry.name}: {vector['name']}") for entry in CHANNELS for vector in vectors(entry)
]


def each(entries: list[Entry]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)


each_channel = pytest.mark.parametrize("entry", CHANNELS, ids=lambda entry: entry.name)
each_listener = pytest.mark.parametrize(
    "entry", [entry for entry in CHANNELS if not entry.speaks_only], ids=lambda entry: entry.name
)
each_with_a_token = pytest.mark.parametrize(
    "entry", [entry for entry in CHANNELS if getattr(entry.make(), "token_key", "")], ids=lambda entry: entry.name
)


def somebody(entry: Entry) -> tuple[Address, Message | None]:
    """Whom the channel can push to, and what was heard from there, if anything is."""
    if entry.speaks_only:
        return Address(entry.make().name, "main", "main", ""), None
    (message,) = parsed(entry, vectors(entry)[0]).messages
    return message.address, message


def posted(entry: Entry, vector: dict[str, Any]) -> bytes:
    """What the vendor posts for this vector."""
    body: str = vector["body"]
    return entry.signal or body.encode()


def parsed(entry: Entry, vector: dict[str, Any]) -> Messages:
    channel = entry.make()
    found = channel.parse(entry.wrap(posted(entry, vector), NOW, True), NOW)
    if isinstance(found, Pull):
        assert isinstance(channel, Pulling)
        found = Messages(pulled(entry, channel, found, vector["body"].encode()).messages, Route("passive"))
    assert isinstance(found, Messages), found
    return found


def pulled(entry: Entry, channel: Pulling, signal: Pull, body: bytes) -> Pulled:
    """What is pulled after `signal`, where the vendor has just `body` to give."""
    assert entry.page is not None
    exchange = channel.pull(signal.source, signal.token, "", NOW)
    outgoing = next(exchange)
    while True:
        try:
            outgoing = exchange.send(Answer(200, entry.page(outgoing, body)))
        except StopIteration as end:
            found: Pulled | Judgement = end.value
            break
    assert isinstance(found, Pulled), found
    return found


@pytest.mark.parametrize(("entry", "vector"), EACH_VECTOR)
def test_a_documented_body_is_the_message_that_it_means(entry: Entry, vector: dict[str, Any]) -> None:
    (message,) = parsed(entry, vector).messages
    assert message.to_dict()["content"] == vector["content"]
    assert message.id == vector["id"]
    assert (message.address.channel, message.address.account) == (entry.make().name, "main")
    assert message.at == AT


@pytest.mark.parametrize(("entry", "vector"), EACH_VECTOR)
def test_the_same_body_again_is_the_same_message_and_can_be_stored(entry: Entry, vector: dict[str, Any]) -> None:
    first, second = parsed(entry, vector), parsed(entry, vector)
    assert first.messages == second.messages
    (message,) = first.messages
    assert Message.from_dict(json.loads(json.dumps(message.to_dict()))) == message
    assert json.loads(json.dumps(plain(first.route))) == plain(first.route)


@each_listener
def test_every_vector_is_another_message(entry: Entry) -> None:
    found = [parsed(entry, vector).messages[0] for vector in vectors(entry)]
    meant = {vector["id"] for vector in vectors(entry)}
    assert len(meant) > 1
    assert {message.id for message in found} == meant


@each([entry for entry in CHANNELS if entry.challenge])
def test_the_vendors_check_of_the_url_is_answered(entry: Entry) -> None:
    assert entry.challenge is not None
    request, answer = entry.challenge(NOW)
    found = entry.make().parse(request, NOW)
    assert isinstance(found, Challenge)
    assert found.body == answer


@each([entry for entry in CHANNELS if entry.window_s and not entry.speaks_only])
@pytest.mark.parametrize("windows", [-1.01, 1.01, 1e5])
def test_what_is_stale_or_from_the_future_is_refused(entry: Entry, windows: float) -> None:
    body = posted(entry, vectors(entry)[0])
    assert_refused(entry.make().parse(entry.wrap(body, NOW - windows * entry.window_s, True), NOW))


@each_listener
def test_the_edge_of_the_time_window_is_inside(entry: Entry) -> None:
    body = posted(entry, vectors(entry)[0])
    for off_s in (-entry.window_s, entry.window_s):
        assert isinstance(entry.make().parse(entry.wrap(body, NOW - off_s, True), NOW), Messages | Pull)


@each_listener
def test_who_does_not_hold_the_token_is_refused(entry: Entry) -> None:
    for vector in vectors(entry):
        assert_refused(entry.make().parse(entry.wrap(posted(entry, vector), NOW, False), NOW), 403)


@each_listener
def test_an_oversized_body_is_413_before_anything_reads_it(entry: Entry) -> None:
    request = Request("POST", "/", {}, {}, b"<" * (entry.max_body_bytes + 1))
    assert_refused(entry.make().parse(request, NOW), 413)


@each_channel
@given(body=st.binary(max_size=300))
def test_no_signed_bytes_make_parsing_raise(entry: Entry, body: bytes) -> None:
    assert_refused(entry.make().parse(entry.wrap(body, NOW, True), NOW))


@each_channel
@given(body=st.binary(max_size=300), query=st.dictionaries(st.text(max_size=12), st.text(max_size=40), max_size=5))
def test_no_strangers_request_makes_parsing_raise(entry: Entry, body: bytes, query: dict[str, str]) -> None:
    for method in ("GET", "POST", "PUT", ""):
        assert_refused(entry.make().parse(Request(method, "/", query, {}, body), NOW))


@each_listener
@given(data=st.data())
def test_no_damage_to_a_signed_body_makes_parsing_raise(entry: Entry, data: st.DataObject) -> None:
    body = posted(entry, data.draw(st.sampled_from(vectors(entry))))
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 20)))
    damaged = body[:start] + data.draw(st.binary(max_size=6)) + body[end:]
    found = entry.make().parse(entry.wrap(damaged, NOW, True), NOW)
    if isinstance(found, Messages):
        json.dumps([message.to_dict() for message in found.messages])
    elif not isinstance(found, Pull):
        assert_refused(found)


@each_listener
@given(data=st.data())
def test_a_request_cut_anywhere_is_refused(entry: Entry, data: st.DataObject) -> None:
    whole = entry.wrap(posted(entry, vectors(entry)[0]), NOW, True)
    body = whole.body[: data.draw(st.integers(0, len(whole.body) - 1))]
    assert_refused(entry.make().parse(Request(whole.method, whole.path, whole.query, {}, body), NOW))


def assert_refused(found: object, status: int = 0) -> None:
    assert isinstance(found, Reject), found
    assert 400 <= found.status < 500
    assert status in (0, found.status)
    assert "\n" not in found.reason
    assert not any(secret in found.reason for secret in SECRETS)


@each_channel
def test_its_limits_are_of_kinds_that_there_are(entry: Entry) -> None:
    channel = entry.make()
    assert "text" in channel.limits.shows
    assert channel.limits.shows <= KINDS
    if isinstance(channel, Pushing):
        assert channel.push_limits.shows <= KINDS
        assert channel.push_limits.text_bytes >= channel.limits.text_bytes


@each_listener
@given(said=st.lists(replies, max_size=4))
def test_any_replies_can_be_rendered_in_the_open_response(entry: Entry, said: list[Reply]) -> None:
    channel = entry.make()
    if not channel.limits.passive_messages:
        return
    outgoing = channel.render(said, parsed(entry, vectors(entry)[0]).route)
    assert 1 <= len(outgoing) <= channel.limits.passive_messages
    assert all(not one.url for one in outgoing)
    assert all(one.body for one in outgoing if fit(said, channel.limits))


@each_channel
@given(said=st.lists(replies, max_size=4))
def test_any_replies_can_be_rendered_as_pushes_one_call_each(entry: Entry, said: list[Reply]) -> None:
    channel = entry.make()
    assert isinstance(channel, Pushing)
    address, message = somebody(entry)
    route = channel.push_routes(address, message, NOW)[0]
    assert not any(secret in str(plain(route)) for secret in SECRETS)
    outgoing = channel.render(said, route)
    parts = len(fit(said, channel.push_limits))
    assert len(outgoing) >= parts if entry.items else len(outgoing) == parts
    assert all(one.body and one.url.startswith("https://") for one in outgoing)


@each_with_a_token
def test_the_access_token_is_added_last_and_the_secret_is_only_in_the_token_request(entry: Entry) -> None:
    channel = entry.make()
    assert isinstance(channel, Pushing)
    (outgoing,) = channel.render([Text("您好")], channel.push_routes(*somebody(entry), NOW)[0])
    assert not any(secret in str(outgoing) for secret in SECRETS)
    sent = channel.with_token(outgoing, "tok/en+1")
    assert "tok%2Fen%2B1" in sent.url or any("tok/en+1" in value for value in sent.headers.values())
    assert (sent.body, sent.method) == (outgoing.body, outgoing.method)
    asked = channel.token_request()
    assert SECRETS[1] in f"{asked.url}{asked.body!r}{asked.headers}"
    assert not any(secret in channel.token_key for secret in SECRETS)


@each_channel
@given(status=st.integers(100, 599), body=st.binary(max_size=80) | st.from_regex(rb'\{"errcode": ?-?[0-9]{1,6}\}'))
def test_whatever_the_vendor_answers_is_judged(entry: Entry, status: int, body: bytes) -> None:
    channel = entry.make()
    assert isinstance(channel, Pushing)
    judged = channel.judge(status, body)
    assert judged.verdict in get_args(Verdict)
    assert judged.reason or judged.verdict == "ok"
    token = channel.token_of(body, NOW)
    if isinstance(token, Judgement):
        assert token.verdict in ("retry", "config")
        assert token.reason


@each_with_a_token
def test_a_token_lasts_as_long_as_the_vendor_says(entry: Entry) -> None:
    channel = entry.make()
    assert isinstance(channel, Pushing)
    if not channel.token_key:
        pytest.skip(f"{entry.name} needs no access token")
    assert channel.token_of(entry.token_answer.encode(), NOW) == Token("T", NOW + 7200)
