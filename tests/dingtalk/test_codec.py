"""What the codec reads and writes, beside the vectors of the contract suite."""

from __future__ import annotations

import itertools
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channel import Messages, Outgoing, Reject, Request, Route
from adapters.crypto import Envelope, Sealed
from adapters.dingtalk import DingTalk
from adapters.dingtalk.cards import MOST_UPDATES, chunks
from adapters.dingtalk.outbound import said_by
from adapters.message import Address, Button, Card, File, Image, Link, Markdown, Message, News, Reply, Text, Voice
from config.credentials import DingTalkAccount
from tests.adapters.replies import replies
from tests.contracts.channels.dingtalk import event, make, message
from tests.contracts.entry import NOW, SECRETS
from tests.vectors import vectors

SESSION = {"way": "session", "url": "https://oapi.dingtalk.com/robot/sendBySession?session=s", "to": "staff1"}
USER = {"way": "user", "to": "staff1"}
GROUP = {"way": "group", "to": "staff1", "chat": "cid1=="}


def channel(**more: object) -> DingTalk:
    given = {"client_id": "dingapp", "client_secret": SECRETS[1]} | more
    return DingTalk("main", DingTalkAccount.model_validate(given))


def sent(reply: Reply, data: dict[str, str], **more: object) -> list[dict[str, Any]]:
    return [orjson.loads(call.body) for call in channel(**more).render([reply], Route("push", data))]


def param(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body["msgParam"])
    return found


# --- in


def robot(**more: object) -> bytes:
    body = {
        "msgId": "m1", "conversationId": "cid1==", "conversationType": "2", "createAt": 1_700_000_000_000,
        "senderStaffId": "staff1", "senderId": "$:LWCP_v1:$x", "senderNick": "小钉", "msgtype": "text",
        "text": {"content": " 你好"}, "isInAtList": True,
    }  # fmt: skip
    return orjson.dumps(body | more)


def heard(body: bytes) -> Message:
    parsed = make().parse(message(body, NOW, True), NOW)
    assert isinstance(parsed, Messages)
    return parsed.messages[0]


def test_a_group_message_is_of_its_group_and_its_writer() -> None:
    found = heard(robot())
    assert (found.address, found.sender, found.sender_name) == (
        Address("dingtalk", "main", "cid1==", "staff1"), "staff1", "小钉",
    )  # fmt: skip
    assert found.chat_kind == "group"
    assert found.mentioned


def test_who_is_not_of_the_company_is_known_by_the_other_id() -> None:
    body = orjson.loads(robot(conversationType="1"))
    del body["senderStaffId"]
    assert heard(orjson.dumps(body)).address.chat == "$:LWCP_v1:$x"


@pytest.mark.parametrize(
    ("content", "quote"),
    [
        ({"text": "订单DD1"}, "订单DD1"),
        ("订单DD1", "订单DD1"),
        ({"richText": [{"msgType": "text", "content": "订单"}, {"text": "DD1"}]}, "订单DD1"),
        ({"downloadCode": "c"}, ""),
    ],
)
def test_what_a_message_answers_is_its_quote(content: object, quote: str) -> None:
    text = {"content": "这个", "isReplyMsg": True, "repliedMsg": {"msgId": "m0", "content": content}}
    assert heard(robot(text=text)).quote == quote


def test_a_card_callback_without_its_secret_or_with_a_wrong_sign_is_refused() -> None:
    headers = {"x-ddpaas-signature": "x", "x-ddpaas-signature-timestamp": str(int(NOW * 1000))}
    request = Request("POST", "/", {}, headers, b'{"userId": "u", "outTrackId": "t"}')
    for one in (channel(), channel(card_secret="s")):
        found = one.parse(request, NOW)
        assert isinstance(found, Reject)
        assert found.status == 403


def test_an_event_for_the_corp_id_is_opened_and_answered_under_it() -> None:
    token, secret, key = SECRETS
    account = {"client_id": "a", "corp_id": "dingcorp", "client_secret": secret, "token": token}
    one = DingTalk("main", DingTalkAccount.model_validate(account | {"encoding_aes_key": key}))
    envelope = Envelope(token, [key], "dingcorp")
    sealed = envelope.seal(b'{"EventType": "check_url"}', str(int(NOW * 1000)), "n1")
    query = {"signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": "n1"}
    found = one.parse(Request("POST", "/", query, {}, orjson.dumps({"encrypt": sealed.encrypt})), NOW)
    assert isinstance(found, Messages)
    assert found.messages == ()
    assert isinstance(found.ack, Outgoing)
    answer = orjson.loads(found.ack.body)
    back = Sealed(answer["encrypt"], answer["msg_signature"], answer["timeStamp"], answer["nonce"])
    assert envelope.open(back).message == b"success"


