"""A WeChat account and requests to it, plain and sealed."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from adapters.channel import Messages, Reject, Request
from adapters.crypto import Envelope, signature
from adapters.wechat import WeChat
from config.credentials import WeChatAccount

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
OLD_KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
NOW = 1_700_000_000
STAMP = {"timestamp": str(NOW), "nonce": "n1"}


def account(mode: str = "safe", **more: object) -> WeChat:
    keys = {"app_id": "wx1", "app_secret": "s", "token": "tok", "encoding_aes_key": KEY, "mode": mode}
    return WeChat("main", WeChatAccount.model_validate(keys | more))


def body(content: str = "退款", **more: str) -> bytes:
    fields = {
        "ToUserName": "gh_1", "FromUserName": "oABC", "CreateTime": str(NOW), "MsgType": "text", "MsgId": "77",
        "Content": content,
    } | more  # fmt: skip
    root = ET.Element("xml")
    for name, value in fields.items():
        ET.SubElement(root, name).text = value
    return bytes(ET.tostring(root, "utf-8"))


def plain(message: bytes, **query: str) -> Request:
    return Request("POST", "/", STAMP | {"signature": signature("tok", *STAMP.values())} | query, {}, message)


def sealed(message: bytes, key: str = KEY, app_id: str = "wx1", extra: bytes = b"") -> Request:
    envelope = Envelope("tok", [key], app_id).seal(message, STAMP["timestamp"], STAMP["nonce"])
    query = {"encrypt_type": "aes", "msg_signature": envelope.signature}
    outer = f"<xml><Encrypt>{envelope.encrypt}</Encrypt>".encode() + extra + b"</xml>"
    return plain(outer, **query)


def heard(channel: WeChat, request: Request) -> Messages:
    parsed = channel.parse(request, NOW)
    assert isinstance(parsed, Messages), parsed
    return parsed


def refused(channel: WeChat, request: Request, status: int, why: str) -> None:
    parsed = channel.parse(request, NOW)
    assert isinstance(parsed, Reject), parsed
    assert (parsed.status, why in parsed.reason) == (status, True), parsed
