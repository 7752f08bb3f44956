"""WeChat official accounts, in each of their modes."""

from __future__ import annotations

from typing import Literal

from adapters.channel import Request
from adapters.crypto import Envelope, signature
from adapters.wechat import WeChat
from config.credentials import WeChatAccount
from tests.contracts.entry import SECRETS, Entry


def wechat(mode: Literal["plain", "compatible", "safe"]) -> Entry:
    token, secret, key = SECRETS
    keys = {"app_id": "wx1", "app_secret": secret, "token": token, "encoding_aes_key": key, "mode": mode}
    account = WeChatAccount.model_validate(keys)

    def query(at: float, sign: bool) -> dict[str, str]:
        timestamp = str(int(at))
        return {"timestamp": timestamp, "nonce": "n1", "signature": signature(token if sign else "x", timestamp, "n1")}

    def wrap(body: bytes, at: float, sign: bool) -> Request:
        if mode == "plain":
            return Request("POST", "/webhooks/wechat/main", query(at, sign), {}, body)
        sealed = Envelope(token if sign else "x", [key], "wx1").seal(body, str(int(at)), "n1")
        more = {"encrypt_type": "aes", "msg_signature": sealed.signature, "openid": "oCustomer-1_x"}
        outer = f"<xml><ToUserName>gh_shop</ToUserName><Encrypt><![CDATA[{sealed.encrypt}]]></Encrypt></xml>"
        return Request("POST", "/webhooks/wechat/main", query(at, sign) | more, {}, outer.encode())

    def challenge(at: float) -> tuple[Request, str]:
        return Request("GET", "/webhooks/wechat/main", query(at, True) | {"echostr": "42"}), "42"

    return Entry(f"wechat-{mode}", "wechat.json", lambda: WeChat("main", account), wrap, challenge)


ENTRIES = [wechat("plain"), wechat("compatible"), wechat("safe")]