def test_an_event_is_acknowledged_with_the_encrypted_word() -> None:
    found = make().parse(event(b'{"EventType": "user_add_org", "UserId": ["u1"]}', NOW, True), NOW)
    assert isinstance(found, Messages)
    assert found.ack is not None
    answer = orjson.loads(found.ack.body)
    envelope = Envelope(SECRETS[0], [SECRETS[2]], "dingapp")
    assert envelope.decrypt(answer["encrypt"]).message == b"success"


# --- Stream


@given(frame=st.text(max_size=200) | st.from_regex(r'\{"type": ?"(SYSTEM|EVENT|CALLBACK)".{0,80}\}'))
def test_no_frame_makes_reading_raise(frame: str) -> None:
    channel().read(frame, NOW)


def frame(kind: str, topic: str, data: str, **headers: str) -> str:
    head = {"messageId": "f1", "topic": topic, "contentType": "application/json"} | headers
    return orjson.dumps({"specVersion": "1.0", "type": kind, "headers": head, "data": data}).decode()


@pytest.mark.parametrize("topic", ["/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback"])
def test_a_callback_that_nobody_could_read_is_refused_and_acknowledged_so_that_it_does_not_come_again(
    topic: str,
) -> None:
    found = channel().read(frame("CALLBACK", topic, "{}"), NOW)
    assert isinstance(found.parsed, Reject)
    assert [orjson.loads(answer)["code"] for answer in found.answers] == [200]


def test_a_robots_message_by_stream_is_the_same_as_by_http() -> None:
    found = channel().read(frame("CALLBACK", "/v1.0/im/bot/messages/get", robot().decode()), NOW)
    assert isinstance(found.parsed, Messages)
    assert found.parsed.messages[0] == heard(robot())


def test_an_event_by_stream_is_known_by_its_own_id_however_often_it_comes() -> None:
    given = {"eventType": "user_leave_org", "eventId": "e1", "eventCorpId": "c", "eventBornTime": "1700000000000"}
    first, again = (
        channel().read(frame("EVENT", "*", '{"userId": ["u1"]}', **(given | {"messageId": id})), NOW)
        for id in ("f1", "f2")
    )
    assert isinstance(first.parsed, Messages)
    assert first.parsed == again.parsed
    assert orjson.loads(orjson.loads(first.answers[0])["data"])["status"] == "SUCCESS"


# --- out


def test_a_session_webhook_is_believed_only_where_it_is_dingtalks() -> None:
    given = heard(robot(sessionWebhookExpiredTime=int((NOW + 3600) * 1000)))
    for url, ways in (
        ("https://oapi.dingtalk.com/robot/sendBySession?session=s", ["session", "group"]),
        ("https://oapi.dingtalk.com.evil.example/robot/sendBySession", ["group"]),
        ("http://oapi.dingtalk.com/robot/sendBySession", ["group"]),
        ("https://oapi.dingtalk.com@169.254.169.254/", ["group"]),
        ("http://[::1", ["group"]),
        ("https://evil.example\\.dingtalk.com/robot", ["group"]),
        ("https://evil.example%2f.dingtalk.com/robot", ["group"]),
        (f"https://{'a' * 64}.dingtalk.com/robot", ["group"]),
        ("https://a..dingtalk.com/robot", ["group"]),
        ("https://oapi.dingtalk.com/robot\n", ["group"]),
        ("", ["group"]),
    ):
        raw = {**given.raw, "sessionWebhook": url}
        routes = channel().push_routes(given.address, Message(**(_fields(given) | {"raw": raw})), NOW)
        assert [route.data["way"] for route in routes] == ways, url


def _fields(message: Message) -> dict[str, Any]:
    return {name: getattr(message, name) for name in Message.__slots__}


