"""What WeChat posts: which mode takes which body, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.channel import Challenge, Messages, Request
from adapters.crypto import Envelope, Sealed
from adapters.fields import Malformed, read_fields, snake
from adapters.markup import read_sealed
from adapters.message import (
    Event,
    Text,
)
from adapters.wechat import WeChat
from config.credentials import WeChatAccount
from tests.adapters.wechat_account import KEY, NOW, OLD_KEY, account, body, heard, plain, refused, sealed
from tests.vectors import vectors

# --- which mode takes which body


def test_safe_mode_takes_nothing_that_is_not_encrypted() -> None:
    refused(account("safe"), plain(body()), 403, "not encrypted")
    refused(account("safe"), plain(body(), encrypt_type="raw"), 403, "not encrypted")
    refused(account("safe"), plain(body(), encrypt_type="aes"), 400, "no <Encrypt>")
    assert heard(account("safe"), sealed(body())).messages[0].text == "退款"


def test_compatible_mode_takes_both_and_answers_in_kind() -> None:
    channel = account("compatible")
    for request, encrypted in ((plain(body()), False), (sealed(body(), extra=b"<Content>x</Content>"), True)):
        parsed = heard(channel, request)
        assert parsed.messages[0].text == "退款"
        (answer,) = channel.render([Text("好的")], parsed.route)
        assert (b"<Encrypt>" in answer.body) == encrypted


def test_compatible_mode_keeps_the_unencrypted_half_out_of_what_is_stored() -> None:
    parsed = heard(account("compatible"), plain(body(Encrypt="A" * 400)))
    assert "Encrypt" not in parsed.messages[0].raw


def test_plain_mode_takes_nothing_encrypted_and_always_checks_the_signature() -> None:
    channel = account("plain", encoding_aes_key="")
    assert heard(channel, plain(body())).messages[0].text == "退款"
    refused(channel, sealed(body()), 403, "mode is plain")
    refused(channel, plain(body(), signature=""), 403, "signature")
    refused(channel, plain(body(), signature="0" * 40), 403, "signature")
    refused(channel, plain(body(), nonce="n2"), 403, "signature")


def test_a_tampered_body_of_another_account_or_key_is_refused() -> None:
    channel = account()
    request = sealed(body())
    flipped = request.body.replace(b"A", b"B", 1) if b"A" in request.body else request.body.replace(b"a", b"b", 1)
    refused(channel, Request("POST", "/", request.query, {}, flipped), 403, "msg_signature")
    refused(channel, sealed(body(), app_id="wx2"), 403, "another app id")
    refused(channel, sealed(body(), key=OLD_KEY), 403, "encoding_aes_key")


def test_the_previous_key_is_understood_and_answered_with() -> None:
    channel = account(previous_encoding_aes_key=OLD_KEY)
    parsed = heard(channel, sealed(body(), key=OLD_KEY))
    (answer,) = channel.render([Text("好的")], parsed.route)
    opened = Envelope("tok", [OLD_KEY], "wx1").open(read_sealed(read_fields(answer.body)))
    assert "好的".encode() in opened.message


def test_the_window_can_be_switched_off_for_old_recordings() -> None:
    keys = {"app_id": "wx1", "token": "tok", "encoding_aes_key": KEY}
    channel = WeChat("main", WeChatAccount.model_validate(keys), window_s=0)
    assert isinstance(channel.parse(sealed(body()), NOW + 10**9), Messages)


@pytest.mark.parametrize("field", ["encoding_aes_key", "previous_encoding_aes_key"])
@pytest.mark.parametrize("key", ["short", "a" * 42 + "-", "a" * 42 + "汉", "a" * 44])
def test_what_is_no_key_is_said_when_the_credentials_are_read(field: str, key: str) -> None:
    with pytest.raises(ValidationError, match="encoding_aes_key"):
        account(**{field: key})


HOSTILE = {
    "billion laughs": b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><xml><Content>&b;</Content></xml>',
    "external entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Content>&a;</Content></xml>',
    "a mere DTD": b"<!DOCTYPE x><xml/>",
    "truncated": body()[:-9],
    "a NUL": body().replace(b"gh_1", b"gh\x001"),
    "another root": b"<html></html>",
    "deep nesting": b"<xml>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</xml>",
    "deep JSON": b'{"a":' + b"[" * 20000 + b"]" * 20000 + b"}",
    "GBK": '<?xml version="1.0" encoding="gbk"?><xml><Content>中</Content></xml>'.encode("gbk"),
    "UTF-16": "<xml></xml>".encode("utf-16"),
    "no fields": b"<xml></xml>",
    "nothing": b"",
    "JSON list": b"[1]",
    "half JSON": b'{"ToUserName": ',
    "no sender": body(FromUserName=""),
    "no time": body(CreateTime="soon"),
    "negative time": body(CreateTime="-1"),
    "endless time": body(CreateTime="9" * 20),
    "full-width time": body(CreateTime="１７"),
    "nested sender": body().replace(b"oABC", b"<a>oABC</a>"),
    "event without a name": body(MsgType="event"),
    "coordinates of words": body(MsgType="location", Location_X="north", Location_Y="1"),
    "coordinates of nowhere": body(MsgType="location", Location_X="nan", Location_Y="inf"),
}


@pytest.mark.parametrize("mode", ["plain", "safe"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_refused_though_it_is_signed(mode: str, name: str) -> None:
    request = plain(HOSTILE[name]) if mode == "plain" else sealed(HOSTILE[name])
    refused(account(mode), request, 400, "")


def test_an_entity_bomb_around_the_envelope_is_refused_too() -> None:
    request = sealed(body())
    refused(account(), Request("POST", "/", request.query, {}, b"<!DOCTYPE x>" + request.body), 400, "DTD")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
def test_other_methods_are_refused(method: str) -> None:
    request = plain(body())
    refused(account(), Request(method, "/", request.query, {}, b""), 405, method)


def test_a_check_of_the_url_without_its_echo_is_refused() -> None:
    request = plain(b"")
    refused(account(), Request("GET", "/", request.query), 400, "echostr")
    refused(account(), Request("GET", "/", {**request.query, "echostr": "1", "signature": "x"}), 403, "signature")
    refused(account(), Request("GET", "/", {"echostr": "1"}), 400, "timestamp")


# --- the vendor's own vectors, as requests


def official() -> dict[str, dict[str, Any]]:
    return {vector["name"]: vector for vector in vectors("official_vectors.json") if vector["platform"] == "wechat"}


def account_of(vector: dict[str, Any], mode: str) -> WeChat:
    keys = {"app_id": vector.get("receiveid", "wx1"), "token": vector["token"], "mode": mode}
    if mode != "plain":
        keys["encoding_aes_key"] = vector["aeskey"]
    return WeChat("main", WeChatAccount.model_validate(keys))


def query_of(vector: dict[str, Any]) -> dict[str, str]:
    return {name: vector[name] for name in ("signature", "timestamp", "nonce") if name in vector}


def test_the_documented_check_of_the_url_is_answered() -> None:
    vector = official()["mp-doc-get-verify (echostr 4375120948345356249)"]
    request = Request("GET", "/", query_of(vector) | {"echostr": "4375120948345356249"})
    parsed = account_of(vector, "plain").parse(request, float(vector["timestamp"]))
    assert parsed == Challenge("4375120948345356249")


def test_the_documented_plain_push_is_accepted() -> None:
    vector = official()["mp-doc-plain-push"]
    request = Request("POST", "/", query_of(vector), {}, body())
    assert isinstance(account_of(vector, "plain").parse(request, float(vector["timestamp"])), Messages)


def test_the_documented_json_push_is_understood_and_answered_in_json() -> None:
    vectors_here = official()
    vector, url = vectors_here["mp-doc-json-safe-push"], vectors_here["mp-doc-safe-url-signature"]
    channel = account_of(vector, "safe")
    query = query_of(url) | {"encrypt_type": "aes", "msg_signature": vector["msg_signature"]}
    request = Request("POST", "/", query, {}, json.dumps({"Encrypt": vector["encrypt"]}).encode())
    parsed = channel.parse(request, float(vector["timestamp"]))
    assert isinstance(parsed, Messages)
    assert parsed.messages[0].content == Event("debug_demo", "", {"debug_str": "hello world"})

    (answer,) = channel.render([Text("您好 ]]> & <b>")], parsed.route)
    assert answer.content_type == "application/json"
    envelope = json.loads(answer.body)
    assert sorted(envelope) == ["Encrypt", "MsgSignature", "Nonce", "TimeStamp"]
    assert envelope["TimeStamp"] == int(vector["timestamp"])
    parts = Sealed(envelope["Encrypt"], envelope["MsgSignature"], str(envelope["TimeStamp"]), envelope["Nonce"])
    opened = Envelope(vector["token"], [vector["aeskey"]], vector["receiveid"]).open(parts)
    assert json.loads(opened.message) == {
        "ToUserName": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
        "FromUserName": "gh_97417a04a28d",
        "CreateTime": int(vector["timestamp"]),
        "MsgType": "text",
        "Content": "您好 ]]> & <b>",
    }


@pytest.mark.parametrize(
    "vector", [v for v in vectors("peers.json") if v["plaintext"].startswith("<xml>")], ids=lambda v: str(v["case"])
)
def test_what_other_implementations_encrypted_is_understood(vector: dict[str, Any]) -> None:
    channel = account_of(vector, "safe")
    query = {"timestamp": vector["timestamp"], "nonce": vector["nonce"], "msg_signature": vector["msg_signature"]}
    request = Request("POST", "/", query, {}, f"<xml><Encrypt>{vector['encrypt']}</Encrypt></xml>".encode())
    parsed = channel.parse(request, float(vector["timestamp"]))
    assert isinstance(parsed, Messages)
    assert parsed.messages[0].id == "23456789012345678"
    assert parsed.messages[0].text in vector["plaintext"]


# --- fields


@pytest.mark.parametrize(
    ("name", "ours"),
    [("KfAccount", "kf_account"), ("Location_X", "location_x"), ("MsgID", "msg_id"), ("isrisky", "isrisky")],
)
def test_names_of_event_fields_are_in_snake_case(name: str, ours: str) -> None:
    assert snake(name) == ours


@given(st.binary(max_size=400) | st.text(st.sampled_from('<>xml/[]{}":,!CDAT&;1a ')).map(str.encode))
def test_reading_fields_never_raises_anything_else(data: bytes) -> None:
    try:
        fields = read_fields(data)
    except Malformed:
        return
    json.dumps(fields)
