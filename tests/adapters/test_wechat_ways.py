"""What WeChat lets us say unasked: windows, their allowance, and what needs none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from adapters.channel import Rate, Route
from adapters.message import Custom, Event, Location, Message, Reply, Text, Typing
from adapters.wechat import WeChat
from tests.adapters.wechat_account import NOW, account, body, heard, plain

CONVERSATION = "wechat/main/oABC/oABC"
TWO_DAYS_S = 48 * 3600.0


def message(content: object, **raw: str) -> Message:
    said = heard(account("plain"), plain(body())).messages[0]
    return replace(said, content=content, raw=raw)  # type: ignore[arg-type]


def ways(channel: WeChat, said: Message | None, now: float = NOW) -> tuple[Route, ...]:
    address = message(Text("")).address
    return channel.push_routes(address, said, now)


def names(routes: tuple[Route, ...]) -> list[str]:
    return [route.data["way"] for route in routes]


# --- windows


@pytest.mark.parametrize(
    ("said", "count", "window_s"),
    [
        (message(Text("在吗")), 5, TWO_DAYS_S),
        (message(Location(1, 2)), 5, TWO_DAYS_S),
        (message(Text("查订单"), bizmsgmenuid="1"), 3, 60.0),
        (message(Event("click", "K")), 3, 60.0),
        (message(Event("subscribe")), 3, 60.0),
        (message(Event("scan", "7")), 3, 60.0),
        (message(Event("scancode_push", "K")), 3, 60.0),
        (message(Event("scancode_waitmsg", "K")), 3, 60.0),
    ],
)
def test_the_allowance_belongs_to_the_message_that_opened_it(said: Message, count: int, window_s: float) -> None:
    channel = account()
    for now in (NOW, NOW + window_s - 1):
        custom, notice = ways(channel, said, now)
        assert channel.rates(custom) == (Rate(f"push/{CONVERSATION}/77", count, window_s),)
        assert custom.data["to"] == "oABC"
        assert channel.rates(notice) == ()
        assert channel.closed(said, now) == ""
    assert names(ways(channel, said, NOW + window_s)) == ["notice"]
    assert "opens again when they write" in channel.closed(said, NOW + window_s)


def test_two_messages_have_an_allowance_each() -> None:
    channel = account()
    first, second = (ways(channel, replace(message(Text("a")), id=name))[0] for name in ("1", "2"))
    assert channel.rates(first)[0].key != channel.rates(second)[0].key


def test_a_payment_allows_any_number_for_two_days() -> None:
    channel, paid = account(), message(Event("user_pay_from_pay_cell"))
    assert channel.rates(ways(channel, paid)[0]) == ()
    assert names(ways(channel, paid, NOW + TWO_DAYS_S)) == ["notice"]


@pytest.mark.parametrize("name", ["view", "template_result", "location"])
def test_what_opens_no_window_of_its_own_leaves_the_vendor_to_judge(name: str) -> None:
    channel = account()
    custom = ways(channel, message(Event(name)))[0]
    assert channel.rates(custom) == ()
    assert channel.closed(message(Event(name)), NOW) == ""


def test_who_has_never_written_is_reached_by_notices_alone() -> None:
    assert names(ways(account(), None)) == ["notice"]
    assert "has not written" in account().closed(None, NOW)


def test_who_has_left_or_may_not_be_pushed_to_has_no_route() -> None:
    assert ways(account(), message(Event("unsubscribe"))) == ()
    assert "unsubscribed" in account().closed(message(Event("unsubscribe")), NOW)
    assert ways(account(push=False), message(Text("在吗"))) == ()
    assert ways(account(app_secret=""), message(Text("在吗"))) == ()


# --- template and subscribe messages

TEMPLATE = Custom(
    {
        "msgtype": "template",
        "template": {
            "template_id": "T1",
            "url": "https://a.b",
            "miniprogram": {"appid": "wxapp", "pagepath": "pages/order"},
            "data": {"thing1": "退款\x00", "amount2": {"value": "199.00", "color": "#173177"}},
        },
    }
)
SUBSCRIBE = Custom({"msgtype": "subscribe", "subscribe": {"template_id": "T2", "page": "p", "data": {"date1": "1月"}}})
ONCE = Custom({"msgtype": "subscribe_once", "subscribe_once": {"template_id": "T3", "scene": 7, "title": "到货"}})
NOTICES: list[tuple[Custom, str, dict[str, Any]]] = [
    (
        TEMPLATE,
        "template/send",
        {
            "template_id": "T1",
            "url": "https://a.b",
            "miniprogram": {"appid": "wxapp", "pagepath": "pages/order"},
            "data": {"thing1": {"value": "退款"}, "amount2": {"value": "199.00", "color": "#173177"}},
        },
    ),
    (SUBSCRIBE, "subscribe/bizsend", {"template_id": "T2", "page": "p", "data": {"date1": {"value": "1月"}}}),
    (ONCE, "template/subscribe", {"template_id": "T3", "scene": "7", "title": "到货"}),
]


@pytest.mark.parametrize(("reply", "path", "call"), NOTICES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_notice_is_the_documented_call(reply: Custom, path: str, call: dict[str, Any]) -> None:
    (sent,) = account().render([reply], Route("push", {"way": "notice", "to": "oABC"}))
    assert sent.url == f"https://api.weixin.qq.com/cgi-bin/message/{path}"
    assert json.loads(sent.body) == {"touser": "oABC"} | call


def test_a_template_message_that_is_sent_again_is_known_by_its_id() -> None:
    channel = account()

    def client_id(turn: str, reply: Custom) -> str:
        (sent,) = channel.render([reply], Route("push", {"way": "notice", "to": "oABC", "turn": turn}))
        return str(json.loads(sent.body)["client_msg_id"])

    other = Custom({"msgtype": "template", "template": {"template_id": "T9"}})
    ids = {client_id("t1", TEMPLATE), client_id("t2", TEMPLATE), client_id("t1", other)}
    assert len(ids) == 3
    assert client_id("t1", TEMPLATE) in ids
    assert all(len(one) == 32 for one in ids)
    own = Custom({"msgtype": "template", "template": {"template_id": "T1", "client_msg_id": "mine"}})
    assert client_id("t1", own) == "mine"


@pytest.mark.parametrize(
    ("replies", "way"),
    [
        ([], "custom"),
        ([Text("您好")], "custom"),
        ([TEMPLATE], "notice"),
        ([SUBSCRIBE, ONCE], "notice"),
        ([Typing()], "notice"),
        ([Text("您好"), TEMPLATE], "custom"),
        ([Custom({"msgtype": "template"})], "custom"),
        ([Custom({"msgtype": "wxcard", "wxcard": {}})], "custom"),
    ],
)
def test_only_what_uses_nothing_up_goes_the_way_of_notices(replies: list[Reply], way: str) -> None:
    channel = account()
    fit = [route for route in ways(channel, message(Text("在吗"))) if channel.carries(replies, route)]
    assert names(tuple(fit)) == [way]


@pytest.mark.parametrize(
    ("code", "verdict", "words"),
    [
        (45015, "dead", "closed"),
        (45047, "dead", "used"),
        (43004, "dead", "follow"),
        (40037, "dead", "template_id"),
        (41030, "dead", "page"),
        (43101, "dead", "agreed"),
        (47003, "dead", "data"),
        (43107, "config", "banned"),
    ],
)
def test_a_refused_push_is_given_up_with_a_sentence(code: int, verdict: str, words: str) -> None:
    judged = account().judge(200, json.dumps({"errcode": code, "errmsg": "refused rid: 1"}).encode())
    assert (judged.verdict, judged.code) == (verdict, str(code))
    assert words in judged.reason
