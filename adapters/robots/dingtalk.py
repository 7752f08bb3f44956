"""A custom robot (自定义机器人) of a DingTalk group.

Sources: 自定义机器人发送群消息 https://open.dingtalk.com/document/orgapp/custom-bot-to-send-group-chat-messages
自定义机器人安全设置 https://open.dingtalk.com/document/robots/customize-robot-security-settings
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import orjson

from adapters.channel import Judgement, Limits, Outgoing, Route, Verdict
from adapters.degrade import fit
from adapters.errcodes import Errcodes
from adapters.markup import cleaned
from adapters.message import Custom, Json, Link, Markdown, News, Reply, Text
from adapters.robots.base import Robot
from config.credentials import DingTalkRobotAccount

SEND = "/robot/send"
TITLE = "消息"
"""The title of Markdown that has none: DingTalk shows it in the list of chats."""
LIMITS = Limits(
    shows=frozenset(("text", "markdown", "link", "news")),
    text_bytes=15_000,
    custom_types=frozenset(("text", "markdown", "link", "actionCard", "feedCard")),
)
"""DingTalk takes bodies of 20,000 bytes. A `Custom` payload is a body of its own: `text` or `markdown` with `at`
(atMobiles, atUserIds, isAtAll), `actionCard` and `feedCard`."""

ERRCODES: Mapping[int, tuple[Verdict, str]] = {
    0: ("ok", ""),
    -1: ("retry", "DingTalk is busy"),
    130101: ("retry", "the robot sends more than 20 messages in a minute; DingTalk then refuses it for 10 minutes"),
    410100: ("retry", "the robot sends too fast"),
    300001: ("config", "the robot's access_token is not valid: copy its webhook address again"),
    300005: ("config", "there is no robot of this access_token: copy its webhook address again"),
    310000: ("config", "the robot's security settings refuse it: its keyword, its 加签 secret or its IP list"),
    400013: ("config", "the robot's group was dissolved: make a robot in another group"),
    400101: ("config", "the robot's access_token is not valid: copy its webhook address again"),
    400102: ("config", "the robot is switched off: switch it on in the group's settings"),
    400106: ("config", "the robot was taken out of its group: make a new one"),
    40035: ("dead", "a parameter of the message is missing or not valid"),
    43004: ("dead", "the message's content type is not valid"),
    400105: ("dead", "the robot cannot send messages of this type"),
    430101: ("dead", "the message links to what DingTalk holds to be unsafe"),
    430102: ("dead", "the message says what DingTalk does not allow"),
    430103: ("dead", "the message's image is one that DingTalk does not allow"),
    430104: ("dead", "the message says what DingTalk does not allow"),
}
ANSWERS = Errcodes("DingTalk", ERRCODES, base="oapi_base")


class DingTalkRobot(Robot):
    """The codec of the robot that credentials.yml calls `account`."""

    name = "dingtalk_robot"
    limits = push_limits = LIMITS

    def __init__(self, account: str, settings: DingTalkRobotAccount) -> None:
        self.account = account
        self._token, self._secret = settings.access_token, settings.secret
        self._base = settings.oapi_base.rstrip("/")

    @property
    def secret_key(self) -> str:
        return self._token.get_secret_value()

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        """One call each; its URL holds the access token, and the signature of the route's time: good for an hour."""
        url = self._url(route.data.get("at", "0"))
        bodies = (orjson.dumps(cleaned(_body(reply)), option=orjson.OPT_NON_STR_KEYS) for reply in fit(replies, LIMITS))
        return [Outgoing(body, "application/json", url, needs_token=False) for body in bodies]

    def _url(self, at: str) -> str:
        query = {"access_token": self._token.get_secret_value()}
        if secret := self._secret.get_secret_value():
            query |= {"timestamp": at, "sign": sign(secret, at)}
        return f"{self._base}{SEND}?{urlencode(query)}"

    def judge(self, status: int, body: bytes) -> Judgement:
        return ANSWERS.judge(status, body)


def sign(secret: str, timestamp: str) -> str:
    """DingTalk's sign: HMAC-SHA256 over the time in milliseconds and the secret itself, keyed with the secret."""
    mac = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(mac).decode()


def _body(reply: Reply) -> dict[str, Json]:
    match reply:
        case Text(text):
            return {"msgtype": "text", "text": {"content": text}}
        case Markdown(text, title):
            return {"msgtype": "markdown", "markdown": {"title": title or TITLE, "text": text}}
        case Link(url, title, description, image):
            link = {"title": title or url, "text": description or title or url, "messageUrl": url, "picUrl": image}
            return {"msgtype": "link", "link": link}
        case News(articles):
            links = [{"title": a.title or a.url, "messageURL": a.url, "picURL": a.image} for a in articles]
            return {"msgtype": "feedCard", "feedCard": {"links": links}}
        case Custom(payload):
            return dict(payload)
        case _:
            raise TypeError(f"{type(reply).__name__} is nothing that a group robot says: fit it first")
