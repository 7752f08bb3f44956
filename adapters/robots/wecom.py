"""A group robot of WeCom (群机器人, since 2025 消息推送).

Source: 消息推送配置说明 https://developer.work.weixin.qq.com/document/path/99110
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from adapters.channel import (
    Exchange,
    Judgement,
    Limits,
    MediaKind,
    MediaTerms,
    Outgoing,
    Route,
    Upload,
    Uploaded,
)
from adapters.degrade import fit
from adapters.message import Content, Image, Json, Reply, Text
from adapters.multipart import form
from adapters.pictures import TERMS as PICTURE_TERMS
from adapters.pictures import inline, picture_body
from adapters.robots.base import Robot
from adapters.wecom.api import Api, judge
from adapters.wecom.media import MB, uploaded
from adapters.wecom.messages import ARTICLES, message_body, titled
from config.credentials import WeComRobotAccount

SEND, UPLOAD = "/cgi-bin/webhook/send", "/cgi-bin/webhook/upload_media"
LIMITS = Limits(
    shows=frozenset(("text", "markdown", "image", "link", "news", "voice", "file")),
    text_bytes=2048,
    markdown_bytes=4096,
    articles=ARTICLES,
    media_only=True,
    custom_types=frozenset(
        ("text", "markdown", "markdown_v2", "image", "news", "file", "voice", "template_card")
    ),
)  # fmt: skip
"""A `Custom` payload is a body of WeCom's own: `text` with mentioned_list, mentioned_mobile_list (`@all`),
`markdown` with `<@userid>`, `markdown_v2` without, `template_card` of text_notice or news_notice."""


class WeComRobot(Robot):
    """The codec of the robot that credentials.yml calls `account`."""

    name = "wecom_robot"
    limits = push_limits = LIMITS

    def __init__(self, account: str, settings: WeComRobotAccount) -> None:
        self.account = account
        self._key = settings.key
        self._api = Api("", settings.key, "", settings.api_base)

    @property
    def secret_key(self) -> str:
        return self._key.get_secret_value()

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        """One call each; its URL holds the key, for the robot has no other secret."""
        calls = [self._api.call(SEND, _body(reply)) for reply in fit(titled(replies), self.limits)]
        return [Outgoing(call.body, call.content_type, self._url(SEND), needs_token=False) for call in calls]

    def _url(self, path: str, **query: str) -> str:
        return f"{self._api.url(path)}?{urlencode({'key': self._key.get_secret_value(), **query})}"

    def judge(self, status: int, body: bytes) -> Judgement:
        return judge(status, body)

    @property
    def media_terms(self) -> Mapping[MediaKind, MediaTerms]:
        return {**PICTURE_TERMS, "voice": MediaTerms(2 * MB, frozenset(("audio/amr",))), "file": MediaTerms(20 * MB)}

    def upload(self, upload: Upload, now: float) -> Exchange[Uploaded]:
        if upload.kind not in self.media_terms:
            return Judgement("dead", f"a WeCom group robot keeps no {upload.kind}")
        if upload.kind == "image":
            return inline(upload, now)
        return uploaded((yield form(self._url(UPLOAD, type=upload.kind), "media", upload, {})), now)

    def download(self, content: Content) -> Exchange[bytes]:
        yield from ()
        return Judgement("dead", "nothing is sent to a group robot")


def _body(reply: Reply) -> dict[str, Json]:
    """A picture's bytes go into the message; one that is only a media id of somebody else's is said in words."""
    if isinstance(reply, Image):
        return picture_body(reply) or message_body(Text(reply.alt or "[图片]"), "")
    return message_body(reply, "")
