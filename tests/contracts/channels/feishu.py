"""Feishu: signed and encrypted events, and plain ones that a token vouches for."""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pydantic import SecretStr

from adapters.channel import Request
from adapters.feishu import Feishu
from config.credentials import FeishuAccount
from tests.contracts.entry import SECRETS, Entry

TOKEN, SECRET, KEY = SECRETS
TOKEN_ANSWER = '{"code": 0, "msg": "ok", "tenant_access_token": "T", "expire": 7200}'


def account(encrypt_key: str = KEY, **more: object) -> FeishuAccount:
    keys = {"app_id": "cli_1", "app_secret": SecretStr(SECRET), "verification_token": SecretStr(TOKEN)}
    return FeishuAccount.model_validate(keys | {"encrypt_key": SecretStr(encrypt_key), "name": "小应"} | more)


def encrypted(plain: bytes, encrypt_key: str = KEY, iv: bytes = b"0123456789abcdef") -> str:
    pad = 16 - len(plain) % 16
    cipher = Cipher(algorithms.AES(hashlib.sha256(encrypt_key.encode()).digest()), modes.CBC(iv)).encryptor()
    return base64.b64encode(iv + cipher.update(plain + bytes([pad]) * pad) + cipher.finalize()).decode()


def wrap(body: bytes, at: float, sign: bool) -> Request:
    outer = json.dumps({"encrypt": encrypted(body)}).encode()
    timestamp, nonce = str(int(at)), "n1"
    signed = hashlib.sha256(f"{timestamp}{nonce}{KEY if sign else 'x'}".encode() + outer).hexdigest()
    named = {"timestamp": timestamp, "nonce": nonce}
    headers = {f"x-lark-request-{name}": value for name, value in named.items()} | {"x-lark-signature": signed}
    return Request("POST", "/webhooks/feishu/main", {}, headers, outer)


def plain(body: bytes, at: float, sign: bool) -> Request:
    return Request("POST", "/webhooks/feishu/main", {}, {}, body if sign else body.replace(TOKEN.encode(), b"x"))


def challenge(at: float) -> tuple[Request, str]:
    body = json.dumps({"challenge": "42", "token": TOKEN, "type": "url_verification"}).encode()
    return wrap(body, at, True), '{"challenge":"42"}'


def plain_challenge(at: float) -> tuple[Request, str]:
    body = json.dumps({"challenge": "42", "token": TOKEN, "type": "url_verification"}).encode()
    return plain(body, at, True), '{"challenge":"42"}'


ENTRIES = [
    Entry("feishu", "feishu.json", lambda: Feishu("main", account()), wrap, challenge, token_answer=TOKEN_ANSWER),
    Entry(
        "feishu-plain",
        "feishu.json",
        lambda: Feishu("main", account("")),
        plain,
        plain_challenge,
        window_s=0,
        token_answer=TOKEN_ANSWER,
    ),
]
