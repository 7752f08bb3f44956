"""Rasa's callback channel: messages come by a route of their own, answers go out as posts."""

from __future__ import annotations

from adapters.callback import Callback
from adapters.channel import Request
from config.credentials import CallbackAccount
from tests.contracts.entry import SECRETS, Entry

TOKEN, SECRET, _ = SECRETS


def nothing(body: bytes, at: float, sign: bool) -> Request:
    return Request("POST", "/webhooks/callback/main", {}, {}, body)


def account() -> CallbackAccount:
    keys = {"url": "https://shop.example/bot", "token": TOKEN, "basic_auth": {"username": "u", "password": SECRET}}
    return CallbackAccount.model_validate(keys)


ENTRIES = [Entry("callback", "", lambda: Callback("main", account()), nothing, speaks_only=True, items=True)]
