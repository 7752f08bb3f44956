"""How many messages a second each channel's codec takes in and answers: verified, decrypted, parsed, rendered,
encrypted. Beside wechatpy's own path (WeChatCrypto, parse_message, create_reply, encrypt_message; `enterprise` for
WeCom) in the same run. Prints JSON.

    python -m benchmarks.channels [--seconds 0.5] [--rounds 9] [--only wechat]

Rounds alternate between us and wechatpy, so that a noisy machine is as noisy for both; medians are compared.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import orjson
from wechatpy import create_reply, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.enterprise import create_reply as enterprise_reply
from wechatpy.enterprise import parse_message as parse_enterprise
from wechatpy.enterprise.crypto import WeChatCrypto as EnterpriseCrypto

from adapters.channel import Answer, Channel, Messages, Pull, Pulled, Pulling, Pushing, Request, Route
from adapters.crypto import Envelope, signature
from adapters.message import Message, Text
from bot.channels import CHANNELS
from config.credentials import ACCOUNTS
from config.settings import Settings

NOW = 1_700_000_100.0
STAMP, NONCE = "1700000100", "1320562132"
TOKEN, SECRET, KEY = "the-token", "the-secret", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
SAID = "你好，我想查一下昨天下的订单到哪里了，订单号是 DD20260101001，谢谢😀"
ANSWER = "您好，您的订单 DD20260101001 已于今天上午发出，预计明天送达。还有什么可以帮您？"
XML = (
    "<xml><ToUserName><![CDATA[{to}]]></ToUserName><FromUserName><![CDATA[oCustomer]]></FromUserName>"
    "<CreateTime>1700000100</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{said}]]></Content>"
    "<MsgId>1234567890123456</MsgId>{more}</xml>"
)


@dataclass(frozen=True)
class Sample:
    """What one channel is measured with: its account's keys, a message as its vendor posts it, the page of a pull."""

    keys: dict[str, Any]
    request: Request | None = None
    page: bytes = b""


def sealed(body: str, receive_id: str, outer: Callable[[str], str], **more: str) -> Request:
    found = Envelope(TOKEN, [KEY], receive_id).seal(body.encode(), STAMP, NONCE)
    query = {"msg_signature": found.signature, "timestamp": STAMP, "nonce": NONCE}
    return Request("POST", "/", query | more, {}, outer(found.encrypt).encode())


def in_xml(encrypt: str) -> str:
    return f"<xml><ToUserName><![CDATA[to]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt></xml>"


def in_json(encrypt: str) -> str:
    return json.dumps({"encrypt": encrypt})


def wechat() -> Sample:
    body = XML.format(to="gh_shop", said=SAID, more="")
    url = {"encrypt_type": "aes", "openid": "oCustomer", "signature": signature(TOKEN, STAMP, NONCE)}
    keys = {"app_id": "wx1", "app_secret": SECRET, "token": TOKEN, "encoding_aes_key": KEY}
    return Sample(keys, sealed(body, "wx1", in_xml, **url))


def wecom() -> Sample:
    body = XML.format(to="ww1", said=SAID, more="<AgentID>7</AgentID>")
    keys = {"corp_id": "ww1", "agent_id": 7, "secret": SECRET, "token": TOKEN, "encoding_aes_key": KEY}
    return Sample(keys, sealed(body, "ww1", in_xml))


def wecom_bot() -> Sample:
    body = {
        "msgid": "m1", "aibotid": "b1", "chattype": "single", "from": {"userid": "u1"}, "msgtype": "text",
        "response_url": "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?code=1", "text": {"content": SAID},
    }  # fmt: skip
    return Sample({"token": TOKEN, "encoding_aes_key": KEY}, sealed(json.dumps(body), "", in_json))


def wecom_kf() -> Sample:
    signal = (
        "<xml><ToUserName>ww1</ToUserName><CreateTime>1700000100</CreateTime><MsgType>event</MsgType>"
        "<Event>kf_msg_or_event</Event><Token>ENC1</Token><OpenKfId>wk1</OpenKfId></xml>"
    )
    item = {
        "msgid": "m1", "open_kfid": "wk1", "external_userid": "wm1", "send_time": 1_700_000_100, "origin": 3,
        "msgtype": "text", "text": {"content": SAID},
    }  # fmt: skip
    page = orjson.dumps({"errcode": 0, "next_cursor": "c1", "has_more": 0, "msg_list": [item]})
    keys = {"corp_id": "ww1", "secret": SECRET, "token": TOKEN, "encoding_aes_key": KEY, "open_kfid": "wk1"}
    return Sample(keys, sealed(signal, "ww1", in_xml), page)


def dingtalk() -> Sample:
    stamp = str(int(NOW * 1000))
    mac = hmac.new(SECRET.encode(), f"{stamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    body = {
        "msgtype": "text", "text": {"content": f" {SAID}"}, "msgId": "m1", "createAt": int(NOW * 1000),
        "conversationType": "1", "conversationId": "cid1", "senderId": "$1", "senderNick": "王", "senderStaffId": "u1",
        "chatbotUserId": "$b", "robotCode": "ding1", "sessionWebhookExpiredTime": int(NOW * 1000) + 5_400_000,
        "sessionWebhook": "https://oapi.dingtalk.com/robot/sendBySession?session=1",
    }  # fmt: skip
    headers = {"timestamp": stamp, "sign": base64.b64encode(mac).decode()}
    keys = {"client_id": "ding1", "client_secret": SECRET, "mode": "http"}
    return Sample(keys, Request("POST", "/", {}, headers, orjson.dumps(body)))


