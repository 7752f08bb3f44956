"""What WeCom's callbacks are proved by, and what its API's answers mean: shared by apps, customer service, robots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from adapters.channel import Challenge, Judgement, Outgoing, Reject, Request, Token
from adapters.crypto import Envelope
from adapters.fields import read_fields
from adapters.markup import read_sealed
from adapters.wecom.api import ERRCODES, Api, judge
from adapters.wecom.callback import Callback, Opened
from tests.vectors import vectors

KEY, OLD_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
NOW = 1_700_000_000
BODY = "<xml><FromUserName>u</FromUserName><Content>您好😀</Content></xml>".encode()


def callback(*keys: str, window_s: float = 300) -> Callback:
    return Callback(SecretStr("tok"), [SecretStr(key) for key in keys or (KEY, "")], "ww1", window_s)


def posted(body: bytes = BODY, key: str = KEY, at: int = NOW, corp: str = "ww1", token: str = "tok") -> Request:
    sealed = Envelope(token, [key], corp).seal(body, str(at), "n1")
    query = {"msg_signature": sealed.signature, "timestamp": str(at), "nonce": "n1"}
    return Request("POST", "/", query, {}, f"<xml><Encrypt>{sealed.encrypt}</Encrypt></xml>".encode())


def refused(found: object, status: int, why: str) -> None:
    assert isinstance(found, Reject), found
    assert (found.status, why in found.reason) == (status, True), found


@pytest.mark.parametrize(
    "vector",
    [v for v in vectors("official_vectors.json") if v["platform"] == "wecom" and v["body_format"] != "json"],
    ids=lambda vector: str(vector["name"]),
)
def test_the_vendors_own_callbacks_are_opened(vector: dict[str, Any]) -> None:
    at = int(vector["timestamp"])
    query = {name: vector[name] for name in ("msg_signature", "timestamp", "nonce")}
    opens = Callback(SecretStr(vector["token"]), [SecretStr(vector["aeskey"])], vector["receiveid"])
    if vector["body_format"] == "echostr":
        for echo in (vector["encrypt"], vector["encrypt"].replace("+", " ")):
            request = Request("GET", "/", query | {"echostr": echo})
            assert opens.read(request, at) == Challenge(vector["plaintext"])
        return
    found = opens.read(
        Request("POST", "/", query, {}, f"<xml><Encrypt>{vector['encrypt']}</Encrypt></xml>".encode()), at
    )
    assert isinstance(found, Opened)
    assert found.fields == read_fields(vector["plaintext"].encode())


def test_what_is_not_wecoms_is_refused_with_a_reason() -> None:
    opens = callback()
    good = posted()
    refused(opens.read(Request("POST", "/", good.query, {}, BODY), NOW), 400, "no <Encrypt>")
    refused(opens.read(posted(token="other"), NOW), 403, "msg_signature")
    refused(opens.read(posted(corp="ww2"), NOW), 403, "another app id")
    refused(opens.read(posted(key=OLD_KEY), NOW), 403, "encoding_aes_key")
    refused(opens.read(posted(at=NOW - 301), NOW), 403, "old")
    refused(opens.read(posted(at=NOW + 301), NOW), 403, "ahead")
    refused(opens.read(Request("POST", "/", {}, {}, good.body), NOW), 400, "timestamp")
    refused(opens.read(Request("PUT", "/", good.query, {}, good.body), NOW), 405, "PUT")
    refused(opens.read(Request("GET", "/", good.query), NOW), 400, "echostr")
    refused(opens.read(posted(b"<!DOCTYPE x><xml/>"), NOW), 400, "DTD")
    refused(opens.read(Request("POST", "/", good.query, {}, b"<" * 70000), NOW), 413, "bytes")
    assert isinstance(callback(window_s=0).read(posted(at=1), NOW), Opened)


def test_the_previous_key_is_understood_and_answered_with() -> None:
    opens = callback(KEY, OLD_KEY)
    found = opens.read(posted(key=OLD_KEY), NOW)
    assert isinstance(found, Opened)
    answer = opens.seal(b"<xml/>", found.stamp)
    assert Envelope("tok", [OLD_KEY], "ww1").open(read_sealed(read_fields(answer.body))).message == b"<xml/>"


API = Api("ww1", SecretStr("the-secret"), "wecom/main/ww1", "https://qyapi.weixin.qq.com/")


def test_a_token_is_asked_for_with_the_secret_and_added_to_calls_that_have_a_query_or_none() -> None:
    assert API.token_request().url == "https://qyapi.weixin.qq.com/cgi-bin/gettoken?corpid=ww1&corpsecret=the-secret"
    assert API.with_token(API.call("/cgi-bin/x", {}), "a/b").url.endswith("/cgi-bin/x?access_token=a%2Fb")
    got = API.with_token(API.get("/cgi-bin/media/get", media_id="m 1"), "t")
    assert (got.method, got.url.partition("?")[2]) == ("GET", "media_id=m+1&access_token=t")
    assert "the-secret" not in repr(API)
    assert API.token_of(b'{"errcode":0,"access_token":"T","expires_in":7200}', NOW) == Token("T", NOW + 7200)


def test_a_body_holds_nothing_that_json_or_the_vendor_cannot() -> None:
    sent: Outgoing = API.call("/cgi-bin/x", {"text": {"content": "a\x00b\ud800c"}})
    assert json.loads(sent.body) == {"text": {"content": "abc"}}


@pytest.mark.parametrize(
    ("answer", "verdict", "why"),
    [
        ({"errcode": 0, "errmsg": "ok", "msgid": "m1"}, "ok", ""),
        ({"errcode": 40001, "errmsg": "invalid credential"}, "config", "secret"),
        ({"errcode": 42001}, "refresh", "expired"),
        ({"errcode": 40014}, "refresh", "not valid"),
        ({"errcode": 60020, "errmsg": "not allow to access from your ip, from ip: 203.0.113.7, more"}, "config",
         "(203.0.113.7)"),
        ({"errcode": 45009}, "retry", "too often"),
        ({"errcode": 45033}, "retry", "same time"),
        ({"errcode": -1}, "retry", "busy"),
        ({"errcode": 81013}, "dead", "可见范围"),
        ({"errcode": 0, "invaliduser": "zhang|li", "msgid": "m"}, "dead", "members do not exist"),
        ({"errcode": 0, "invaliduser": "", "unlicenseduser": "zhang"}, "dead", "licence"),
        ({"errcode": 999999, "errmsg": "what is\nthis"}, "dead", "what is this"),
        ({"errcode": "x"}, "retry", "busy"),
    ],
)  # fmt: skip
def test_the_verdict_is_in_the_body(answer: Mapping[str, object], verdict: str, why: str) -> None:
    judged = judge(200, json.dumps(answer).encode())
    assert (judged.verdict, why in judged.reason, "zhang" in judged.reason) == (verdict, True, False), judged


def test_the_receipt_is_the_messages_id_and_the_cards_code() -> None:
    body = b'{"errcode":0,"msgid":"m1","response_code":"r1"}'
    assert judge(200, body) == Judgement("ok", "", "0", "m1 r1")
    assert judge(200, b'{"errcode":0}').receipt == ""


def test_a_wrong_secret_is_told_of_and_not_asked_with_again() -> None:
    for code in (40001, 42001, 12345):
        judged = API.token_of(json.dumps({"errcode": code, "errmsg": "no"}).encode(), NOW)
        assert isinstance(judged, Judgement)
        assert judged.verdict == "config"


def test_every_code_has_a_sentence() -> None:
    assert all(sentence for code, (_, sentence) in ERRCODES.items() if code)


@given(st.integers(100, 599), st.binary(max_size=60) | st.from_regex(rb'\{"errcode": ?-?[0-9]{1,6}\}'))
def test_judging_never_raises(status: int, body: bytes) -> None:
    assert judge(status, body).reason or judge(status, body).verdict == "ok"
