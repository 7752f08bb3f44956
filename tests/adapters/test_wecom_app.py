"""A WeCom app's wire, both ways, with wechatpy's `enterprise` as the other side; calls, groups, cards and media."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.enterprise import parse_message
from wechatpy.enterprise.crypto import WeChatCrypto

from adapters.channel import (
    Answer,
    Carrying,
    Judgement,
    Messages,
    Outgoing,
    Pushing,
    Rate,
    Recalling,
    Request,
    Route,
    Upload,
    Uploaded,
)  # fmt: skip
from adapters.fields import read_fields
from adapters.message import (
    Address,
    Button,
    Card,
    Custom,
    File,
    Image,
    Json,
    Link,
    Markdown,
    News,
    Reply,
    Text,
    Video,
    Voice,
)  # fmt: skip
from adapters.wecom import WeCom
from adapters.wecom.chats import Chat
from config.credentials import WeComAccount

KEY, CORP, NOW = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "ww1", 1_700_000_000
PEER = WeChatCrypto("tok", KEY, CORP)
MEMBER = Route("push", {"way": "message", "to": "li"})


def app(**more: object) -> WeCom:
    keys = {"corp_id": CORP, "agent_id": 7, "secret": "s3cret", "token": "tok", "encoding_aes_key": KEY}
    return WeCom("main", WeComAccount.model_validate(keys | more), random=lambda: b"0123456789abcdef")


def heard(body: str, channel: WeCom | None = None) -> Messages:
    """What the app makes of `body`, encrypted by wechatpy."""
    outer = read_fields(PEER.encrypt_message(body, "n1", str(NOW)).encode())
    query = {"msg_signature": outer["MsgSignature"], "timestamp": str(NOW), "nonce": "n1"}
    request = Request("POST", "/", query, {}, f"<xml><Encrypt>{outer['Encrypt']}</Encrypt></xml>".encode())
    found = (channel or app()).parse(request, NOW)
    assert isinstance(found, Messages), found
    return found


def said(content: str = "你好") -> str:
    return (
        f"<xml><ToUserName>ww1</ToUserName><FromUserName>li</FromUserName><CreateTime>{NOW}</CreateTime>"
        f"<MsgType>text</MsgType><Content><![CDATA[{content}]]></Content><MsgId>9</MsgId><AgentID>7</AgentID></xml>"
    )


def tapped(task_id: str) -> str:
    return (
        f"<xml><ToUserName>ww1</ToUserName><FromUserName>li</FromUserName><CreateTime>{NOW}</CreateTime>"
        "<MsgType>event</MsgType><Event>template_card_event</Event><EventKey>/refund</EventKey>"
        f"<TaskId>{task_id}</TaskId><CardType>button_interaction</CardType><ResponseCode>rc</ResponseCode></xml>"
    )


def read_by_the_peer(outgoing: Outgoing) -> str:
    fields = read_fields(outgoing.body)
    return str(PEER.decrypt_message(outgoing.body, fields["MsgSignature"], fields["TimeStamp"], fields["Nonce"]))


def body_of(*replies: Reply, route: Route = MEMBER, channel: WeCom | None = None) -> dict[str, Any]:
    (call,) = (channel or app()).render(replies, route)
    found: dict[str, Any] = json.loads(call.body)
    return found


def ran(exchange: Generator[Outgoing, Answer, Any], *answers: Json) -> tuple[list[Outgoing], Any]:
    """An exchange carried through with the vendor's answers."""
    calls = []
    try:
        calls.append(next(exchange))
        for answer in answers:
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            calls.append(
                exchange.send(
                    Answer(200, body, {"content-type": "image/png" if body == answer else "application/json"})
                )
            )
    except StopIteration as end:
        return calls, end.value
    raise AssertionError("it wants more answers")


# --- the peer


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=200).filter(lambda text: "]]>" not in text))
def test_what_the_peer_sends_is_understood_as_the_peer_understands_it(content: str) -> None:
    (message,) = heard(said(content)).messages
    theirs = parse_message(said(content))
    assert message.text.strip() == (theirs.content or "").strip()
    assert (message.id, message.sender or message.address.user) == (str(theirs.id), theirs.source)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Text("好的 ]]> <b>&\x00"), "text"), (Image(media="m"), "image"), (Voice(media="m"), "voice"),
        (Video(media="m", title="t"), "video"), (News((Link("http://a", "甲"), Link("http://b", "乙"))), "news"),
    ],
)  # fmt: skip
def test_the_peer_reads_every_passive_reply(reply: Reply, kind: str) -> None:
    channel = app()
    (answer,) = channel.render([reply], heard(said()).route)
    fields = read_fields(read_by_the_peer(answer).encode())
    assert (fields["MsgType"], fields["ToUserName"], fields["FromUserName"]) == (kind, "li", "ww1")
    if kind == "text":
        assert fields["Content"] == "好的 ]]> <b>&"


