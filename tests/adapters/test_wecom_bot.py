"""The codec of WeCom's AI bots by webhook: what comes in, streams, cards, greetings, the response_url."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channel import (
    Answer,
    Challenge,
    Judgement,
    Messages,
    Parsed,
    Refresh,
    Reject,
    Request,
    Route,
    Upload,
    Uploaded,
)
from adapters.crypto import Envelope, Sealed, aes_key, seal_file
from adapters.message import Address, Button, Card, Custom, Event, Image, Link, Markdown, Message, Reply, Text, Voice
from adapters.wecom_bot import WeComBot
from adapters.wecom_bot.bodies import STREAM_BYTES, template_card
from config.credentials import Group, WeComBotAccount
from tests.adapters.replies import replies
from tests.contracts.channels.wecom_bot import ACCOUNT, KEY, TOKEN, challenge, wrap

AT = 1_700_000_000.0
BODY = {
    "msgid": "m1",
    "aibotid": "AIB",
    "chattype": "single",
    "from": {"userid": "zhangsan"},
    "create_time": int(AT),
    "response_url": "https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=R",
    "msgtype": "text",
    "text": {"content": "您好"},
}
IN_GROUP = {**BODY, "chattype": "group", "chatid": "wr1"}
CARD = Card("请问要办什么？", buttons=(Button("查订单", "/query_order"), Button("退款")))


def bot(**more: Any) -> WeComBot:
    return WeComBot("main", ACCOUNT.model_copy(update=more))


def taken(body: dict[str, Any], channel: WeComBot | None = None) -> Parsed:
    return (channel or bot()).parse(wrap(json.dumps(body).encode(), AT + 1, True), AT + 1)


def message(body: dict[str, Any], **more: Any) -> Message:
    found = taken(body, bot(**more))
    assert isinstance(found, Messages)
    (one,) = found.messages
    return one


def opened(body: bytes) -> dict[str, Any]:
    """An answer as WeCom reads it."""
    given = json.loads(body)
    assert set(given) == {"encrypt", "msgsignature", "timestamp", "nonce"}
    sealed = Sealed(given["encrypt"], given["msgsignature"], str(given["timestamp"]), given["nonce"])
    found: dict[str, Any] = json.loads(Envelope(TOKEN, [KEY], "").open(sealed).message)
    return found


def answered(said: list[Reply], body: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    channel = bot(**more)
    found = taken(body or BODY, channel)
    assert isinstance(found, Messages | Refresh)
    (outgoing,) = channel.render(said, found.route)
    return opened(outgoing.body)


# --- in


def test_the_previous_key_is_still_understood_and_answered_in() -> None:
    other = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
    keys = {"token": TOKEN, "encoding_aes_key": other, "previous_encoding_aes_key": KEY}
    channel = WeComBot("main", WeComBotAccount.model_validate(keys))
    found = taken(BODY, channel)
    assert isinstance(found, Messages)
    assert opened(channel.render([Text("好")], found.route)[0].body)["stream"]["content"] == "好"


def test_the_check_of_the_url_needs_the_signature() -> None:
    request, _ = challenge(AT)
    assert isinstance(bot().parse(request, AT), Challenge)
    forged = Request("GET", request.path, {**request.query, "msg_signature": "0" * 40})
    assert isinstance(bot().parse(forged, AT), Reject)


def test_the_check_of_the_url_stands_a_plus_sign_that_was_decoded_on_the_way() -> None:
    request, said = next(made for _ in range(200) if "+" in (made := challenge(AT))[0].query["echostr"])
    spoiled = Request("GET", request.path, {**request.query, "echostr": request.query["echostr"].replace("+", " ")})
    assert bot().parse(spoiled, AT) == Challenge(said)


def test_a_plain_body_is_refused() -> None:
    query = wrap(b"{}", AT, True).query
    assert isinstance(bot().parse(Request("POST", "/", query, {}, json.dumps(BODY).encode()), AT), Reject)


@pytest.mark.parametrize(
    ("name", "said", "heard"),
    [
        ("", "@小应 查订单", "查订单"),
        ("", "@小应\u2005查订单", "查订单"),
        ("", "@小应", ""),
        ("", "查订单", "查订单"),
        ("小应 助手", "@小应 助手 查订单", "查订单"),
        ("小应", "请 @小应 查订单", "请 查订单"),
        ("小应", "@张三 好吗", "@张三 好吗"),
    ],
)
def test_the_mention_is_cut_from_what_a_group_says(name: str, said: str, heard: str) -> None:
    one = message({**IN_GROUP, "text": {"content": said}}, name=name)
    assert one.text == heard
    assert one.mentioned
    assert one.sender == "zhangsan"
    assert message({**BODY, "text": {"content": said}}, name=name).text == said


def test_a_group_is_one_conversation_or_one_for_each_member() -> None:
    assert message(IN_GROUP).address == Address("wecom_bot", "main", "wr1", "zhangsan")
    shared = Group(session="shared")
    assert message(IN_GROUP, group=shared).address == Address("wecom_bot", "main", "wr1", "")
    poll = {**IN_GROUP, "msgid": "m2", "msgtype": "stream", "stream": {"id": "m1"}}
    found = taken(poll, bot(group=shared))
    assert isinstance(found, Refresh)
    assert (found.address, found.id) == (Address("wecom_bot", "main", "wr1", ""), "m1")


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ({"msgtype": "text", "text": {"content": "原话"}}, "原话"),
        ({"msgtype": "voice", "voice": {"content": "说的话"}}, "说的话"),
        ({"msgtype": "image", "image": {"url": "https://a/b"}}, "[图片]"),
        ({"msgtype": "file", "file": {"url": "https://a/b"}}, "[文件]"),
        (
            {"msgtype": "mixed", "mixed": {"msg_item": [
                {"msgtype": "text", "text": {"content": "看"}}, {"msgtype": "image", "image": {"url": "https://a/b"}},
            ]}},
            "看\n[图片]",
        ),
        ({"msgtype": "hologram"}, ""),
        ("x", ""),
    ],
)  # fmt: skip
def test_what_is_quoted_is_kept_beside_what_is_said(quote: Any, text: str) -> None:
    assert message({**BODY, "quote": quote}).quote == text


def test_a_tap_is_understood_whatever_made_its_key_unlike_another() -> None:
    body = template_card(Card("选", buttons=(Button("甲", "同"), Button("乙", "同"))), "m1")
    assert body is not None
    keys = [button["key"] for button in body["button_list"]]
    assert len(set(keys)) == 2
    for key in keys:
        event = {"eventtype": "template_card_event", "template_card_event": {"event_key": key, "task_id": "t"}}
        content = message({**BODY, "msgtype": "event", "event": event}).content
        assert isinstance(content, Event)
        assert (content.name, content.key) == ("click", "同")


def test_events_but_a_greeting_are_acknowledged_with_nothing_and_have_no_passive_answer() -> None:
    event = {**BODY, "msgtype": "event", "event": {"eventtype": "template_card_event", "event_key": "k"}}
    found = taken(event)
    assert isinstance(found, Messages)
    assert found.route.kind == "push"
    assert found.ack is not None
    assert found.ack.body == b""


# --- answers


def test_an_answer_is_a_finished_stream_named_after_the_message() -> None:
    assert answered([Text("您好，"), Markdown("**请说**")]) == {
        "msgtype": "stream",
        "stream": {"id": "m1", "finish": True, "content": "您好，\n**请说**", "feedback": {"id": "m1"}},
    }


def test_a_poll_is_answered_with_all_that_is_said_and_asks_for_no_opinion_again() -> None:
    channel = bot()
    poll = taken({**BODY, "msgid": "m2", "msgtype": "stream", "stream": {"id": "m1"}}, channel)
    assert isinstance(poll, Refresh)
    assert (poll.address.conversation, poll.id) == (message(BODY).address.conversation, "m1")
    going = channel.unfinished("您好", poll.route)
    assert going is not None
    assert opened(going.body)["stream"] == {"id": "m1", "finish": False, "content": "您好"}
    (ended,) = channel.render([Text("您好，再见")], poll.route)
    assert opened(ended.body)["stream"] == {"id": "m1", "finish": True, "content": "您好，再见"}
    assert opened(channel.render([], poll.route)[0].body)["stream"]["finish"]


def test_the_first_unfinished_answer_opens_the_stream() -> None:
    channel = bot()
    found = taken(BODY, channel)
    assert isinstance(found, Messages)
    first = channel.unfinished("", found.route)
    assert first is not None
    assert opened(first.body)["stream"] == {"id": "m1", "finish": False, "content": "", "feedback": {"id": "m1"}}
    assert (channel.stream_s, channel.most_open) == (360.0, 3)


@given(said=st.text(alphabet="长😀a。\n", max_size=40), times=st.integers(1, 2000))
def test_no_stream_has_more_bytes_than_wecom_takes(said: str, times: int) -> None:
    channel = bot()
    found = taken(IN_GROUP, channel)
    assert isinstance(found, Messages)
    going = channel.unfinished(said * times, found.route)
    assert going is not None
    for outgoing in (going, channel.render([Text(said * times)], found.route)[0]):
        body = opened(outgoing.body)
        content = body["stream"]["content"] if "stream" in body else ""
        assert len(content.encode()) <= STREAM_BYTES


def test_words_and_buttons_are_a_stream_with_a_card() -> None:
    body = answered([Text("您好"), CARD])
    assert body["msgtype"] == "stream_with_template_card"
    assert body["stream"]["content"] == "您好"
    card = body["template_card"]
    assert card["card_type"] == "button_interaction"
    assert [(button["text"], button["key"]) for button in card["button_list"]] == [
        ("查订单", "/query_order"),
        ("退款", "退款"),
    ]
    assert answered([CARD])["msgtype"] == "template_card"
    assert answered([CARD])["template_card"]["task_id"] == answered([CARD])["template_card"]["task_id"]
    assert set(card["task_id"]) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    "card",
    [
        Card("选", buttons=tuple(Button(f"第{n}项") for n in range(7))),
        Card("选", buttons=(Button("一个很长很长很长的按钮"),)),
        Card("长" * 200, buttons=(Button("好"),)),
    ],
)
def test_a_card_that_wecom_would_cut_is_said_in_numbered_lines(card: Card) -> None:
    body = answered([card])
    assert body["msgtype"] == "stream"
    assert f"1. {card.buttons[0].title}" in body["stream"]["content"]
    assert card.text in body["stream"]["content"]


def test_pages_and_a_picture_of_a_card_are_links_in_it() -> None:
    links = (Button("官网", url="https://a.example"), Button("好"))
    card = answered([Card("选", image="https://a.example/1.png", buttons=links)])["template_card"]
    assert [item["url"] for item in card["horizontal_content_list"]] == [
        "https://a.example",
        "https://a.example/1.png",
    ]
    assert [button["text"] for button in card["button_list"]] == ["好"]


def test_a_template_card_of_the_bots_own_is_sent_as_it_is() -> None:
    card = {"card_type": "text_notice", "main_title": {"title": "通知"}}
    payload = {"msgtype": "template_card", "template_card": card}
    assert answered([Custom(payload)]) == payload
    both = answered([CARD, Custom(payload)])
    assert both["template_card"] == card
    assert "1. 查订单" in both["stream"]["content"]


def test_a_picture_goes_out_as_bytes_with_the_end_of_the_stream() -> None:
    channel = bot()
    exchange = channel.upload(Upload("image", "a.png", "image/png", b"PNG"), AT)
    with pytest.raises(StopIteration) as end:
        next(exchange)
    uploaded = end.value.value
    assert isinstance(uploaded, Uploaded)
    stream = answered([Text("看"), Image(media=uploaded.media)])["stream"]
    (item,) = stream["msg_item"]
    assert base64.b64decode(item["image"]["base64"]) == b"PNG"
    assert item["image"]["md5"] == hashlib.md5(b"PNG").hexdigest()
    with pytest.raises(StopIteration) as end:
        next(channel.upload(Upload("voice", "a.amr", "audio/amr", b"#!AMR"), AT))
    assert isinstance(end.value.value, Judgement)


def test_links_and_pictures_by_address_are_markdown() -> None:
    content = answered([Link("https://a.example/(1)", "标[题]"), Image("https://a.example/1.png", alt="图")])["stream"]
    assert content["content"] == "[标［题］](https://a.example/%281%29)\n![图](https://a.example/1.png)"


def test_a_greeting_is_plain_text_or_one_card_and_is_never_polled_for() -> None:
    enter = {**BODY, "msgtype": "event", "event": {"eventtype": "enter_chat", "enter_chat": {}}}
    assert answered([Markdown("**您好**"), Text("欢迎")], enter) == {
        "msgtype": "text",
        "text": {"content": "您好\n欢迎"},
    }
    card = answered([Text("欢迎"), CARD], enter)
    assert card["msgtype"] == "template_card"
    assert card["template_card"]["sub_title_text"] == "欢迎\n请问要办什么？"
    channel = bot()
    found = taken(enter, channel)
    assert isinstance(found, Messages)
    assert channel.unfinished("", found.route) is None
    assert answered([], enter) == {}


def test_who_asked_in_a_group_is_mentioned_unless_that_is_switched_off() -> None:
    assert answered([Text("好")], IN_GROUP)["stream"]["content"] == "<@zhangsan> 好"
    assert answered([Text("好")], IN_GROUP, group=Group(mention_back=False))["stream"]["content"] == "好"
    poll = {**IN_GROUP, "msgtype": "stream", "stream": {"id": "m1"}}
    assert answered([Text("好")], poll)["stream"]["content"] == "<@zhangsan> 好"
    assert answered([Text("好")])["stream"]["content"] == "好"


@given(said=st.lists(replies, max_size=4), kind=st.sampled_from(["single", "group"]))
def test_any_replies_are_an_answer_that_wecom_can_read(said: list[Reply], kind: str) -> None:
    for more in ({"msgtype": "text"}, {"msgtype": "stream", "stream": {"id": "m1"}}):
        body = answered(said, {**IN_GROUP, "chattype": kind, **more})
        assert body.get("msgtype") in (None, "stream", "template_card", "stream_with_template_card")


# --- the response_url


def pushed(said: list[Reply], body: dict[str, Any] | None = None) -> list[tuple[str, Any]]:
    one = message(body or BODY)
    (route,) = bot().push_routes(one.address, one, AT + 400)
    rendered = bot().render(said, route)
    assert all(not outgoing.needs_token for outgoing in rendered)
    return [(outgoing.url, json.loads(outgoing.body)) for outgoing in rendered]


def test_what_is_late_goes_to_the_response_url_as_markdown_or_a_card() -> None:
    ((url, said),) = pushed([Text("好了")], IN_GROUP)
    assert url == BODY["response_url"]
    assert said == {"msgtype": "markdown", "markdown": {"content": "<@zhangsan> 好了"}}
    ((_, card),) = pushed([CARD])
    assert card["msgtype"] == "template_card"


def test_the_response_url_is_open_for_an_hour() -> None:
    one = message(BODY)
    assert bot().push_routes(one.address, one, AT + 3599)
    assert not bot().push_routes(one.address, one, AT + 3600)
    assert not bot().push_routes(one.address, None, AT)
    assert bot().push_limits.push_count == 1


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, b'{"errcode":0,"errmsg":"ok"}', "ok"),
        (200, b'{"errcode":-1,"errmsg":"system busy"}', "retry"),
        (200, b'{"errcode":45009,"errmsg":"freq"}', "retry"),
        (200, b'{"errcode":60140,"errmsg":"invalid response_code"}', "elsewhere"),
        (404, b"", "elsewhere"),
        (502, b"", "retry"),
        (200, b"<html>", "retry"),
        (200, b'{"errcode":40058,"errmsg":"invalid Request Parameter"}', "dead"),
    ],
)
def test_what_the_response_url_answers_is_judged(status: int, body: bytes, verdict: str) -> None:
    assert bot().judge(status, body).verdict == verdict


# --- media


def fetched(channel: WeComBot, content: Any, answer: Answer) -> Any:
    exchange = channel.download(content)
    try:
        asked = next(exchange)
        assert (asked.method, asked.needs_token) == ("GET", False)
        exchange.send(answer)
    except StopIteration as end:
        return end.value
    raise AssertionError("it asks twice")


def test_a_received_file_is_decrypted_with_the_bots_key() -> None:
    content = message({**BODY, "msgtype": "image", "image": {"url": "https://a.example/1"}}).content
    data = seal_file(b"JPEG" * 9, aes_key(KEY))
    assert fetched(bot(), content, Answer(200, data)) == b"JPEG" * 9
    assert fetched(bot(), content, Answer(200, b"x" * 32)).verdict == "dead"
    assert fetched(bot(), content, Answer(403, b"")).verdict == "dead"
    assert fetched(bot(), content, Answer(503, b"")).verdict == "retry"
    with pytest.raises(StopIteration):
        next(bot().download(Voice(recognition="只有字")))


def test_a_route_that_is_kept_holds_no_key_and_a_webhook_for_the_websocket_is_refused() -> None:
    found = taken(BODY)
    assert isinstance(found, Messages)
    assert isinstance(found.route, Route)
    assert KEY not in str(found.route)
    socket = WeComBotAccount.model_validate({"mode": "websocket", "bot_id": "AIB", "secret": "s"})
    assert isinstance(WeComBot("main", socket).parse(wrap(b"{}", AT, True), AT), Reject)
