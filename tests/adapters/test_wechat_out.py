"""What WeChat gets: answers in the open response and pushes, as they are on the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.crypto import WeChatCrypto
from wechatpy.replies import deserialize_reply

from adapters.channel import Outgoing, Request, Route
from adapters.fields import read_fields
from adapters.markup import clean
from adapters.message import (
    Button,
    Card,
    Custom,
    Image,
    Link,
    News,
    Reply,
    Text,
    Transfer,
    Typing,
    Video,
    Voice,
)
from adapters.wechat import WeChat
from adapters.wechat.push import ERRCODES
from tests.adapters.wechat_account import KEY, NOW, account, body, heard, plain, sealed

MUSIC = {"title": "曲", "description": "d", "musicurl": "http://m", "hqmusicurl": "", "thumb_media_id": "t"}


# --- answers in the open response


def shown(channel: WeChat, replies: list[Reply], request: Request | None = None) -> dict[str, Any]:
    """The answer's fields as a plain XML parser reads them."""
    (answer,) = channel.render(replies, heard(channel, request or plain(body())).route)
    fields = read_fields(answer.body)
    assert (fields["ToUserName"], fields["FromUserName"]) == ("oABC", "gh_1")
    assert int(str(fields["CreateTime"])) == NOW
    return fields


PASSIVE: list[tuple[Reply, dict[str, Any]]] = [
    (Text("您好😀"), {"MsgType": "text", "Content": "您好😀"}),
    (Image(media="m1"), {"MsgType": "image", "Image": {"MediaId": "m1"}}),
    (Voice("m2"), {"MsgType": "voice", "Voice": {"MediaId": "m2"}}),
    (
        Video("m3", title="教程", description="三分钟"),
        {"MsgType": "video", "Video": {"MediaId": "m3", "Title": "教程", "Description": "三分钟"}},
    ),
    (
        Link("https://a.b/?c=1&d=2", "公告", "放假", "http://x/1.png"),
        {
            "MsgType": "news",
            "ArticleCount": "1",
            "Articles": {
                "item": {
                    "Title": "公告", "Description": "放假", "PicUrl": "http://x/1.png", "Url": "https://a.b/?c=1&d=2"
                }
            },
        },
    ),
    (
        News((Link("https://a.b", "公告"),)),
        {
            "MsgType": "news",
            "ArticleCount": "1",
            "Articles": {"item": {"Title": "公告", "Description": "", "PicUrl": "", "Url": "https://a.b"}},
        },
    ),
    (
        Custom({"msgtype": "music", "music": MUSIC}),
        {
            "MsgType": "music",
            "Music": {
                "Title": "曲", "Description": "d", "MusicUrl": "http://m", "HQMusicUrl": "", "ThumbMediaId": "t"
            },
        },
    ),
    (Transfer("正在转接"), {"MsgType": "transfer_customer_service"}),
    (
        Transfer("正在转接", "kf1@shop"),
        {"MsgType": "transfer_customer_service", "TransInfo": {"KfAccount": "kf1@shop"}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "fields"), PASSIVE, ids=lambda value: type(value).__name__)
def test_every_kind_of_passive_reply_is_the_documented_xml(reply: Reply, fields: dict[str, Any]) -> None:
    found = shown(account("plain", transfer=True), [reply])
    found = {name: value for name, value in found.items() if name not in ("ToUserName", "FromUserName", "CreateTime")}
    assert {name: _stripped(value) for name, value in found.items()} == fields


def _stripped(value: Any) -> Any:
    return {name: _stripped(item) for name, item in value.items()} if isinstance(value, dict) else value.strip()


def test_another_implementation_reads_the_encrypted_answer() -> None:
    channel = account()
    (answer,) = channel.render([Text("您好 ]]> 😀")], heard(channel, sealed(body())).route)
    fields = read_fields(answer.body)
    crypto = WeChatCrypto("tok", KEY, "wx1")
    inner = crypto.decrypt_message(answer.body, fields["MsgSignature"], fields["TimeStamp"], fields["Nonce"])
    assert deserialize_reply(inner).content == "您好 ]]> 😀"


INJECTION = "]]></Content><MsgType>news</MsgType><Content><![CDATA["


@pytest.mark.parametrize(
    "text",
    ["]]>", "]]]]>>", INJECTION, "<&>\"'", "a\x00b\x08c\x1f", "\ufffe\uffff", "\ud800", "甲\r\n乙", "]]" + ">" * 9],
)
@pytest.mark.parametrize("place", ["text", "title", "media", "servicer"])
def test_no_word_breaks_out_of_its_field(text: str, place: str) -> None:
    channel = account("plain", transfer=True)
    reply: Reply = {
        "text": Text(f"a{text}z"),
        "title": Link("http://a.b", f"a{text}z"),
        "media": Image(media=f"a{text}z"),
        "servicer": Transfer(servicer=f"a{text}z"),
    }[place]  # type: ignore[assignment]
    found = shown(channel, [reply])
    kinds = {"text": "text", "title": "news", "media": "image", "servicer": "transfer_customer_service"}
    assert found["MsgType"] == kinds[place]
    words = {
        "text": lambda: found["Content"],
        "title": lambda: found["Articles"]["item"]["Title"],
        "media": lambda: found["Image"]["MediaId"],
        "servicer": lambda: found["TransInfo"]["KfAccount"],
    }[place]()
    # XML reads a carriage return as a line feed
    assert words == f"a{clean(text)}z".replace("\r\n", "\n")


@given(st.text(st.characters(exclude_characters="\r"), min_size=1, max_size=200))
def test_any_text_comes_out_as_it_went_in(text: str) -> None:
    channel = account("plain")
    if not clean(text).strip():
        return
    assert shown(channel, [Text(text)])["Content"] == clean(text)


@pytest.mark.parametrize("replies", [[], [Text("")], [Text(" \n")], [Typing()], [Custom()]])
@pytest.mark.parametrize("mode", ["plain", "safe"])
def test_nothing_to_say_is_success_in_the_clear(mode: str, replies: list[Reply]) -> None:
    channel = account(mode)
    route = heard(channel, plain(body()) if mode == "plain" else sealed(body())).route
    assert channel.render(replies, route) == [Outgoing(b"success", "text/plain")]


def test_texts_are_joined_in_one_body_of_at_most_2048_bytes() -> None:
    channel = account("plain")
    assert shown(channel, [Text("甲"), Text("乙")])["Content"] == "甲\n乙"
    content = shown(channel, [Text("您好。" * 400)])["Content"]
    assert len(content.encode()) <= 2048
    assert content.endswith("。")


def test_buttons_are_numbered_lines_in_a_body_and_a_menu_in_a_push() -> None:
    channel = account("plain")
    card = Card("请选择", buttons=(Button("查订单", "/order"), Button("退货", "/return")))
    assert shown(channel, [card])["Content"].startswith("请选择\n1. 查订单\n2. 退货")
    (push,) = channel.render([card], Route("push", {"to": "oABC"}))
    assert json.loads(push.body)["msgmenu"]["list"] == [
        {"id": "1", "content": "查订单"},
        {"id": "2", "content": "退货"},
    ]


def test_without_the_vendors_console_a_transfer_says_its_words() -> None:
    assert shown(account("plain"), [Transfer("请留言")])["Content"] == "请留言"


# --- pushes


PUSHES: list[tuple[Reply, dict[str, Any]]] = [
    (Text("您好\x00😀"), {"msgtype": "text", "text": {"content": "您好😀"}}),
    (Image(media="m1"), {"msgtype": "image", "image": {"media_id": "m1"}}),
    (Voice("m2"), {"msgtype": "voice", "voice": {"media_id": "m2"}}),
    (
        Video("m3", thumb="t3", title="教程"),
        {"msgtype": "video", "video": {"media_id": "m3", "thumb_media_id": "t3", "title": "教程", "description": ""}},
    ),
    (
        Image("http://x/1.png", alt="样张"),
        {
            "msgtype": "news",
            "news": {
                "articles": [
                    {"title": "样张", "description": "", "url": "http://x/1.png", "picurl": "http://x/1.png"}
                ]
            },
        },
    ),
    (
        Card(title="商品", data={"app_id": "wxapp", "page_path": "pages/item", "thumb": "t5"}),
        {
            "msgtype": "miniprogrampage",
            "miniprogrampage": {"title": "商品", "appid": "wxapp", "pagepath": "pages/item", "thumb_media_id": "t5"},
        },
    ),
    (Custom({"msgtype": "wxcard", "wxcard": {"card_id": "c"}}), {"msgtype": "wxcard", "wxcard": {"card_id": "c"}}),
    (
        Custom(
            {
                "msgtype": "msgmenu",
                "msgmenu": {
                    "head_content": "满意吗？",
                    "list": [
                        {"id": "101", "content": "满意"},
                        {"type": "view", "view": {"url": "https://a.b/?c=1&d=2", "content": "官网"}},
                        {"type": "miniprogram", "appid": "wxapp", "pagepath": "pages/a", "content": "商城", "url": "https://m"},
                        {"type": "click", "id": "102", "content": "不满意"},
                    ],
                    "tail_content": "欢迎再来",
                },
            }
        ),
        {
            "msgtype": "msgmenu",
            "msgmenu": {
                "head_content": "满意吗？",
                "list": [{"id": "101", "content": "满意"}, {"id": "102", "content": "不满意"}],
                "tail_content": '<a href="https://a.b/?c=1&amp;d=2">官网</a>\n'
                '<a href="https://m" data-miniprogram-appid="wxapp" data-miniprogram-path="pages/a">商城</a>\n欢迎再来',
            },
        },
    ),
    (Transfer("请留言"), {"msgtype": "text", "text": {"content": "请留言"}}),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "content"), PUSHES, ids=lambda value: type(value).__name__)