def test_nothing_to_say_is_an_empty_answer() -> None:
    assert app().render([], heard(said()).route)[0].body == b""
    ack = heard(said()).ack
    assert ack is not None
    assert ack.body == b""


# --- cards


def test_a_tap_on_a_card_of_ours_is_said_and_shown_on_the_card_at_once() -> None:
    found = heard(tapped("yd-1"))
    assert (found.messages[0].text, found.route.kind) == ("/refund", "push")
    assert found.ack is not None
    fields = read_fields(read_by_the_peer(found.ack).encode())
    assert (fields["MsgType"], fields["Button"]) == ("update_button", {"ReplaceName": "已选择"})


def test_a_tap_on_another_card_can_be_answered_with_a_new_card() -> None:
    found = heard(tapped("theirs"))
    card = {
        "card_type": "button_interaction",
        "main_title": {"title": "<完成>"},
        "button_list": [{"text": "一", "key": "1"}, {"text": "二", "key": "2", "style": 1}],
    }
    (answer,) = app().render([Custom({"msgtype": "update_template_card", "template_card": card})], found.route)
    fields = read_fields(read_by_the_peer(answer).encode())
    assert fields["TemplateCard"] == {
        "CardType": "button_interaction",
        "MainTitle": {"Title": "<完成>"},
        "ButtonList": [{"Text": "一", "Key": "1"}, {"Text": "二", "Key": "2", "Style": "1"}],
    }


def test_the_update_can_come_later_by_the_code_that_the_tap_brought() -> None:
    (message,) = heard(tapped("theirs")).messages
    (route,) = app().push_routes(message.address, message, NOW)
    update = Custom({"msgtype": "update_button", "button": {"replace_name": "已处理"}})
    (call,) = app().render([update], route)
    assert call.url.endswith("/cgi-bin/message/update_template_card")
    assert json.loads(call.body) == {
        "userids": ["li"], "agentid": 7, "response_code": "rc", "button": {"replace_name": "已处理"},
    }  # fmt: skip


def test_a_card_with_buttons_is_one_that_can_be_tapped() -> None:
    card = Card("要做什么？", "订单", buttons=(Button("退款", "/refund"), Button("看看", url="http://a")))
    body = body_of(card)
    assert (body["touser"], body["agentid"], body["msgtype"]) == ("li", 7, "template_card")
    assert body["template_card"] == {
        "card_type": "button_interaction",
        "task_id": "yd-" + b"0123456789abcdef".hex(),
        "main_title": {"title": "订单"},
        "sub_title_text": "要做什么？",
        "button_list": [
            {"type": 0, "text": "退款", "style": 1, "key": "/refund"},
            {"type": 1, "text": "看看", "style": 2, "url": "http://a"},
        ],
    }


def test_a_cards_long_text_is_said_before_it_and_too_many_buttons_are_numbered() -> None:
    text = "很长的说明。" * 60
    said_before, card = app().render([Card(text, buttons=(Button("好", "/ok"),))], MEMBER)
    shown = json.loads(said_before.body)["text"]["content"] + json.loads(card.body)["template_card"]["sub_title_text"]
    assert shown == text
    assert "7. 七" in body_of(Card("选", buttons=tuple(Button(name) for name in "一二三四五六七")))["text"]["content"]


# --- messages, groups


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Text("a"), "text"), (Markdown("**a**"), "markdown"), (Image(media="m"), "image"), (Voice(media="m"), "voice"),
        (Video(media="m"), "video"), (File(media="m"), "file"), (Link("http://a"), "news"),
        (Card("说明", "小程序名", data={"app_id": "wx1"}), "miniprogram_notice"),
        *((Custom({"msgtype": kind, kind: {}}), kind) for kind in ("textcard", "mpnews", "template_card")),
    ],
)  # fmt: skip
def test_each_reply_is_a_message_of_its_type(reply: Reply, kind: str) -> None:
    body = body_of(reply)
    assert body["msgtype"] == kind
    assert kind in body


def test_markdown_is_text_where_members_read_in_wechat() -> None:
    assert body_of(Markdown("**a**"), channel=app(markdown=False))["text"] == {"content": "a"}