def test_a_tapped_button_says_its_words_in_a_private_chat() -> None:
    card = Card("请选择", buttons=(Button("退款 & 换货", "/refund"), Button("官网", url="https://a.b")))
    (body,) = sent(card, SESSION)
    assert body["msgtype"] == "actionCard"
    first, second = body["actionCard"]["btns"]
    assert said_by(first["actionURL"]) == "退款 & 换货"
    assert second["actionURL"] == "https://a.b"
    (body,) = sent(card, USER)
    assert body["msgKey"] == "sampleActionCard2"
    assert said_by(param(body)["actionURL1"]) == "退款 & 换货"


def test_in_a_group_where_such_links_say_nothing_buttons_are_numbered() -> None:
    card = Card("请选择", buttons=(Button("退款"), Button("换货")))
    (body,) = sent(card, GROUP)
    assert param(body)["content"].splitlines()[:3] == ["请选择", "1. 退款", "2. 换货"]


def test_buttons_that_open_pages_are_buttons_everywhere() -> None:
    card = Card("看看", buttons=(Button("一", url="https://a.b/1"), Button("二", url="https://a.b/2")))
    assert sent(card, GROUP)[0]["msgKey"] == "sampleActionCard2"
    assert sent(card, SESSION)[0]["msgtype"] == "actionCard"


@pytest.mark.parametrize(
    ("reply", "key"),
    [
        (Text("您好"), "sampleText"),
        (Markdown("**您好**"), "sampleMarkdown"),
        (Image(media="@m"), "sampleImageMsg"),
        (Image(url="https://a.b/c.png"), "sampleImageMsg"),
        (Voice(media="@m"), "sampleAudio"),
        (File(media="@m", name="合同.PDF"), "sampleFile"),
        (File(url="https://a.b/c.pdf", name="合同"), "sampleLink"),
        (Link("https://a.b", "标题"), "sampleLink"),
        (News((Link("https://a.b/1", "一"), Link("https://a.b/2", "二"))), "sampleMarkdown"),
        (Card("选", buttons=(Button("好"),)), "sampleActionCard"),
    ],
)
def test_each_kind_of_reply_has_its_robots_message(reply: Reply, key: str) -> None:
    (body,) = sent(reply, USER)
    assert body["msgKey"] == key
    assert body["userIds"] == ["staff1"]
    assert all(isinstance(value, str) for value in param(body).values())


def test_what_a_session_webhook_cannot_carry_goes_by_the_api() -> None:
    (call,) = channel().render([Image(media="@m")], Route("push", SESSION))
    assert call.url.endswith("/v1.0/robot/oToMessages/batchSend")
    assert call.needs_token


def test_a_mention_stands_in_the_body_too_and_an_outsiders_only_beside_it() -> None:
    (body,) = sent(Markdown("**好**", "t"), SESSION | {"chat": "cid", "mention": "u1"})
    assert body["markdown"]["text"] == "@u1 **好**"
    assert body["at"]["atUserIds"] == ["u1"]
    (body,) = sent(Text("好"), SESSION | {"chat": "cid", "mention": "$:LWCP_v1:$x"})
    assert (body["text"]["content"], body["at"]["atDingtalkIds"]) == ("好", ["$:LWCP_v1:$x"])


def test_long_markdown_is_several_with_whole_code_blocks() -> None:
    text = "# 标题\n```python\n" + "print('您好')\n" * 600 + "```\n完"
    bodies = sent(Markdown(text), USER)
    texts = [param(body)["text"] for body in bodies]
    assert len(texts) > 1
    assert all(len(each) <= 3500 for each in texts)
    assert all(each.count("```") % 2 == 0 for each in texts)
    assert "".join(texts).count("print('您好')") == 600


@given(reply=replies, data=st.sampled_from([SESSION, USER, GROUP, SESSION | {"chat": "c", "mention": "u"}]))
def test_any_reply_goes_out_by_any_way_with_any_card(reply: Reply, data: dict[str, str]) -> None:
    cards = {"card_template_id": "c.schema", "ai_card_template_id": "a.schema"}
    one = channel(**cards)
    first = one.render([reply], Route("push", data | {"turn": "t1"}))
    assert first == channel(**cards).render([reply], Route("push", data | {"turn": "t1"}))
    assert all(len(call.body) < 20_000 or call.url.endswith("/v1.0/card/streaming") for call in first[:1])