def feishu() -> Sample:
    body = {
        "schema": "2.0",
        "header": {
            "event_id": "e1", "event_type": "im.message.receive_v1", "create_time": "1700000100000", "token": TOKEN,
            "app_id": "cli_1", "tenant_key": "t1",
        },
        "event": {
            "sender": {"sender_id": {"open_id": "ou_1", "user_id": "u1"}, "sender_type": "user"},
            "message": {
                "message_id": "om_1", "create_time": "1700000100000", "chat_id": "oc_1", "chat_type": "p2p",
                "message_type": "text", "content": json.dumps({"text": SAID}),
            },
        },
    }  # fmt: skip
    keys = {"app_id": "cli_1", "app_secret": SECRET, "verification_token": TOKEN}
    return Sample(keys, Request("POST", "/", {}, {}, orjson.dumps(body)))


SAMPLES: dict[str, Callable[[], Sample]] = {
    "wechat": wechat,
    "wecom": wecom,
    "wecom_bot": wecom_bot,
    "wecom_kf": wecom_kf,
    "dingtalk": dingtalk,
    "feishu": feishu,
    "wecom_robot": lambda: Sample({"key": SECRET}),
    "dingtalk_robot": lambda: Sample({"access_token": SECRET, "secret": SECRET}),
}


def ours(name: str, sample: Sample) -> Callable[[], object]:
    """One message in and its answer out; of a channel that only speaks, the answer alone."""
    channel = CHANNELS[name]("main", ACCOUNTS[name].model_validate(sample.keys), Settings())
    request = sample.request
    if request is None:
        return lambda: channel.render([Text(ANSWER)], Route("push", {"to": ""}))

    def turn() -> object:
        message, route = heard(channel, channel.parse(request, NOW), sample.page)
        if route.kind != "passive" or not channel.limits.passive_messages:
            assert isinstance(channel, Pushing)
            route = channel.push_routes(message.address, message, NOW)[0]
        return channel.render([Text(ANSWER)], route)

    return turn


def heard(channel: Channel, parsed: object, page: bytes) -> tuple[Message, Route]:
    match parsed:
        case Messages((message,), route):
            return message, route
        case Pull(source, token) if isinstance(channel, Pulling):
            pulling = channel.pull(source, token, "", NOW)
            next(pulling)
            try:
                while True:
                    pulling.send(Answer(200, page))
            except StopIteration as end:
                pulled = end.value
            if isinstance(pulled, Pulled):
                (message,) = pulled.messages
                return message, Route("push")
    raise SystemExit(f"{channel.name} does not understand its own sample: {parsed}")


def wechatpy_wechat(request: Request) -> Callable[[], object]:
    crypto = WeChatCrypto(TOKEN, KEY, "wx1")
    return lambda: echo(crypto, parse_message, create_reply, request)


def wechatpy_wecom(request: Request) -> Callable[[], object]:
    crypto = EnterpriseCrypto(TOKEN, KEY, "ww1")
    return lambda: echo(crypto, parse_enterprise, enterprise_reply, request)


def echo(crypto: Any, parse: Callable[..., Any], reply: Callable[..., Any], request: Request) -> str:
    query = request.query
    opened = crypto.decrypt_message(request.body, query["msg_signature"], query["timestamp"], query["nonce"])
    answer = reply(ANSWER, parse(opened)).render()
    return str(crypto.encrypt_message(answer, query["nonce"], query["timestamp"]))


PEERS: dict[str, Callable[[Request], Callable[[], object]]] = {"wechat": wechatpy_wechat, "wecom": wechatpy_wecom}


def rate(run: Callable[[], object], seconds: float) -> float:
    """Runs a second."""
    count, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        for _ in range(20):
            run()
        count += 20
    return count / spent


def measure(name: str, seconds: float, rounds: int) -> dict[str, float]:
    sample = SAMPLES[name]()
    runs = {"yingda": ours(name, sample)}
    if name in PEERS and sample.request is not None:
        runs["wechatpy"] = PEERS[name](sample.request)
    for run in runs.values():
        rate(run, min(seconds, 0.1))
    rates: dict[str, list[float]] = {who: [] for who in runs}
    for _ in range(rounds):
        for who, run in runs.items():
            rates[who].append(rate(run, seconds))
    found = {f"{who}_per_s": round(median(each)) for who, each in rates.items()}
    if "wechatpy" not in rates:
        return found
    ratio = median(us / them for us, them in zip(rates["yingda"], rates["wechatpy"], strict=True))
    return {**found, "of_wechatpy": round(ratio, 2)}


def report(names: Iterator[str], seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    return {name: measure(name, seconds, rounds) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each round of each side takes")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=sorted(CHANNELS), help="this channel alone")
    given = parser.parse_args()
    names = (name for name in CHANNELS if given.only in (None, name))
    print(json.dumps(report(names, given.seconds, given.rounds), indent=2))


if __name__ == "__main__":
    main()
