"""The envelope that WeChat, WeCom and DingTalk share: who sent it is proved, what is in it is AES-encrypted.

plain = random(16) | length of message in bytes (4, big-endian) | message | receive id
encrypt = base64(AES-256-CBC(PKCS#7 to a multiple of 32 (plain)), key = base64(EncodingAESKey + "="), iv = key[:16])
msg_signature = sha1(concatenation of the sorted [token, timestamp, nonce, encrypt]) in hex

Source: 微信公众平台 消息加解密说明, https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Message_encryption_and_decryption.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wechatpy.crypto import WeChatCipher

KEY_BYTES = 32
BLOCK_BYTES = 16
MAX_PAD = 32
RANDOM_BYTES = 16
LENGTH_BYTES = 4
AES_KEY = re.compile(r"[A-Za-z0-9+/]{43}")

Random16 = Callable[[], bytes]


class BadEnvelope(Exception):
    """Not made by who holds token, key and receive id; the text says which check failed, without any secret."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The four fields of an encrypted body."""

    encrypt: str
    signature: str
    timestamp: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What was in an envelope, and which of the keys (0: the current one) opened it."""

    message: bytes
    key: int


def random16() -> bytes:
    return secrets.token_bytes(RANDOM_BYTES)


def signature(*parts: str) -> str:
    """sha1 over the sorted parts in hex: of (token, timestamp, nonce) for a URL, with `encrypt` for a body."""
    found = sorted(part.encode("utf-8", "surrogatepass") for part in parts)
    return hashlib.sha1(b"".join(found), usedforsecurity=False).hexdigest()


def signed(given: str, *parts: str) -> bool:
    """Whether `given` is the signature of `parts`, compared in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), signature(*parts).encode())


def aes_key(encoding_aes_key: str) -> bytes:
    """The 32 bytes behind the 43 characters of EncodingAESKey. Raises ValueError where they are not that.

    The last character may carry bits that no byte needs (the vendor's own demo key ends in "…EFG"), so a strict
    decoder is wrong here.
    """
    if not AES_KEY.fullmatch(encoding_aes_key):
        raise ValueError("an EncodingAESKey is 43 letters and digits, as the vendor's console shows it")
    return base64.b64decode(encoding_aes_key + "=")


def open_file(data: bytes, key: bytes) -> bytes:
    """A file that a vendor keeps encrypted: AES-256-CBC, iv = key[:16], PKCS#7 to a multiple of 32. Raises
    `BadEnvelope`."""
    if len(key) != KEY_BYTES or not data or len(data) % BLOCK_BYTES:
        raise BadEnvelope(f"the file is not whole AES blocks ({len(data)} bytes), or its key is none")
    return _unpad(WeChatCipher(key).decrypt(data))


def seal_file(data: bytes, key: bytes) -> bytes:
    """The inverse of `open_file`."""
    sealed: bytes = WeChatCipher(key).encrypt(_padded(data))
    return sealed


class Envelope:
    """Seals and opens for one receiver. `keys` are the current EncodingAESKey and then previous ones: the vendor
    goes on with the old key for a while after it was changed. `receive_id` is the app id of WeChat, the corp id of
    WeCom, empty for WeCom's AI bots, the app key or corp id of DingTalk."""

    def __init__(self, token: str, keys: Sequence[str], receive_id: str, random: Random16 = random16) -> None:
        self._token = token
        self._receive_id = receive_id.encode()
        self._random = random
        self._ciphers: tuple[Any, ...] = tuple(WeChatCipher(aes_key(key)) for key in keys)

    def seal(self, message: bytes, timestamp: str, nonce: str, key: int = 0) -> Sealed:
        plain = self._random() + len(message).to_bytes(LENGTH_BYTES) + message + self._receive_id
        encrypt = base64.b64encode(self._ciphers[key].encrypt(_padded(plain))).decode()
        return Sealed(encrypt, signature(self._token, timestamp, nonce, encrypt), timestamp, nonce)

    def open(self, sealed: Sealed) -> Opened:
        """Raises `BadEnvelope`."""
        if not signed(sealed.signature, self._token, sealed.timestamp, sealed.nonce, sealed.encrypt):
            raise BadEnvelope("msg_signature does not match: is the token the one in the vendor's console?")
        return self.decrypt(sealed.encrypt)

    def decrypt(self, encrypt: str) -> Opened:
        """As `open`, of a text whose signature was checked already. Raises `BadEnvelope`."""
        failure = BadEnvelope("there is no key to decrypt with")
        for key, cipher in enumerate(self._ciphers):
            try:
                return Opened(self._unwrap(cipher, encrypt), key)
            except BadEnvelope as error:
                failure = error
        raise failure

    def _unwrap(self, cipher: Any, encrypt: str) -> bytes:
        try:
            data = base64.b64decode(encrypt, validate=True)
        except (binascii.Error, ValueError):
            raise BadEnvelope("the encrypted text is not base64") from None
        if not data or len(data) % BLOCK_BYTES:
            raise BadEnvelope(f"the encrypted text is not whole AES blocks ({len(data)} bytes): was it cut?")
        plain: bytes = cipher.decrypt(data)
        body = _unpad(plain)[RANDOM_BYTES:]
        length = int.from_bytes(body[:LENGTH_BYTES])
        message, receiver = body[LENGTH_BYTES : LENGTH_BYTES + length], body[LENGTH_BYTES + length :]
        if len(body) < LENGTH_BYTES or len(message) != length:
            raise BadEnvelope("the message inside is shorter than it says")
        if not hmac.compare_digest(receiver, self._receive_id):
            raise BadEnvelope("it is addressed to another app id")
        return message


def _padded(plain: bytes) -> bytes:
    pad = MAX_PAD - len(plain) % MAX_PAD
    return plain + bytes((pad,)) * pad


def _unpad(plain: bytes) -> bytes:
    pad = plain[-1]
    if not 1 <= pad <= min(MAX_PAD, len(plain)) or plain[-pad:] != bytes([pad]) * pad:
        raise BadEnvelope("it does not decrypt: is encoding_aes_key the one in the vendor's console?")
    return plain[:-pad]