def test_a_card_is_the_same_when_its_part_is_sent_again_and_another_in_another_turn() -> None:
    card = Card("选", buttons=(Button("好"), Button("不")))
    tracks = [
        sent(card, USER | {"turn": turn, "part": part}, card_template_id="c.schema")[0]["outTrackId"]
        for turn, part in (("t1", "0"), ("t1", "0"), ("t1", "1"), ("t2", "0"))
    ]
    assert tracks[0] == tracks[1]
    assert len(set(tracks)) == 3


def test_only_the_first_part_of_an_answer_mentions() -> None:
    data = SESSION | {"chat": "cid", "mention": "u1"}
    assert "at" in sent(Text("一"), data | {"part": "0"})[0]
    assert "at" not in sent(Text("二"), data | {"part": "1"})[0]


@given(text=st.text(min_size=1, max_size=4000))
def test_a_typed_text_grows_to_the_whole_in_few_updates(text: str) -> None:
    steps = chunks(text)
    assert steps[-1] == text
    assert len(steps) <= MOST_UPDATES
    assert all(after.startswith(before) and len(after) > len(before) for before, after in itertools.pairwise(steps))


# --- answers


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, {"errcode": 0, "errmsg": "ok"}, "ok"),
        (200, {"errcode": 300001, "errmsg": "session"}, "elsewhere"),
        (200, {"errcode": 310000, "errmsg": "x"}, "config"),
        (200, {"errcode": 99, "errmsg": "what"}, "dead"),
        (200, {"errcode": 40014}, "refresh"),
        (200, {"processQueryKey": "k", "invalidStaffIdList": [], "flowControlledStaffIdList": []}, "ok"),
        (200, {"processQueryKey": "k", "invalidStaffIdList": ["u"]}, "dead"),
        (200, {"processQueryKey": "k", "flowControlledStaffIdList": ["u"]}, "retry"),
        (200, {"success": True, "result": {"deliverResults": [{"success": False, "errorMsg": "x"}]}}, "dead"),
        (401, {"code": "InvalidAuthentication"}, "refresh"),
        (400, {"code": "InvalidAuthentication"}, "refresh"),
        (403, {"code": "Forbidden.AccessDenied.QpsLimitForApi"}, "retry"),
        (403, {"code": "Forbidden.AccessDenied.AccessTokenPermissionDenied"}, "config"),
        (403, {"code": "Forbidden.AccessDenied.IpNotInWhiteList", "message": "ip 203.0.113.7 no"}, "config"),
        (400, {"code": "param.outTrackId.exist"}, "ok"),
        (400, {"code": "invalidParameter.x"}, "dead"),
        (429, {}, "retry"),
        (503, {}, "retry"),
    ],
)
def test_what_an_answer_means(status: int, body: object, verdict: str) -> None:
    assert channel().judge(status, orjson.dumps(body)).verdict == verdict


def test_the_address_that_is_not_allowed_is_told() -> None:
    body = {"code": "Forbidden.AccessDenied.IpNotInWhiteList", "message": "ip 203.0.113.7 is not in it"}
    assert "203.0.113.7" in channel().judge(403, orjson.dumps(body)).reason


def test_the_token_of_the_older_api_stands_in_the_query() -> None:
    outgoing = Outgoing(b"", "", "https://oapi.dingtalk.com/media/upload")
    assert channel().with_token(outgoing, "t/1").url.endswith("?access_token=t%2F1")


# --- published vectors


def published(file: str) -> list[dict[str, Any]]:
    # a folder beside the checkout: skipped where it is not
    return [each for each in vectors(file) if "dingtalk" in f"{each.get('name')}{each.get('case')}"]


@pytest.mark.parametrize("file", ["official_vectors.json", "peers.json"])
def test_envelopes_that_others_made_are_opened(file: str) -> None:
    found = published(file)
    assert found
    for vector in found:
        given = {"client_id": vector["receiveid"], "client_secret": "s", "token": vector["token"]}
        account = DingTalkAccount.model_validate(given | {"encoding_aes_key": vector["aeskey"]})
        query = {name: vector[name] for name in ("msg_signature", "timestamp", "nonce")}
        request = Request("POST", "/", query, {}, orjson.dumps({"encrypt": vector["encrypt"]}))
        parsed = DingTalk("main", account, window_s=0).parse(request, NOW)
        assert isinstance(parsed, Messages), parsed
        if "check_" in vector["plaintext"]:
            assert parsed.messages == ()
            assert parsed.ack is not None
