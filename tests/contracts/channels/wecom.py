"""WeCom's self-built apps, and the group robots of WeCom and DingTalk, which only speak."""

from __future__ import annotations

from adapters.channel import Request
from adapters.crypto import Envelope
from adapters.robots import DingTalkRobot, WeComRobot
from adapters.wecom import WeCom
from config.credentials import DingTalkRobotAccount, WeComAccount, WeComRobotAccount
from tests.contracts.entry import SECRETS, Entry

TOKEN, SECRET, KEY = SECRETS


def app() -> WeCom:
    keys = {"corp_id": "ww1", "agent_id": 7, "secret": SECRET, "token": TOKEN, "encoding_aes_key": KEY}
    return WeCom("main", WeComAccount.model_validate(keys))


def wrap(body: bytes, at: float, sign: bool) -> Request:
    sealed = Envelope(TOKEN if sign else "x", [KEY], "ww1").seal(body, str(int(at)), "n1")
    query = {"msg_signature": sealed.signature, "timestamp": str(int(at)), "nonce": "n1"}
    outer = f"<xml><AgentID>7</AgentID><Encrypt><![CDATA[{sealed.encrypt}]]></Encrypt></xml>"
    return Request("POST", "/webhooks/wecom/main", query, {}, outer.encode())


def challenge(at: float) -> tuple[Request, str]:
    sealed = Envelope(TOKEN, [KEY], "ww1").seal(b"1288432023552776189", str(int(at)), "n1")
    query = {"msg_signature": sealed.signature, "timestamp": str(int(at)), "nonce": "n1", "echostr": sealed.encrypt}
    return Request("GET", "/webhooks/wecom/main", query), "1288432023552776189"


def nothing(body: bytes, at: float, sign: bool) -> Request:
    return Request("POST", "/webhooks/robot/main", {}, {}, body)


ENTRIES = [
    Entry("wecom", "wecom.json", app, wrap, challenge),
    Entry(
        "wecom_robot",
        "",
        lambda: WeComRobot("main", WeComRobotAccount.model_validate({"key": SECRET})),
        nothing,
        speaks_only=True,
    ),
    Entry(
        "dingtalk_robot",
        "",
        lambda: DingTalkRobot("main", DingTalkRobotAccount.model_validate({"access_token": SECRET, "secret": TOKEN})),
        nothing,
        speaks_only=True,
    ),
]
