"""A DingTalk app by HTTP: a robot's messages, whose sign covers no body, and events in envelopes."""

from __future__ import annotations

import base64
import hashlib
import hmac

import orjson

from adapters.channel import Request
from adapters.crypto import Envelope
from adapters.dingtalk import DingTalk
from config.credentials import DingTalkAccount
from tests.contracts.entry import SECRETS, Entry

PATH = "/webhooks/dingtalk/main"
TOKEN, SECRET, KEY = SECRETS
TOKEN_ANSWER = '{"accessToken": "T", "expireIn": 7200}'


def make() -> DingTalk:
    keys = {"client_id": "dingapp", "client_secret": SECRET, "token": TOKEN, "encoding_aes_key": KEY, "mode": "http"}
    return DingTalk("main", DingTalkAccount.model_validate(keys))


def message(body: bytes, at: float, sign: bool) -> Request:
    timestamp = str(round(at * 1000))
    key = SECRET if sign else "x"
    mac = hmac.new(key.encode(), f"{timestamp}\n{key}".encode(), hashlib.sha256).digest()
    return Request("POST", PATH, {}, {"timestamp": timestamp, "sign": base64.b64encode(mac).decode()}, body)


def event(body: bytes, at: float, sign: bool) -> Request:
    timestamp = str(round(at * 1000))
    sealed = Envelope(TOKEN if sign else "x", [KEY], "dingapp").seal(body, timestamp, "n1")
    query = {"msg_signature": sealed.signature, "timestamp": timestamp, "nonce": "n1"}
    return Request("POST", PATH, query, {}, orjson.dumps({"encrypt": sealed.encrypt}))


ENTRIES = [
    Entry("dingtalk-robot", "dingtalk.json", make, message, window_s=3600.0, token_answer=TOKEN_ANSWER),
    Entry("dingtalk-events", "dingtalk_events.json", make, event, window_s=3600.0, token_answer=TOKEN_ANSWER),
]
