"""Who has set up encryption takes nothing that is not encrypted: of every channel whose account has an AES key."""

from __future__ import annotations

import re

import pytest

from adapters.channel import Challenge, Messages, Pull, Reject, Request
from tests.contracts.channels import CHANNELS
from tests.contracts.entry import NOW, Entry
from tests.contracts.test_channel import posted, vectors

CIPHER = re.compile(rb"[A-Za-z0-9+/]{60,}={0,2}")


def wrapped(entry: Entry) -> Request:
    return entry.wrap(posted(entry, vectors(entry)[0]), NOW, True)


def encrypts(entry: Entry) -> bool:
    """Whether its requests hide the body that they carry."""
    return not entry.speaks_only and posted(entry, vectors(entry)[0]) not in wrapped(entry).body


AES = [entry for entry in CHANNELS if encrypts(entry) and "compatible" not in entry.name]
each_encrypted = pytest.mark.parametrize("entry", AES, ids=lambda entry: entry.name)


def test_there_are_channels_that_encrypt() -> None:
    assert AES


@each_encrypted
def test_a_plain_body_is_refused_with_or_without_the_signature_of_an_encrypted_one(entry: Entry) -> None:
    request, channel = wrapped(entry), entry.make()
    plain = posted(entry, vectors(entry)[0])
    assert isinstance(channel.parse(request, NOW), Messages | Pull)
    for query in (
        request.query,
        {k: v for k, v in request.query.items() if k not in ("msg_signature", "encrypt_type")},
    ):
        found = channel.parse(Request("POST", request.path, query, request.headers, plain), NOW)
        assert isinstance(found, Reject)
        assert 400 <= found.status < 500


@each_encrypted
def test_another_bodys_signature_does_not_cover_this_one(entry: Entry) -> None:
    first, channel = wrapped(entry), entry.make()
    second = entry.wrap(vectors(entry)[1]["body"].encode(), NOW, True)
    found = channel.parse(Request("POST", first.path, first.query, first.headers, second.body), NOW)
    assert isinstance(found, Reject)


@each_encrypted
def test_a_signed_body_whose_cipher_was_changed_is_refused(entry: Entry) -> None:
    request, channel = wrapped(entry), entry.make()
    cipher = CIPHER.search(request.body)
    assert cipher
    at = cipher.start() + 30
    other = b"A" if request.body[at : at + 1] != b"A" else b"B"
    changed = request.body[:at] + other + request.body[at + 1 :]
    assert isinstance(
        channel.parse(Request("POST", request.path, request.query, request.headers, changed), NOW), Reject
    )


@each_encrypted
def test_the_check_of_the_url_gives_nothing_to_who_cannot_sign(entry: Entry) -> None:
    if entry.challenge is None:
        pytest.skip(f"{entry.name} has no check of the URL")
    request, _ = entry.challenge(NOW)
    if not any("signature" in name for name in request.query):
        pytest.skip(f"the check of {entry.name} is proved by what is encrypted, not by a signature")
    forged = {name: ("0" * len(value) if "signature" in name else value) for name, value in request.query.items()}
    body = re.sub(rb'("(?:msg_?)?signature": ?")[^"]*', rb"\g<1>0", request.body)
    found = entry.make().parse(Request(request.method, request.path, forged, {}, body), NOW)
    assert not isinstance(found, Challenge)
