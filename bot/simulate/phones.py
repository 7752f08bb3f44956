"""The phones of every channel that can be played: `PHONES[channel]`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from adapters.message import Json
from bot.simulate.bubbles import Bubble, Tap, of_card, of_dingtalk, of_dingtalk_card, of_feishu, of_message, of_passive
from bot.simulate.dingtalk import Callbacks, DingTalkGateway, DingTalkPhone, Wire
from bot.simulate.dingtalk_api import DingTalkApi
from bot.simulate.feishu import FeishuApi
from bot.simulate.phone import FAILED, Phone, made_key, made_token
from bot.simulate.wechat import FAILURE, Seen, Webhook, WeChatPhone
from bot.simulate.wechat_api import WeChatApi
from bot.simulate.wecom import WeComPhone
from bot.simulate.wecom_api import WeComApi
from bot.simulate.wecom_bot import ANSWERS, GREETINGS, WeComBotPhone
from bot.simulate.wecom_bot_gateway import WeComBotGateway
from bot.simulate.wecom_bot_rules import Shown as BotShown
from bot.simulate.wecom_kf import WeComKfApi

AMR = b"#!AMR\n"


class _Passive(Phone):
    """A vendor that posts XML and may be answered in place."""

    passive = True
    _phone: WeChatPhone | WeComPhone

    def __post_init__(self) -> None:
        super().__post_init__()
        self._answers: list[Bubble] = []

    def _set(self) -> None:
        self._phone.url, self._phone.speed = self.webhook, self.speed

    async def _deliver(self, webhook: Webhook) -> str:
        self._set()
        failed = ""
        for _ in range(self.repeat):
            failed = self._answered(await self._phone.deliver(webhook))
        return failed

    def _answered(self, seen: Seen) -> str:
        id = f"answer{len(self._answers)}"
        if seen.reply:
            self._answers.append(of_passive(id, seen.reply))
        elif seen.failed and isinstance(self._phone, WeChatPhone):
            self._answers.append(Bubble(id, "notice", FAILURE, failed=True))
        return seen.failed

    async def says(self, text: str) -> str:
        return await self._deliver(self._phone.webhook("text", Content=text))

    async def shows(self, picture: bytes, url: str) -> str:
        return await self._deliver(self._phone.webhook("image", PicUrl=url, MediaId="image-1"))

    async def enters(self) -> str:
        return await self.does("subscribe")

    async def does(self, event: str, key: str = "") -> str:
        return await self._deliver(self._phone.event(event, key))


class WeChatDesk(_Passive):
    channel, vendor, sends, who = "wechat", "WeChat", ("send",), "oSimulatedCustomer"

    @classmethod
    def keys(cls) -> dict[str, Any]:
        named = {"app_id": "wx0000000000000001", "app_secret": made_token(), "mode": "safe"}
        return named | {"token": made_token(), "encoding_aes_key": made_key()}

    async def _start(self, stack: AsyncExitStack) -> None:
        account = self.account
        self._api = WeChatApi(account.app_id, account.app_secret.get_secret_value(), **self._where)
        self._api.middlewares = (self.wire.watch,)
        await stack.enter_async_context(self._api)
        self._found_at(self._api.url)
        session = await stack.enter_async_context(self.wire.session())
        self._phone = WeChatPhone(self.webhook, self.account, session, self.person, api=self._api)

    @property
    def api(self) -> WeChatApi:
        return self._api

    async def speaks(self, recognition: str) -> str:
        more = {"MediaId": "voice-1", "Format": "amr", "Recognition": recognition}
        return await self._deliver(self._phone.webhook("voice", **more))

    async def taps(self, bubble: Bubble, tap: Tap) -> str:
        return await self._deliver(self._phone.webhook("text", Content=tap.title, bizmsgmenuid=tap.key))

    def bubbles(self) -> list[Bubble]:
        sent = self._api.sent_to(self.person)
        return self._answers + [of_message(f"push{n}", one.body) for n, one in enumerate(sent)]


class WeComDesk(_Passive):
    channel, vendor, sends, who = "wecom", "WeCom", ("message/send",), "ZhangSan"

    @classmethod
    def keys(cls) -> dict[str, Any]:
        named = {"corp_id": "ww0000000000000001", "agent_id": 1000002, "secret": made_token()}
        return named | {"token": made_token(), "encoding_aes_key": made_key()}

    async def _start(self, stack: AsyncExitStack) -> None:
        account = self.account
        secret = account.secret.get_secret_value()
        self._api = WeComApi(account.corp_id, secret, account.agent_id, **self._where)
        self._api.middlewares = (self.wire.watch,)
        self._api.media["voice-1"] = AMR
        await stack.enter_async_context(self._api)
        self._found_at(self._api.url)
        session = await stack.enter_async_context(self.wire.session())
        self._phone = WeComPhone(self.webhook, self.account, session, self.person)

    @property
    def api(self) -> WeComApi:
        return self._api

    async def shows(self, picture: bytes, url: str) -> str:
        self._api.media["image-1"] = picture
        return await super().shows(picture, url)

    async def speaks(self, recognition: str) -> str:
        """WeCom's apps get no recognition."""
        return await self._deliver(self._phone.webhook("voice", MediaId="voice-1", Format="amr"))

    async def taps(self, bubble: Bubble, tap: Tap) -> str:
        sent = self._api.sent[int(bubble.id.removeprefix("push"))]
        card = sent.body["template_card"]
        told = {"TaskId": card["task_id"], "CardType": card["card_type"], "ResponseCode": sent.response_code}
        return await self._deliver(self._phone.event("template_card_event", tap.key, **told))

    def bubbles(self) -> list[Bubble]:
        sent = enumerate(self._api.sent)
        return self._answers + [of_message(f"push{n}", one.body) for n, one in sent if one.to == self.person]


