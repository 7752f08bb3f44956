"""The shared envelope against the vendors' own vectors, independent implementations, and whoever tampers."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.crypto import BadEnvelope, Envelope, Opened, Sealed, aes_key, open_file, seal_file, signature, signed
from tests.vectors import vectors

OFFICIAL = vectors("official_vectors.json")
PEERS = vectors("peers.json")
ENCRYPTED = [vector for vector in OFFICIAL if vector["encrypt"]]
SIGNED = [vector for vector in OFFICIAL if vector["sig_ok"]]
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
OTHER_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"


def envelope_of(vector: dict[str, Any]) -> Envelope:
    return Envelope(vector["token"], [vector["aeskey"]], vector["receiveid"])


def sealed_of(vector: dict[str, Any]) -> Sealed:
    return Sealed(vector["encrypt"], vector["msg_signature"], vector["timestamp"], vector["nonce"])


def named(vector: dict[str, Any]) -> str:
    return str(vector.get("name") or f"{vector['case']}-{vector['producer']}").replace(" ", "_")


def test_all_published_vectors_are_here() -> None:
    assert (len(OFFICIAL), len(ENCRYPTED), len(SIGNED), len(PEERS)) == (14, 11, 12, 164)


@pytest.mark.parametrize("vector", ENCRYPTED, ids=named)
def test_a_published_envelope_opens(vector: dict[str, Any]) -> None:
    opened = envelope_of(vector).decrypt(vector["encrypt"])
    assert opened == Opened(vector["plaintext"].encode(), 0)


@pytest.mark.parametrize("vector", SIGNED, ids=named)
def test_a_published_signature_is_right(vector: dict[str, Any]) -> None:
    parts = [vector["token"], vector["timestamp"], vector["nonce"]]
    if vector["encrypt"]:
        assert signed(vector["msg_signature"], *parts, vector["encrypt"])
        assert envelope_of(vector).open(sealed_of(vector)).message == vector["plaintext"].encode()
    else:
        assert signed(vector["signature"], *parts)


@pytest.mark.parametrize("vector", [v for v in ENCRYPTED if "random16" in v], ids=named)
def test_with_the_vendors_random_our_envelope_is_the_vendors_to_the_byte(vector: dict[str, Any]) -> None:
    random = vector["random16"].encode()
    envelope = Envelope(vector["token"], [vector["aeskey"]], vector["receiveid"], lambda: random)
    sealed = envelope.seal(vector["plaintext"].encode(), vector["timestamp"], vector["nonce"])
    assert sealed.encrypt == vector["encrypt"]
    if vector["msg_signature"]:
        assert sealed.signature == vector["msg_signature"]


@pytest.mark.parametrize("vector", PEERS, ids=named)
def test_an_independent_implementations_envelope_opens(vector: dict[str, Any]) -> None:
    assert envelope_of(vector).open(sealed_of(vector)).message == vector["plaintext"].encode()


def test_the_independent_vectors_have_every_pad_length() -> None:
    key = aes_key(KEY)
    envelope = Envelope("t", [KEY], "wx1")
    pads = set()
    for length in range(32):
        cipher = envelope._ciphers[0]
        plain = cipher.decrypt(base64.b64decode(envelope.seal(b"x" * length, "1", "n").encrypt))
        assert len(plain) % 32 == 0
        pads.add(plain[-1])
    assert pads == set(range(1, 33))
    assert len(key) == 32


@given(st.binary(max_size=3000), st.text(st.characters(codec="ascii"), max_size=40))
def test_what_is_sealed_opens_again(message: bytes, receive_id: str) -> None:
    envelope = Envelope("token", [KEY], receive_id)
    sealed = envelope.seal(message, "1700000000", "n")
    assert envelope.open(sealed) == Opened(message, 0)
    assert envelope.seal(message, "1700000000", "n").encrypt != sealed.encrypt


def test_the_previous_key_still_opens_and_is_named() -> None:
    sealed = Envelope("t", [OTHER_KEY], "wx1").seal(b"hello", "1", "n")
    both = Envelope("t", [KEY, OTHER_KEY], "wx1")
    assert both.open(sealed) == Opened(b"hello", 1)
    assert Envelope("t", [OTHER_KEY], "wx1").open(both.seal(b"answer", "1", "n", key=1)).message == b"answer"


@pytest.mark.parametrize("key", ["", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "汉", "a" * 42 + "-"])
def test_what_is_no_key_is_refused_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="43 letters and digits"):
        Envelope("t", [key], "wx1")


def test_another_token_key_or_receiver_is_refused() -> None:
    sealed = Envelope("t", [KEY], "wx1").seal(b"hello", "1", "n")
    for envelope, why in (
        (Envelope("other", [KEY], "wx1"), "msg_signature does not match"),
        (Envelope("t", [OTHER_KEY], "wx1"), "encoding_aes_key"),
        (Envelope("t", [KEY], "wx2"), "another app id"),
        (Envelope("t", [KEY], "wx11"), "another app id"),
        (Envelope("t", [KEY], ""), "another app id"),
        (Envelope("t", [], "wx1"), "no key"),
    ):
        with pytest.raises(BadEnvelope, match=why):
            envelope.open(sealed)


@pytest.mark.parametrize("encrypt", ["", "A", "AAAA", "汉", "a b", "=" * 64, "A" * 63 + "!", "A" * 64, "\ud800"])
def test_what_is_no_envelope_is_refused(encrypt: str) -> None:
    envelope = Envelope("t", [KEY], "wx1")
    with pytest.raises(BadEnvelope):
        envelope.open(Sealed(encrypt, signature("t", "1", "n", encrypt), "1", "n"))


def pack(plain: bytes) -> Sealed:
    """`plain` encrypted as it is, padding and all, and rightly signed."""
    cipher = Envelope("t", [KEY], "wx1")._ciphers[0]
    encrypt = base64.b64encode(cipher.encrypt(plain)).decode()
    return Sealed(encrypt, signature("t", "1", "n", encrypt), "1", "n")


@pytest.mark.parametrize(
    "plain",
    [
        b"\x00" * 32,
        b"r" * 31 + b"\x21",
        b"r" * 30 + b"\x01\x02",
        b"r" * 16 + b"\x00\x00\x00\x09hello" + b"\x07" * 7,
        b"r" * 16 + b"\xff\xff\xff\xff" + b"\x0c" * 12,
        b"r" * 14 + b"\x12" * 18,
        b"\x20" * 32,
    ],
    ids=["pad-0", "pad-33", "uneven-pad", "length-too-long", "length-4-GiB", "no-length", "all-pad"],
)
def test_a_wrong_inside_is_refused_though_it_is_signed(plain: bytes) -> None:
    with pytest.raises(BadEnvelope):
        Envelope("t", [KEY], "wx1").open(pack(plain))


@given(st.binary(min_size=16, max_size=320).map(lambda data: data[: len(data) // 16 * 16]))
def test_any_signed_blocks_open_or_are_refused(plain: bytes) -> None:
    try:
        opened = Envelope("t", [KEY], "wx1").open(pack(plain))
    except BadEnvelope:
        return
    assert plain[16:].startswith(len(opened.message).to_bytes(4) + opened.message + b"wx1")


@given(st.data())
def test_one_changed_character_is_noticed(data: st.DataObject) -> None:
    envelope = Envelope("t", [KEY], "wx1")
    sealed = envelope.seal("退款".encode(), "1700000000", "nonce")
    name = data.draw(st.sampled_from(["encrypt", "signature", "timestamp", "nonce"]))
    fields = {part: getattr(sealed, part) for part in ("encrypt", "signature", "timestamp", "nonce")}
    value = fields[name]
    place = data.draw(st.integers(0, len(value) - 1))
    new = data.draw(st.characters(codec="ascii", categories=["L", "N"]).filter(lambda char: char != value[place]))
    fields[name] = value[:place] + new + value[place + 1 :]
    with pytest.raises(BadEnvelope, match="msg_signature"):
        envelope.open(Sealed(**fields))


@given(st.text(max_size=60))
def test_no_given_signature_makes_the_check_raise(given_signature: str) -> None:
    assert not signed(given_signature, "t", "1", "n")


@given(data=st.binary(max_size=200), key=st.binary(min_size=32, max_size=32))
def test_a_file_that_a_vendor_encrypted_is_the_same_again(data: bytes, key: bytes) -> None:
    assert open_file(seal_file(data, key), key) == data
    with pytest.raises(BadEnvelope):
        open_file(seal_file(data, key)[:-1], key)


def test_a_file_is_padded_to_32_bytes_as_the_vendors_sdk_wants_it() -> None:
    assert len(seal_file(b"x" * 32, bytes(32))) == 64
    with pytest.raises(BadEnvelope):
        open_file(b"", bytes(32))
    with pytest.raises(BadEnvelope):
        open_file(bytes(32), bytes(16))
