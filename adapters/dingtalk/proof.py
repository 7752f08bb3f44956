"""How a request proves that it is DingTalk's: the sign of a robot's callback, that of a card's, an event's envelope.

Sources: 接收消息 (sign) https://open.dingtalk.com/document/orgapp/receive-message
卡片回调签名 https://open.dingtalk.com/document/development/event-callback-card
加解密 https://open.dingtalk.com/document/orgapp/configure-event-subcription
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence

import orjson

from adapters.channel import Outgoing
from adapters.crypto import BadEnvelope, Envelope, Random16, Sealed, signed
from adapters.fields import read_fields, said
from adapters.refusals import Refused

MS = 100_000_000_000
"""From here on a timestamp is in milliseconds."""


def check_time(timestamp: str, now: float, window_s: float) -> float:
    """The time in epoch seconds. Raises `Refused` where it is none, or more than `window_s` off (0: any)."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        raise Refused(400, "there is no timestamp: this is not a request of DingTalk's")
    given = int(timestamp)
    at = given / 1000 if given >= MS else float(given)
    off_s = now - at
    if window_s and abs(off_s) > window_s:
        way = "old" if off_s > 0 else "ahead"
        raise Refused(403, f"the timestamp is {abs(off_s):.0f} s {way}: is it a replay, or is the clock wrong?")
    return at


def check_robot(headers: Mapping[str, str], secret: str, now: float, window_s: float) -> None:
    """Raises `Refused`. The sign covers the time and no body."""
    timestamp = headers.get("timestamp", "")
    check_time(timestamp, now, window_s)
    if not _same(headers.get("sign", ""), _hmac(secret, f"{timestamp}\n{secret}")):
        raise Refused(403, "the sign does not match: is client_secret the one in the app's console?")


def check_card(headers: Mapping[str, str], secret: str, now: float, window_s: float) -> float:
    """The time of the tap in epoch seconds. Raises `Refused`."""
    if not secret:
        raise Refused(403, "a card's callback came, and the account has no card_secret to check it with")
    timestamp = headers.get("x-ddpaas-signature-timestamp", "")
    at = check_time(timestamp, now, window_s)
    if not _same(headers.get("x-ddpaas-signature", ""), _hmac(secret, timestamp)):
        raise Refused(403, "the card's signature does not match: is card_secret what was registered as apiSecret?")
    return at


def _hmac(key: str, message: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()).decode()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


class Subscription:
    """The envelopes of an app's events. `owners`: for whom they may be (the app's client id, the company's corp id,
    depending on how old the subscription is). Without a token or a key there are none."""

    def __init__(self, token: str, key: str, owners: Sequence[str], random: Random16) -> None:
        self._token = token
        given = [owner for owner in owners if owner] if key and token else []
        self._envelopes = [Envelope(token, [key], owner, random) for owner in given]

    def open(self, query: Mapping[str, str], body: bytes, now: float, window_s: float) -> tuple[bytes, Outgoing]:
        """The event, and the answer that takes it: the word success, encrypted. Raises `Refused`, `BadEnvelope`,
        `Malformed`."""
        if not self._envelopes:
            raise Refused(403, "an event came, and the account has no token and encoding_aes_key to open it with")
        timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        check_time(timestamp, now, window_s)
        encrypt = said(read_fields(body), "encrypt")
        if not encrypt:
            raise Refused(400, "the body has no encrypt")
        given = query.get("msg_signature") or query.get("signature", "")
        if not signed(given, self._token, timestamp, nonce, encrypt):
            raise Refused(403, "msg_signature does not match: is the token the one in the app's console?")
        envelope, opened = self._opened(encrypt)
        return opened, _answer(envelope.seal(b"success", timestamp, nonce))

    def _opened(self, encrypt: str) -> tuple[Envelope, bytes]:
        failure = BadEnvelope("there is no key to decrypt with")
        for envelope in self._envelopes:
            try:
                return envelope, envelope.decrypt(encrypt).message
            except BadEnvelope as error:
                failure = error
        raise failure


def _answer(sealed: Sealed) -> Outgoing:
    body = {
        "msg_signature": sealed.signature,
        "timeStamp": sealed.timestamp,
        "nonce": sealed.nonce,
        "encrypt": sealed.encrypt,
    }
    return Outgoing(orjson.dumps(body), "application/json")
