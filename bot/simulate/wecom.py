"""A member's phone as the callback URL of a WeCom app sees it: `WeComPhone` posts what WeCom would, reads the answer.

    phone = WeComPhone("http://127.0.0.1:5005/webhooks/wecom/main", account, session)
    seen = await phone.says("我要退款")
    seen = await phone.taps(sent, 0)       # the first button of a card that the app sent

As WeCom does, a POST without an answer of 200 in 5 s is repeated, three in all; nothing tells the member of failure.
`speed` makes 5 s shorter in tests.

Sources: 接收消息与事件 https://developer.work.weixin.qq.com/document/path/90238
回调配置 https://developer.work.weixin.qq.com/document/path/90930
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import aiohttp

from adapters.crypto import BadEnvelope, Envelope
from adapters.fields import Fields, Malformed, read_fields, said
from adapters.markup import read_sealed
from adapters.message import Json
from bot.simulate.wechat import CUT_S, POSTS, Post, Seen, Webhook, to_xml
from bot.simulate.wecom_api import WeComSent
from config.credentials import WeComAccount

MAX_TEXT_BYTES = 2048


@dataclass
class WeComPhone:
    """One member (`userid`) before one app. Not frozen: it counts its messages."""

    url: str
    account: WeComAccount
    session: aiohttp.ClientSession
    userid: str = "ZhangSan"
    clock: Callable[[], float] = time.time
    speed: float = 1.0
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(secrets.randbits(60)))

    # --- what a member does ----------------------------------------------------------------------------------

    async def says(self, text: str) -> Seen:
        return await self.deliver(self.webhook("text", Content=text))

    async def shows(self, picture_url: str, media: str = "image-1") -> Seen:
        return await self.deliver(self.webhook("image", PicUrl=picture_url, MediaId=media))

    async def does(self, event: str, key: str = "", **more: Json) -> Seen:
        """An event by the vendor's name: subscribe, enter_agent, click, LOCATION, ..."""
        return await self.deliver(self.event(event, key, **more))

    async def taps(self, sent: WeComSent, button: int = 0) -> Seen:
        """A button of a card that the app sent."""
        card = sent.body["template_card"]
        return await self.deliver(
            self.event(
                "template_card_event",
                str(card["button_list"][button]["key"]),
                TaskId=str(card["task_id"]),
                CardType=str(card["card_type"]),
                ResponseCode=sent.response_code,
            )
        )

    async def verifies(self) -> tuple[str, str]:
        """The check of the URL that the console makes: what was asked, and what was answered."""
        echo = str(secrets.randbits(60))
        sealed = self._envelope.seal(echo.encode(), str(int(self.clock())), self._nonce())
        query = {
            "msg_signature": sealed.signature,
            "timestamp": sealed.timestamp,
            "nonce": sealed.nonce,
            "echostr": sealed.encrypt,
        }
        async with self.session.get(self.url, params=query) as response:
            return echo, await response.text()

    # --- what WeCom makes of it ------------------------------------------------------------------------------

    def webhook(self, msg_type: str, **fields: Json) -> Webhook:
        """A message of any MsgType, with an id of its own."""
        return self._webhook(msg_type, fields | {"MsgId": next(self.ids)})

    def event(self, event: str, key: str = "", **more: Json) -> Webhook:
        return self._webhook("event", {"Event": event, "EventKey": key} | more)

    def _webhook(self, msg_type: str, fields: Mapping[str, Json]) -> Webhook:
        every: dict[str, Json] = {
            "ToUserName": self.account.corp_id,
            "FromUserName": self.userid,
            "CreateTime": int(self.clock()),
            "MsgType": msg_type,
            **fields,
            "AgentID": self.account.agent_id,
        }
        return Webhook(every, to_xml(every))

    async def deliver(self, webhook: Webhook) -> Seen:
        """Post until it is answered with 200, as WeCom does: three times, five seconds apart."""
        posts: list[Post] = []
        for _ in range(POSTS):
            began = time.monotonic()
            posts.append(await self.post(webhook))
            if posts[-1].status == 200:
                return self._seen(tuple(posts))
            if len(posts) < POSTS:
                await asyncio.sleep(max(0.0, CUT_S / self.speed - (time.monotonic() - began)))
        return Seen(tuple(posts), failed=f"{POSTS} POSTs failed, the last with HTTP {posts[-1].status}")

    async def post(self, webhook: Webhook) -> Post:
        """One POST, freshly sealed, cut after five seconds."""
        query, body = self.request(webhook)
        began = time.monotonic()
        limit = aiohttp.ClientTimeout(total=CUT_S / self.speed)
        try:
            async with self.session.post(
                self.url, params=query, data=body, headers={"Content-Type": "text/xml"}, timeout=limit
            ) as response:
                return Post(response.status, await response.read(), time.monotonic() - began)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return Post(0, b"", time.monotonic() - began)

    def request(self, webhook: Webhook) -> tuple[dict[str, str], bytes]:
        """The query and the body of one POST."""
        sealed = self._envelope.seal(webhook.body.encode(), str(int(self.clock())), self._nonce())
        query = {"msg_signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
        outer = {"ToUserName": self.account.corp_id, "AgentID": self.account.agent_id, "Encrypt": sealed.encrypt}
        return query, to_xml(outer).encode()

    def _nonce(self) -> str:
        return str(secrets.randbelow(10**10))

    @property
    def _envelope(self) -> Envelope:
        key = self.account.encoding_aes_key.get_secret_value()
        return Envelope(self.account.token.get_secret_value(), [key], self.account.corp_id)

    # --- the answer ------------------------------------------------------------------------------------------

    def _seen(self, posts: tuple[Post, ...]) -> Seen:
        body = posts[-1].body
        if not body:
            return Seen(posts)
        try:
            fields = self.read(body)
        except (BadEnvelope, Malformed) as error:
            return Seen(posts, failed=str(error))
        if said(fields, "ToUserName") != self.userid or said(fields, "FromUserName") != self.account.corp_id:
            return Seen(posts, failed="the answer is not from the company to the member")
        cut = said(fields, "Content").encode()[:MAX_TEXT_BYTES].decode("utf-8", "replace")
        return Seen(posts, fields | ({"Content": cut} if cut else {}))

    def read(self, body: bytes) -> Fields:
        """The fields of a passive answer. Raises `BadEnvelope`, `Malformed`."""
        return read_fields(self._envelope.open(read_sealed(read_fields(body))).message)
