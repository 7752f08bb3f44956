"""Group robots: what they say, to whom, how often, and what the vendors' answers mean."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.channel import Answer, Exchange, Judgement, Reject, Request, Upload, Uploaded
from adapters.message import Address, Button, Card, Custom, File, Image, Link, Markdown, News, Reply, Text
from adapters.robots import DingTalkRobot, WeComRobot
from adapters.robots.dingtalk import sign
from config.credentials import DingTalkRobotAccount, WeComRobotAccount

WECOM = WeComRobot("ops", WeComRobotAccount.model_validate({"key": "k-1"}))
DING = DingTalkRobot("ops", DingTalkRobotAccount.model_validate({"access_token": "t-1", "secret": "SEC1"}))
NOW = 1_700_000_000.5


def body_of(robot: WeComRobot | DingTalkRobot, reply: Reply) -> dict[str, Any]:
    (route,) = robot.push_routes(robot.address, None, NOW)
    (call,) = robot.render([reply], route)
    found: dict[str, Any] = json.loads(call.body)
    return found


@pytest.mark.parametrize("robot", [WECOM, DING])
def test_a_robot_hears_nothing_and_speaks_to_its_group_twenty_times_a_minute(robot: WeComRobot | DingTalkRobot) -> None:
    assert isinstance(found := robot.parse(Request("POST", "/"), NOW), Reject)
    assert found.status == 404
    assert robot.address == Address(robot.name, "ops", "ops", "")
    (route,) = robot.push_routes(robot.address, None, NOW)
    (rate,) = robot.rates(route)
    assert (rate.count, rate.window_s) == (20, 60.0)
    assert "k-1" not in rate.key
    assert robot.push_routes(Address(robot.name, "ops", "another", ""), None, NOW) == ()
    assert "k-1" not in str(route)


def test_wecoms_robot_is_called_by_its_key_and_dingtalks_signs_the_time() -> None:
    (route,) = DING.push_routes(DING.address, None, NOW)
    (call,) = DING.render([Text("a")], route)
    query = {name: values[0] for name, values in parse_qs(urlsplit(call.url).query).items()}
    at = "1700000000500"
    assert query == {"access_token": "t-1", "timestamp": at, "sign": sign("SEC1", at)}
    (call,) = WECOM.render([Text("a")], WECOM.push_routes(WECOM.address, None, NOW)[0])
    assert (call.url, call.needs_token) == ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k-1", False)


@pytest.mark.parametrize(
    ("reply", "wecom", "dingtalk"),
    [
        (Text("a"), "text", "text"),
        (Markdown("**a** <@li>"), "markdown", "markdown"),
        (Link("http://a"), "news", "link"),
        (News((Link("http://a"), Link("http://b"))), "news", "feedCard"),
        (Image(url="http://a/1.png"), "news", "link"),
        (Card("选", buttons=(Button("甲"),)), "text", "text"),
    ],
)
def test_each_reply_has_its_type(reply: Reply, wecom: str, dingtalk: str) -> None:
    assert body_of(WECOM, reply)["msgtype"] == wecom
    assert body_of(DING, reply)["msgtype"] == dingtalk


def test_a_body_of_the_vendors_own_is_sent_as_it_is() -> None:
    mention = {"msgtype": "text", "text": {"content": "看", "mentioned_list": ["li", "@all"]}}
    assert body_of(WECOM, Custom(mention)) == mention
    for kind in ("markdown_v2", "template_card", "image"):
        assert body_of(WECOM, Custom({"msgtype": kind, kind: {}}))["msgtype"] == kind
    at = {"msgtype": "markdown", "markdown": {"title": "t", "text": "@138"}, "at": {"isAtAll": True}}
    assert body_of(DING, Custom(at)) == at
    assert body_of(DING, Custom({"msgtype": "actionCard", "actionCard": {}}))["msgtype"] == "actionCard"


def test_markdown_may_be_twice_as_long_as_text() -> None:
    assert body_of(WECOM, Markdown("长" * 1365))["msgtype"] == "markdown"
    calls = WECOM.render([Markdown("长" * 1365, "标题")], WECOM.push_routes(WECOM.address, None, NOW)[0])
    texts = [json.loads(call.body)["markdown"]["content"] for call in calls]
    assert "".join(texts) == "**标题**\n" + "长" * 1365
    assert all(len(text.encode()) <= 4096 for text in texts)


def test_an_image_is_sent_within_the_message() -> None:
    found = ended(WECOM.upload(Upload("image", "a.png", "image/png", b"png"), NOW))
    assert isinstance(found, Uploaded)
    assert body_of(WECOM, Image(media=found.media)) == {
        "msgtype": "image",
        "image": {"base64": base64.b64encode(b"png").decode(), "md5": hashlib.md5(b"png").hexdigest()},
    }
    huge = Upload("image", "a.png", "image/png", b"x" * (2 * 1024 * 1024 + 1))
    assert isinstance(ended(WECOM.upload(huge, NOW)), Judgement)
    assert isinstance(ended(WECOM.upload(Upload("image", "a.gif", "image/gif", b"gif"), NOW)), Judgement)


def test_a_picture_that_is_only_somebody_elses_media_id_is_said_in_words() -> None:
    assert body_of(WECOM, Image(media="MEDIA", alt="门店地图"))["text"]["content"] == "门店地图"


def ended(exchange: Exchange[Uploaded]) -> Uploaded | Judgement:
    """What an exchange comes to that makes no call."""
    with pytest.raises(StopIteration) as end:
        next(exchange)
    found: Uploaded | Judgement = end.value.value
    return found


def test_a_file_is_uploaded_for_the_robot_and_sent_by_its_id() -> None:
    exchange = WECOM.upload(Upload("file", "a.txt", "text/plain", b"hello"), NOW)
    call = next(exchange)
    assert call.url.endswith("/cgi-bin/webhook/upload_media?key=k-1&type=file")
    with pytest.raises(StopIteration) as end:
        exchange.send(Answer(200, b'{"errcode":0,"media_id":"M"}'))
    assert end.value.value == Uploaded("M", NOW + 3 * 86400)
    assert body_of(WECOM, File(media="M"))["file"] == {"media_id": "M"}


@pytest.mark.parametrize("answer", [b'{"errcode":0}', b'{"errcode":0,"media_id":""}', b'{"errcode":0,"media_id":7}'])
def test_an_upload_without_a_media_id_is_tried_again(answer: bytes) -> None:
    exchange = WECOM.upload(Upload("file", "a.txt", "text/plain", b"hello"), NOW)
    next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(Answer(200, answer))
    assert end.value.value == Judgement("retry", "the upload was answered without a media_id")


@pytest.mark.parametrize(
    ("robot", "code", "verdict"),
    [
        (WECOM, 0, "ok"), (WECOM, 93000, "config"), (WECOM, 45009, "retry"), (WECOM, 45033, "retry"),
        (WECOM, 40058, "dead"), (DING, 0, "ok"), (DING, 130101, "retry"), (DING, 310000, "config"),
        (DING, 300001, "config"), (DING, 999999, "dead"),
    ],
)  # fmt: skip
def test_the_verdict_is_in_the_body(robot: WeComRobot | DingTalkRobot, code: int, verdict: str) -> None:
    assert robot.judge(200, json.dumps({"errcode": code, "errmsg": "x"}).encode()).verdict == verdict