def test_every_kind_of_push_is_the_documented_json(reply: Reply, content: dict[str, Any]) -> None:
    (push,) = account().render([reply], Route("push", {"to": "oABC"}))
    assert push.url == "https://api.weixin.qq.com/cgi-bin/message/custom/send"
    assert json.loads(push.body) == {"touser": "oABC"} | content
    assert b"\\u" not in push.body


def test_typing_is_a_call_of_its_own() -> None:
    on, off = account().render([Typing(), Typing(False)], Route("push", {"to": "oABC"}))
    assert on.url == "https://api.weixin.qq.com/cgi-bin/message/custom/typing"
    assert [json.loads(one.body)["command"] for one in (on, off)] == ["Typing", "CancelTyping"]


def test_a_push_may_be_in_the_name_of_a_servicer() -> None:
    said, typing = account(kf_account="kf1@shop").render([Text("您好"), Typing()], Route("push", {"to": "oABC"}))
    assert json.loads(said.body)["customservice"] == {"kf_account": "kf1@shop"}
    assert "customservice" not in json.loads(typing.body)


def test_a_base_address_may_end_with_a_slash() -> None:
    (push,) = account(api_base="http://127.0.0.1:9/").render([Text("a")], Route("push", {"to": "o"}))
    assert push.url == "http://127.0.0.1:9/cgi-bin/message/custom/send"


def test_every_errcode_has_a_sentence_and_those_of_the_token_are_few() -> None:
    for code, (_, sentence) in ERRCODES.items():
        assert bool(sentence) == bool(code), code
    assert {code for code, (verdict, _) in ERRCODES.items() if verdict == "refresh"} == {40001, 40014, 41001, 42001}


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("invalid ip 203.0.113.7, not in whitelist rid: 60f8-1", "203.0.113.7"),
        ("invalid ip 2001:db8::1:2, not in whitelist", "2001:db8::1:2"),
        ("not in whitelist", None),
    ],
)
def test_the_refused_address_is_said(words: str, address: str | None) -> None:
    judged = account().judge(200, json.dumps({"errcode": 40164, "errmsg": words}).encode())
    assert judged.verdict == "config"
    assert judged.reason.endswith(f"({address})" if address else "console")
