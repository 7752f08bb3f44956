"""WeCom's customer service: vectors are items of sync_msg, which a callback signals."""

from __future__ import annotations

from pydantic import SecretStr

from adapters.channel import Outgoing, Request
from adapters.crypto import Envelope
from adapters.wecom_kf import WeComKf
from config.credentials import WeComKfAccount
from tests.contracts.entry import SECRETS, Entry

TOKEN, SECRET, KEY = SECRETS
CORP, KFID = "ww1", "wkShop"
ACCOUNT = WeComKfAccount(
    corp_id=CORP, secret=SecretStr(SECRET), token=SecretStr(TOKEN), encoding_aes_key=SecretStr(KEY), open_kfid=KFID
)
SIGNAL = (
    f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><CreateTime>1700000000</CreateTime>"
    "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[kf_msg_or_event]]></Event>"
    f"<Token><![CDATA[ENCSignal]]></Token><OpenKfId><![CDATA[{KFID}]]></OpenKfId></xml>"
).encode()


def wrap(body: bytes, at: float, sign: bool) -> Request:
    sealed = Envelope(TOKEN if sign else "x", [KEY], CORP).seal(body, str(int(at)), "n1")
    query = {"msg_signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": "n1"}
    outer = f"<xml><ToUserName>{CORP}</ToUserName><Encrypt><![CDATA[{sealed.encrypt}]]></Encrypt></xml>"
    return Request("POST", "/webhooks/wecom_kf/main", query, {}, outer.encode())


def challenge(at: float) -> tuple[Request, str]:
    sealed = Envelope(TOKEN, [KEY], CORP).seal(b"42", str(int(at)), "n1")
    query = {"msg_signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": "n1"}
    return Request("GET", "/webhooks/wecom_kf/main", query | {"echostr": sealed.encrypt}), "42"


def page(outgoing: Outgoing, body: bytes) -> bytes:
    if "sync_msg" in outgoing.url:
        return b'{"errcode": 0, "next_cursor": "c1", "has_more": 0, "msg_list": [' + body + b"]}"
    return b'{"errcode": 0, "errmsg": "ok", "service_state": 0}'


ENTRIES = [
    Entry("wecom_kf", "wecom_kf.json", lambda: WeComKf("main", ACCOUNT), wrap, challenge, signal=SIGNAL, page=page)
]