def test_a_group_of_the_apps_own_is_written_to_by_its_chatid_and_cards_are_words_there() -> None:
    (route,) = app().push_routes(Address("wecom", "main", "chat1", ""), None, NOW)
    card = Card("选一个", buttons=(Button("退款", "/refund"),))
    body = body_of(card, route=route)
    assert (body["chatid"], body["msgtype"], "touser" in body) == ("chat1", "text", False)
    assert app().rates(route)[0] == Rate("wecom/main/ww1/7/chat/chat1", 200, 60.0)


@pytest.mark.parametrize(
    ("chat", "field", "to"), [("@all", "touser", "@all"), ("party:2", "toparty", "2"), ("tag:vip", "totag", "vip")]
)
def test_departments_and_tags_are_addresses_too(chat: str, field: str, to: str) -> None:
    (route,) = app().push_routes(Address("wecom", "main", chat, ""), None, NOW)
    assert body_of(Text("a"), route=route)[field] == to


def test_contact_changes_are_events_that_nobody_is_written_to_about() -> None:
    body = said().replace("<MsgType>text", "<Event>change_contact</Event><MsgType>event").replace(">li<", ">sys<")
    found = heard(body)
    assert found.route.kind == "push"
    assert app().push_routes(found.messages[0].address, found.messages[0], NOW) == ()


def test_a_member_is_written_to_at_most_thirty_times_in_a_minute() -> None:
    minute, hour, calls = app().rates(MEMBER)
    assert [(rate.count, rate.window_s) for rate in (minute, hour, calls)] == [(30, 60), (1000, 3600), (10_000, 60)]
    assert app().rates(Route("push", {"way": "message", "to": "other"}))[0].key != minute.key


def test_an_app_speaks_first_takes_back_and_carries_media() -> None:
    assert isinstance(app(), Pushing)
    assert isinstance(app(), Recalling)
    assert isinstance(app(), Carrying)


def test_a_message_is_recalled_and_a_card_changed_by_its_receipt() -> None:
    calls, found = ran(app().recall("m1 r1", MEMBER), {"errcode": 0})
    assert (json.loads(calls[0].body), found) == ({"msgid": "m1"}, None)
    _, refused = ran(app().recall("m1", MEMBER), {"errcode": 42017})
    assert refused.verdict == "dead"
    assert ran(app().recall("m1", Route("push", {"way": "appchat", "to": "c"})))[1].verdict == "dead"
    update = Custom({"msgtype": "update_button", "button": {"replace_name": "完"}})
    calls, found = ran(app().update_card("m1 r1", [], update), {"errcode": 0})
    assert json.loads(calls[0].body) == {
        "atall": 1, "agentid": 7, "response_code": "r1", "button": {"replace_name": "完"},
    }  # fmt: skip
    assert ran(app().update_card("m1", [], update))[1].verdict == "dead"


def test_groups_are_made_changed_and_looked_up() -> None:
    calls, made = ran(app().create_chat(Chat("", "群", "li", ("li", "wang"))), {"errcode": 0, "chatid": "c1"})
    assert (json.loads(calls[0].body), made) == ({"userlist": ["li", "wang"], "name": "群", "owner": "li"}, "c1")
    assert ran(app().create_chat(Chat("", members=("li",))))[1].verdict == "dead"
    assert ran(app().create_chat(Chat("a-b", members=("li", "wang"))))[1].verdict == "dead"
    calls, _ = ran(app().update_chat("c1", add=["zhao"]), {"errcode": 0})
    assert json.loads(calls[0].body) == {"chatid": "c1", "add_user_list": ["zhao"]}
    info = {"chatid": "c1", "name": "群", "owner": "li", "userlist": ["li", "wang"]}
    assert ran(app().get_chat("c1"), {"errcode": 0, "chat_info": info})[1] == Chat("c1", "群", "li", ("li", "wang"))
    assert ran(app().get_chat("c1"), {"errcode": 86003})[1].verdict == "dead"


def test_media_go_up_and_come_down() -> None:
    calls, found = ran(app().upload(Upload("image", 'a"b.png', "image/png", b"\x89PNG-data"), NOW),
                       {"errcode": 0, "media_id": "M"})  # fmt: skip
    assert found == Uploaded("M", NOW + 3 * 86400)
    assert calls[0].body.count(calls[0].content_type.partition("boundary=")[2].encode()) == 2
    assert ran(app().download(Image(media="M")), b"bytes")[1] == b"bytes"
    refused = ran(app().download(File(media="M")), {"errcode": 40007})[1]
    assert isinstance(refused, Judgement)
    assert ran(app().download(Image(url="http://a")))[1].verdict == "dead"
