"""AI bots of WeCom, by webhook. The same bodies come over the WebSocket: see tests/adapters/test_wecom_bot_link.py."""

from __future__ import annotations

import json

from adapters.channel import Request
from adapters.crypto import Envelope, Sealed
from adapters.wecom_bot import WeComBot
from config.credentials import WeComBotAccount
from tests.contracts.entry import SECRETS, Entry

TOKEN, _, KEY = SECRETS
ACCOUNT = WeComBotAccount.model_validate({"token": TOKEN, "encoding_aes_key": KEY})
PATH = "/webhooks/wecom_bot/main"


def sealed(message: bytes, at: float, sign: bool) -> Sealed:
    return Envelope(TOKEN if sign else "x", [KEY], "").seal(message, str(int(at)), "n1")


def query(envelope: Sealed) -> dict[str, str]:
    return {"msg_signature": envelope.signature, "timestamp": envelope.timestamp, "nonce": envelope.nonce}


def wrap(body: bytes, at: float, sign: bool) -> Request:
    envelope = sealed(body, at, sign)
    return Request("POST", PATH, query(envelope), {}, json.dumps({"encrypt": envelope.encrypt}).encode())


def challenge(at: float) -> tuple[Request, str]:
    envelope = sealed(b"4375120948345356249", at, True)
    return Request("GET", PATH, query(envelope) | {"echostr": envelope.encrypt}), "4375120948345356249"


ENTRIES = [Entry("wecom_bot", "wecom_bot.json", lambda: WeComBot("main", ACCOUNT), wrap, challenge)]
