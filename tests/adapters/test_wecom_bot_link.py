"""The codec of WeCom's AI bots over the WebSocket: frames in and out, words, ways, uploads."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channel import (
    Answer,
    Carrying,
    Frame,
    Judgement,
    Linked,
    LinkTerms,
    Messages,
    Outgoing,
    Pushing,
    Reject,
    Route,
    Streaming,
    Upload,
    Uploaded,
)
from adapters.crypto import seal_file
from adapters.degrade import fit
from adapters.message import Address, Button, Card, Image, Markdown, Message, Reply, Text, Video
from adapters.wecom_bot import WeComBot
from config.credentials import WeComBotAccount
from tests.adapters.replies import replies
from tests.contracts.channels.wecom_bot import ACCOUNT
from tests.contracts.entry import SECRETS

AT = 1_700_000_000.0
KEYS = {"mode": "websocket", "bot_id": "AIB", "secret": SECRETS[1], "ws_url": "ws://127.0.0.1:1/"}
VECTORS = json.loads((Path(__file__).parents[1] / "contracts" / "vectors" / "wecom_bot.json").read_text("utf-8"))
BODY = {
    "msgid": "m1", "aibotid": "AIB", "chattype": "single", "from": {"userid": "zhangsan"}, "create_time": int(AT),
    "msgtype": "text", "text": {"content": "您好"},
}  # fmt: skip
IN_GROUP = {**BODY, "chattype": "group", "chatid": "wr1"}
CARD = Card("选", buttons=(Button("查订单"), Button("退款")))


def bot() -> WeComBot:
    return WeComBot("main", WeComBotAccount.model_validate(KEYS))


def callback(body: Any, cmd: str = "aibot_msg_callback") -> str:
    return json.dumps({"cmd": cmd, "headers": {"req_id": "REQ"}, "body": body})


def event(kind: str, **told: Any) -> dict[str, Any]:
    return {**BODY, "msgtype": "event", "event": {"eventtype": kind, kind: told}}


def message(body: dict[str, Any]) -> Message:
    cmd = "aibot_event_callback" if body["msgtype"] == "event" else "aibot_msg_callback"
    found = bot().read(callback(body, cmd), AT)
    assert isinstance(found.parsed, Messages), found
    assert found.then == "on"
    (one,) = found.parsed.messages
    return one


def word(number: str, code: int, **body: Any) -> Frame:
    more = {"body": body} if body else {}
    return bot().read(json.dumps({"headers": {"req_id": number}, "errcode": code, "errmsg": "words", **more}), AT)


def frame(outgoing: Outgoing) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(outgoing.body)
    assert outgoing.url == f"link:{found['headers']['req_id']}"
    assert not outgoing.needs_token
    return found


def sent(reply: Reply, body: dict[str, Any], age: float = 1.0, place: int = 0) -> dict[str, Any]:
    one = message(body)
    (outgoing,) = bot().render([reply], bot().push_routes(one.address, one, one.at + age)[place])
    return frame(outgoing)


# --- in


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_websocket_brings_the_same_message_as_the_webhook(vector: dict[str, Any]) -> None:
    one = message(json.loads(vector["body"]))
    assert (one.id, one.to_dict()["content"], one.at) == (vector["id"], vector["content"], AT)
    assert Message.from_dict(json.loads(json.dumps(one.to_dict()))) == one


def test_what_has_no_time_of_its_own_was_said_now() -> None:
    assert message({name: value for name, value in BODY.items() if name != "create_time"}).at == AT


def test_a_second_connection_of_the_bot_ends_this_one_for_good() -> None:
    told = {**BODY, "msgtype": "event", "event": {"eventtype": "disconnected_event"}}
    found = bot().read(callback(told, "aibot_event_callback"), AT)
    assert (found.then, found.parsed) == ("stop", None)
    assert "took over" in found.reason


@pytest.mark.parametrize("text", ["", "[]", "nonsense", "{}", '{"cmd":"x"}', callback(None), callback({}), "\ud800"])
def test_what_is_no_frame_is_rejected_and_the_connection_goes_on(text: str) -> None:
    found = bot().read(text, AT)
    assert isinstance(found.parsed, Reject)
    assert found.then == "on"


@given(text=st.text(max_size=200))
def test_no_frame_makes_reading_raise(text: str) -> None:
    assert isinstance(bot().read(text, AT), Frame)


@given(data=st.data())
def test_no_damage_to_a_frame_makes_reading_raise(data: st.DataObject) -> None:
    whole = callback(json.loads(data.draw(st.sampled_from(VECTORS))["body"]))
    start = data.draw(st.integers(0, len(whole)))
    assert isinstance(bot().read(whole[:start] + data.draw(st.text(max_size=3)) + whole[start + 2 :], AT), Frame)


# --- words


@pytest.mark.parametrize(
    ("number", "code", "verdict", "then"),
    [
        ("REQ", 0, "ok", "on"),
        ("REQ", 846605, "elsewhere", "on"),
        ("REQ", 846608, "elsewhere", "on"),
        ("REQ", 12345, "elsewhere", "on"),
        ("aibot_send_msg_1", 12345, "dead", "on"),
        ("aibot_send_msg_1", 45009, "retry", "on"),
        ("aibot_send_msg_1", 846609, "retry", "reconnect"),
        ("ping_yingda", 0, "ok", "on"),
        ("ping_yingda", -1, "retry", "reconnect"),
        ("aibot_subscribe_1", 0, "ok", "on"),
        ("aibot_subscribe_1", 40001, "config", "reconnect"),
        ("aibot_subscribe_1", 853000, "config", "reconnect"),
        ("aibot_subscribe_1", -1, "retry", "reconnect"),
    ],
)
def test_what_wecom_says_of_a_frame_is_judged(number: str, code: int, verdict: str, then: str) -> None:
    found = word(number, code)
    assert found.word is not None
    assert (found.word[0], found.word[1].verdict, found.then) == (number, verdict, then)
    assert found.word[1].reason or verdict == "ok"


def test_a_receipt_is_what_wecom_calls_what_it_took() -> None:
    found = word("aibot_upload_media_finish_1", 0, media_id="MEDIA", type="file")
    assert found.word is not None
    assert found.word[1] == Judgement("ok", receipt="MEDIA")


# --- the connection


def test_it_subscribes_pings_and_says_its_terms() -> None:
    channel = bot()
    assert isinstance(channel, Pushing)
    assert isinstance(channel, Linked)
    assert isinstance(channel, Carrying)
    assert isinstance(channel, Streaming)
    assert channel.link_terms == LinkTerms(exclusive=True, ping_s=30.0, ack_s=5.0, refusals=5)
    greeting, ping = channel.greeting(), channel.ping()
    assert greeting is not None
    assert ping is not None
    asked = frame(greeting)
    assert (asked["cmd"], asked["body"]) == ("aibot_subscribe", {"bot_id": "AIB", "secret": SECRETS[1]})
    assert asked["headers"]["req_id"].startswith("aibot_subscribe_")
    assert set(frame(ping)) == {"cmd", "headers"}
    assert channel.ping() == ping
    with pytest.raises(StopIteration) as end:
        next(channel.dial())
    assert end.value.value == KEYS["ws_url"]
    by_webhook = WeComBot("main", ACCOUNT)
    assert (by_webhook.link_terms, by_webhook.greeting(), by_webhook.ping()) == (None, None, None)


# --- ways out


def ways(body: dict[str, Any], age: float) -> list[str]:
    one = message(body)
    return [route.data["way"] for route in bot().push_routes(one.address, one, one.at + age)]


@pytest.mark.parametrize(
    ("body", "age", "expected"),
    [
        (BODY, 1, ["respond", "send"]),
        (BODY, 359, ["respond", "send"]),
        (BODY, 360, ["send"]),
        (event("enter_chat"), 1, ["welcome", "send"]),
        (event("enter_chat"), 5, ["send"]),
        (event("template_card_event", event_key="k", task_id="t"), 1, ["update", "send"]),
        (event("template_card_event", event_key="k", task_id="t"), 5, ["send"]),
        (event("feedback_event", id="f"), 1, ["send"]),
    ],
)
def test_an_answer_goes_under_the_req_id_while_that_is_good_else_as_a_message(
    body: dict[str, Any], age: float, expected: list[str]
) -> None:
    assert ways(body, age) == expected


def test_what_is_said_unasked_is_a_message_to_a_member_or_a_group() -> None:
    for address, kind in (
        (Address("wecom_bot", "main", "lisi", "lisi"), 1),
        (Address("wecom_bot", "main", "wr1", ""), 2),
    ):
        (route,) = bot().push_routes(address, None, AT)
        said = frame(bot().render([Markdown("**快递到了**")], route)[0])
        assert said["cmd"] == "aibot_send_msg"
        assert said["body"] == {
            "chatid": address.chat, "chat_type": kind, "msgtype": "markdown", "markdown": {"content": "**快递到了**"},
        }  # fmt: skip


def test_an_answer_is_one_finished_stream_and_the_same_one_when_sent_again() -> None:
    first, again, other = sent(Text("好"), BODY), sent(Text("好"), BODY), sent(Text("还有"), BODY)
    assert (first["cmd"], first["headers"]["req_id"]) == ("aibot_respond_msg", "REQ")
    stream = first["body"]["stream"]
    assert (stream["finish"], stream["content"], "feedback" in stream) == (True, "好", True)
    assert again == first
    assert other["body"]["stream"]["id"] != stream["id"]
    one = message(BODY)
    route = bot().push_routes(one.address, one, AT)[0]
    parts = [bot().render([Text("好")], Route("push", {**route.data, "part": part}))[0] for part in ("0", "1")]
    assert len({frame(part)["body"]["stream"]["id"] for part in parts}) == 2


def test_a_message_of_our_own_has_another_id_each_time() -> None:
    assert sent(Text("好"), BODY, 400)["headers"] != sent(Text("好"), BODY, 400)["headers"]


def test_a_group_hears_whom_the_answer_is_for() -> None:
    assert sent(Text("好"), IN_GROUP)["body"]["stream"]["content"] == "<@zhangsan> 好"
    late = sent(Text("好"), IN_GROUP, 400)["body"]
    assert (late["chatid"], late["chat_type"], late["markdown"]["content"]) == ("wr1", 2, "<@zhangsan> 好")


def test_cards_greetings_and_taps_are_answered_with_the_command_that_is_for_them() -> None:
    assert sent(CARD, BODY)["body"]["msgtype"] == "template_card"
    greeting = sent(Text("欢迎"), event("enter_chat"))
    assert (greeting["cmd"], greeting["body"]) == (
        "aibot_respond_welcome_msg",
        {"msgtype": "text", "text": {"content": "欢迎"}},
    )
    tap = event("template_card_event", event_key="k", task_id="TASK")
    update = sent(CARD, tap)
    assert (update["cmd"], update["headers"]["req_id"]) == ("aibot_respond_update_msg", "REQ")
    assert update["body"]["response_type"] == "update_template_card"
    assert update["body"]["template_card"]["task_id"] == "TASK"
    assert sent(Text("好"), tap)["cmd"] == "aibot_send_msg"


def test_media_go_out_by_their_media_id() -> None:
    assert sent(Image(media="M"), BODY)["body"] == {"msgtype": "image", "image": {"media_id": "M"}}
    video = sent(Video(media="M", title="题"), BODY, 400)["body"]
    assert video["video"] == {"media_id": "M", "title": "题"}


@given(said=st.lists(replies, max_size=4), age=st.sampled_from([1, 400]))
def test_any_replies_are_one_frame_each(said: list[Reply], age: int) -> None:
    for body in (BODY, IN_GROUP, event("enter_chat"), event("template_card_event", event_key="k", task_id="t")):
        one = message(body)
        for route in bot().push_routes(one.address, one, one.at + age):
            outgoing = bot().render(said, route)
            assert len(outgoing) == len(fit(said, bot().push_limits))
            assert not any(secret in str(outgoing) for secret in SECRETS)
            assert all(frame(each) for each in outgoing)


def test_each_chat_has_the_vendors_rate() -> None:
    rates = bot().rates(Route("push", {"chat": "wr1"}))
    assert [(rate.count, rate.window_s) for rate in rates] == [(30, 60.0), (1000, 3600.0)]
    assert len({rate.key for rate in rates}) == 2
    assert not WeComBot("main", ACCOUNT).rates(Route("push"))


# --- media


def uploaded(data: bytes, answers: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Any]:
    """The frames of an upload that is answered so, and what came of it."""
    exchange = bot().upload(Upload("file", "a.pdf", "application/pdf", data), AT)
    asked = []
    try:
        outgoing = next(exchange)
        while True:
            asked.append(frame(outgoing))
            given = {"headers": asked[-1]["headers"], "errcode": 0, **answers[min(len(asked), len(answers)) - 1]}
            outgoing = exchange.send(Answer(200, json.dumps(given).encode()))
    except StopIteration as end:
        return asked, end.value


def test_a_file_is_uploaded_in_pieces_of_512_kilobytes() -> None:
    data = bytes(range(256)) * 4100
    begun, piece, ended = {"body": {"upload_id": "U"}}, {"errmsg": "ok"}, {"body": {"media_id": "M", "type": "file"}}
    asked, result = uploaded(data, [begun, piece, piece, piece, ended])
    assert [each["cmd"].removeprefix("aibot_upload_media_") for each in asked] == [
        "init",
        "chunk",
        "chunk",
        "chunk",
        "finish",
    ]
    assert result == Uploaded("M", AT + 3 * 86400)
    told = asked[0]["body"]
    assert (told["total_size"], told["total_chunks"], told["type"]) == (len(data), 3, "file")
    pieces = [base64.b64decode(each["body"]["base64_data"]) for each in asked[1:4]]
    assert b"".join(pieces) == data
    assert [each["body"]["chunk_index"] for each in asked[1:4]] == [0, 1, 2]
    assert max(map(len, pieces)) == 512 * 1024


def test_an_upload_that_is_refused_says_why() -> None:
    assert uploaded(b"x", [{"errcode": 40058, "errmsg": "no"}])[1].verdict == "dead"
    assert uploaded(b"x", [{"body": {"upload_id": "U"}}, {"errcode": -1}])[1].verdict == "retry"
    assert uploaded(b"x", [{}])[1].verdict == "retry"
    assert uploaded(b"", [{}]) == ([], uploaded(b"", [{}])[1])
    assert uploaded(bytes(100 * 512 * 1024 + 1), [{}])[1].verdict == "dead"


def test_a_received_file_is_decrypted_with_the_key_that_came_with_it() -> None:
    key = bytes(range(32))
    for encoded in (base64.b64encode(key).decode(), base64.b64encode(key).decode().rstrip("=")):
        body = {**BODY, "msgtype": "file", "file": {"url": "http://a/b", "aeskey": encoded}}
        exchange = bot().download(message(body).content)  # type: ignore[arg-type]
        assert next(exchange).url == "http://a/b"
        with pytest.raises(StopIteration) as end:
            exchange.send(Answer(200, seal_file(b"PDF", key)))
        assert end.value.value == b"PDF"