class WeComBotDesk(Phone):
    """By webhook or, where the account says so, by WebSocket."""

    channel, vendor, groups, who = "wecom_bot", "WeCom", True, "zhangsan"
    bases = ()

    @classmethod
    def keys(cls) -> dict[str, Any]:
        return {"name": "客服", "token": made_token(), "encoding_aes_key": made_key()}

    async def _start(self, stack: AsyncExitStack) -> None:
        self._seen: list[BotShown] = []
        self._gateway: WeComBotGateway | None = None
        if self.account.mode == "websocket":
            account = self.account
            secret = account.secret.get_secret_value()
            self._gateway = WeComBotGateway(account.bot_id, secret, **self._where)
            await stack.enter_async_context(self._gateway)
            self._found_at(self._gateway.url)
            return
        opened = WeComBotPhone.open(self.webhook, self.account, userid=self.person, middlewares=(self.wire.watch,))
        self._phone = await stack.enter_async_context(opened)
        self._phone.session = await stack.enter_async_context(self.wire.session())

    def _bases(self) -> tuple[str, ...]:
        return ("ws_url",) if self.account.mode == "websocket" else ()

    async def reached(self, timeout_s: float = 60.0) -> None:
        if self._gateway is not None:
            await self._gateway.connected(timeout_s=timeout_s)

    @property
    def _chat(self) -> str:
        return self.group or self.person

    def _addressed(self, text: str) -> dict[str, Json]:
        return {"msgtype": "text", "text": {"content": f"@{self.account.name} {text}" if self.group else text}}

    async def _deliver(self, content: Mapping[str, Json], *, url: bool = True) -> str:
        if self._gateway is not None:
            talk = await self._gateway.call(content, user=self.person, group=self.group)
            for _ in range(self.repeat - 1):
                await self._gateway.call(content, user=self.person, group=self.group, again=talk)
            return ""
        phone = self._phone
        phone.url, phone.speed, phone.group = self.webhook, self.speed, self.group
        body, allowed = phone.message(content, url=url), ANSWERS
        if content["msgtype"] == "event":
            allowed = GREETINGS if content["event"]["eventtype"] == "enter_chat" else frozenset()
        failed = ""
        for _ in range(self.repeat):
            failed = (await phone.deliver(body, allowed)).failed
        return failed

    async def says(self, text: str) -> str:
        if self.group and not self.mention:  # WeCom tells an AI bot only of what names it
            return ""
        return await self._deliver(self._addressed(text))

    async def shows(self, picture: bytes, url: str) -> str:
        if self._gateway is not None:
            await self._gateway.sends("image", picture, user=self.person)
            return ""
        return await self._deliver({"msgtype": "image", "image": {"url": self._phone.put(picture)}})

    async def speaks(self, recognition: str) -> str:
        return await self._deliver({"msgtype": "voice", "voice": {"content": recognition}})

    async def enters(self) -> str:
        return await self._event("enter_chat", {}, url=False)

    async def taps(self, bubble: Bubble, tap: Tap) -> str:
        card = self._cards[bubble.id]
        if self._gateway is not None:
            await self._gateway.taps(card, tap.key, user=self.person)
            return ""
        told = {"card_type": card.card["card_type"], "event_key": tap.key, "task_id": card.card.get("task_id", "")}
        return await self._event("template_card_event", told)

    async def _event(self, kind: str, told: Mapping[str, Json], *, url: bool = True) -> str:
        event = {"eventtype": kind, kind: dict(told)}
        return await self._deliver({"msgtype": "event", "create_time": int(time.time()), "event": event}, url=url)

    def bubbles(self) -> list[Bubble]:
        if self._gateway is not None:
            shown = {f"shown{n}": one for n, one in enumerate(self._gateway.shown[self._chat])}
        else:
            answers = [(n, one) for n, seen in enumerate(self._phone.seen) for one in enumerate(seen.shown)]
            shown = {f"answer{n}-{place}": one for n, (place, one) in answers}
            shown |= {f"url{n}": one for n, one in enumerate(self._phone.received)}
        self._cards = shown
        found = [_of_bot(id, one) for id, one in shown.items()]
        return [bubble for bubble in found if bubble.words or bubble.growing]


def _of_bot(id: str, shown: BotShown) -> Bubble:
    if shown.card:
        return of_card(id, shown.card, shown.text)
    picture = f"[图片 {shown.images} 张]" if shown.images else ""
    text = "\n".join(part for part in (shown.text, picture) if part)
    return Bubble(id, "markdown", text or (f"[{shown.kind}]" if shown.media else ""), growing=not shown.finished)


class WeComKfDesk(Phone):
    channel, vendor, sends, who = "wecom_kf", "WeCom", ("send_msg", "send_msg_on_event"), "wmSimulatedCustomer"

    @classmethod
    def keys(cls) -> dict[str, Any]:
        named = {"corp_id": "ww0000000000000001", "secret": made_token(), "open_kfid": "wkSimulated"}
        return named | {"token": made_token(), "encoding_aes_key": made_key()}

    async def _start(self, stack: AsyncExitStack) -> None:
        session = await stack.enter_async_context(self.wire.session())
        self._api = WeComKfApi(account=self.account, session=session, middlewares=(self.wire.watch,), **self._where)
        await stack.enter_async_context(self._api)
        self._found_at(self._api.url)

    @property
    def api(self) -> WeComKfApi:
        return self._api

    async def _happens(self, act: Callable[[], Awaitable[int]]) -> str:
        self._api.webhook, self._api.speed = self.webhook, self.speed
        status = await act()
        for _ in range(self.repeat - 1):
            status = await self._api.signal()
        return _refused(status)

    async def says(self, text: str) -> str:
        return await self._happens(lambda: self._api.phone(self.person).says(text))

    async def taps(self, bubble: Bubble, tap: Tap) -> str:
        return await self._happens(lambda: self._api.phone(self.person).taps(tap.title, tap.key))

    async def shows(self, picture: bytes, url: str) -> str:
        self._api.media["image-1"] = picture
        return await self._happens(lambda: self._api.phone(self.person).sends("image", media_id="image-1"))

    async def speaks(self, recognition: str) -> str:
        """A customer's voice comes without recognition."""
        self._api.media["voice-1"] = AMR
        return await self._happens(lambda: self._api.phone(self.person).sends("voice", media_id="voice-1"))

    async def enters(self) -> str:
        return await self._happens(lambda: self._api.phone(self.person).enters())

    def bubbles(self) -> list[Bubble]:
        sent = [one for one in self._api.sent_to(self.person) if one.id not in self._api.recalled]
        return [of_message(one.id, one.body) for one in sent]


class DingTalkDesk(Phone):
    """By HTTP callbacks or by Stream, as the account says."""

    channel, vendor, groups, who = "dingtalk", "DingTalk", True, "staff1"
    bases, sends = ("api_base", "oapi_base", "gateway"), ("session", "user", "group", "create")

    @classmethod
    def keys(cls) -> dict[str, Any]:
        return {"client_id": "dingsimulated", "client_secret": made_token()}

    async def _start(self, stack: AsyncExitStack) -> None:
        secret = self.account.client_secret.get_secret_value()
        self._api = DingTalkApi(self.account.client_id, secret, middlewares=(self.wire.watch,), **self._where)
        await stack.enter_async_context(self._api)
        self._found_at(self._api.url)
        self._gateway: DingTalkGateway | None = None
        if self.account.mode == "stream":
            self._gateway = DingTalkGateway(self._api, on_frame=self.wire.frame)
            await stack.enter_async_context(self._gateway)
            wire: Wire = self._gateway
        else:
            session = await stack.enter_async_context(self.wire.session())
            self._callbacks = wire = Callbacks(self.webhook, self.account, session)
        self._phone = DingTalkPhone(self._api, wire, self.person)

    async def reached(self, timeout_s: float = 60.0) -> None:
        if (gateway := self._gateway) is not None:
            await gateway.wait_until(lambda: bool(gateway.open), timeout_s)

    @property
    def api(self) -> DingTalkApi:
        return self._api

    async def _happens(self, tell: Callable[[Wire], Awaitable[Json]]) -> str:
        if self._gateway is not None:
            self._gateway.speed = self.speed
        else:
            self._callbacks.url, self._callbacks.speed = self.webhook, self.speed
        answer = None
        for _ in range(self.repeat):
            answer = await tell(self._phone.wire)
        return FAILED if answer is None and self._gateway is None else ""

    async def _sends(self, kind: str, **more: Json) -> str:
        self._phone.group = self.group
        body = self._phone.message(kind, **more) | {"isInAtList": self.mention or not self.group}
        return await self._happens(lambda wire: wire.message(body))

    async def says(self, text: str) -> str:
        return await self._sends("text", text={"content": f" {text}" if self.group else text})

    async def shows(self, picture: bytes, url: str) -> str:
        self._api.files["image-1"] = picture
        return await self._sends("picture", content={"downloadCode": "image-1"})

    async def speaks(self, recognition: str) -> str:
        self._api.files["voice-1"] = AMR
        return await self._sends(
            "audio", content={"downloadCode": "voice-1", "recognition": recognition, "duration": 2000}
        )

    async def enters(self) -> str:
        """Opening a chat with a robot tells it nothing."""
        return ""

    async def taps(self, bubble: Bubble, tap: Tap) -> str:
        if bubble.id not in self._api.cards:
            return await self.says(tap.key or tap.title)
        return await self._happens(lambda _: self._phone.taps(bubble.id, tap.title))

    def bubbles(self) -> list[Bubble]:
        found = []
        for n, one in enumerate(self._api.chats[self.group or self.person]):
            if one.key and one.key in self._api.recalled:
                continue
            if card := self._api.cards.get(one.key):
                found.append(of_dingtalk_card(one.key, card.data, not card.final))
            else:
                found.append(of_dingtalk(f"{self.group or 'chat'}{n}", one.kind, one.body))
        return found


class FeishuDesk(Phone):
    channel, vendor, groups, who = "feishu", "Feishu", True, "ou_simulated"
    sends = ("send", "reply")

    @classmethod
    def keys(cls) -> dict[str, Any]:
        named = {"app_id": "cli_simulated", "app_secret": made_token()}
        return named | {"verification_token": made_token(), "encrypt_key": made_token()}

    async def _start(self, stack: AsyncExitStack) -> None:
        session = await stack.enter_async_context(self.wire.session())
        self._api = FeishuApi(account=self.account, session=session, middlewares=(self.wire.watch,), **self._where)
        await stack.enter_async_context(self._api)
        self._found_at(self._api.url)

    @property
    def api(self) -> FeishuApi:
        return self._api

    async def _happens(self, act: Callable[[], Awaitable[int]]) -> str:
        self._api.webhook, self._api.speed = self.webhook, self.speed
        return _refused(await act())

    async def says(self, text: str) -> str:
        return await self._happens(lambda: self._api.says(self.person, text, self.group, mention=self.mention))

    async def taps(self, bubble: Bubble, tap: Tap) -> str:
        shown = next(one for one in self._api.shown if one.id == bubble.id)
        return await self._happens(lambda: self._api.taps(self.person, shown, int(tap.key)))

    async def shows(self, picture: bytes, url: str) -> str:
        self._api.media["image-1"] = picture
        return await self._happens(lambda: self._api.sends(self.person, "image", {"image_key": "image-1"}, self.group))

    async def speaks(self, recognition: str) -> str:
        """Feishu sends the sound alone."""
        self._api.media["voice-1"] = AMR
        content = {"file_key": "voice-1", "duration": 2000}
        return await self._happens(lambda: self._api.sends(self.person, "audio", content, self.group))

    async def enters(self) -> str:
        return await self._happens(lambda: self._api.enters(self.person))

    def bubbles(self) -> list[Bubble]:
        shown = [one for one in self._api.shown_in(self.group or self.person) if one.id not in self._api.recalled]
        return [of_feishu(one.id, one.kind, one.content) for one in shown]


def _refused(status: int) -> str:
    return "" if status == 200 else f"{FAILED} (HTTP {status})" if status else FAILED


PHONES: Mapping[str, type[Phone]] = {
    desk.channel: desk for desk in (WeChatDesk, WeComDesk, WeComBotDesk, WeComKfDesk, DingTalkDesk, FeishuDesk)
}
