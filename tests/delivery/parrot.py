"""A made-up vendor that has everything: `ParrotVendor` is its server, `Parrot` the codec of an account there."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from adapters.channel import (
    Answer,
    Exchange,
    Frame,
    Judgement,
    Limits,
    LinkTerms,
    Messages,
    Outgoing,
    Parsed,
    Pull,
    Pulled,
    Rate,
    Refresh,
    Reject,
    Request,
    Route,
    Token,
)
from adapters.degrade import fit
from adapters.message import Address, Message, Reply, Text
from adapters.transport import HttpTransport
from bot.line import Lines
from bot.links import LinkTimes
from bot.receive import Webhook
from bot.service import Service
from bot.store import Store
from bot.turn import Turn
from bot.ways import Outlet, Times
from bot.work import Bot
from tests.delivery.desk import Counter as Engine
from tests.delivery.desk import Effects, understand

SPEED = 10.0
LIMITS = Limits(shows=frozenset({"text"}), text_bytes=200, passive_s=5.0, passive_messages=1)


@dataclass
class Parrot:
    """Not frozen: a test sets what the account may do."""

    base: str
    account: str = "main"
    name: str = "parrot"
    ways: tuple[str, ...] = ("api",)
    limited: Callable[[Route], tuple[Rate, ...]] = lambda route: ()
    stream_s: float = 30.0
    most_open: int = 0
    sources: tuple[str, ...] = ()
    link_terms: LinkTerms | None = None
    limits: Limits = LIMITS
    push_limits: Limits = LIMITS
    count: int = 0

    @property
    def token_key(self) -> str:
        return f"parrot/{self.account}"

    def parse(self, request: Request, now: float) -> Parsed:
        said = orjson.loads(request.body)
        address = Address("parrot", self.account, said["user"], said["user"])
        if "poll" in said:
            return Refresh(address, said["poll"], Route("passive", {"stream": said["poll"]}))
        if "signal" in said:
            return Pull(said["signal"])
        return Messages((self.message(said),), Route("passive", {"stream": said["id"]}))

    def message(self, said: Mapping[str, Any]) -> Message:
        address = Address("parrot", self.account, said["user"], said["user"])
        return Message(said["id"], address, Text(said["text"]), said["at"], sender=said["user"], raw=dict(said))

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        texts = [reply.text for reply in fit(replies, self.limits) if isinstance(reply, Text)]
        if route.kind == "passive":
            return [_json({"finished": True, "text": "\n".join(texts)})]
        way, out = route.data["way"], []
        for text in texts:
            self.count += 1
            url = f"link:{self.account}-{self.count}" if way == "link" else f"{self.base}/{way}"
            body = {"send": url, "way": way, "to": route.data["to"], "text": text, "part": route.data.get("part")}
            out.append(_json(body, url))
        return out

    def push_routes(self, address: Address, message: Message | None, now: float) -> tuple[Route, ...]:
        came = message.id if message else "none"
        data = {"to": address.user}
        own = {"hook": {"of": came}, "window": {"of": came}}
        return tuple(Route("push", {"way": way, **data, **own.get(way, {})}) for way in self.ways)

    def rates(self, route: Route) -> tuple[Rate, ...]:
        return self.limited(route)

    def token_request(self) -> Outgoing:
        return _json({}, f"{self.base}/token")

    def token_of(self, body: bytes, now: float) -> Token | Judgement:
        return Token(orjson.loads(body)["token"], now + 7200)

    def with_token(self, outgoing: Outgoing, token: str) -> Outgoing:
        return replace(outgoing, url=f"{outgoing.url}?token={token}")

    def judge(self, status: int, body: bytes) -> Judgement:
        said = orjson.loads(body)
        return Judgement(
            said.get("verdict", "ok"), said.get("reason", ""), said.get("code", ""), said.get("receipt", "")
        )

    def unfinished(self, said: str, route: Route) -> Outgoing | None:
        return _json({"finished": False, "text": said})

    def recall(self, receipt: str, route: Route) -> Exchange[None]:
        answer: Answer = yield _json({"receipt": receipt, "way": route.data["way"]}, f"{self.base}/recall")
        judged = self.judge(answer.status, answer.body)
        return None if judged.verdict == "ok" else judged

    def pull(self, source: str, token: str, cursor: str, now: float) -> Exchange[Pulled]:
        answer: Answer = yield _json({"source": source, "cursor": cursor}, f"{self.base}/pull")
        page = orjson.loads(answer.body)
        if "verdict" in page:
            return Judgement(page["verdict"], page["reason"])
        said = tuple(self.message(each) for each in page["messages"])
        return Pulled(said, page["cursor"], page["more"], page.get("owners", {}))

    # --- the link

    def dial(self) -> Exchange[str]:
        yield from ()
        return f"{self.base.replace('http', 'ws')}/ws"

    def greeting(self) -> Outgoing | None:
        return _json({"send": "link:hello", "hello": self.account}, "link:hello")

    def ping(self) -> Outgoing | None:
        return _json({"send": "link:ping", "ping": True}, "link:ping")

    def read(self, frame: str, now: float) -> Frame:
        said = orjson.loads(frame)
        match said:
            case {"word": word, **rest}:
                given = Judgement(rest["verdict"], rest.get("reason", ""), "", rest.get("receipt", ""))
                return Frame(word=(word, given))
            case {"then": then}:
                return Frame(then=then, reason="the vendor said so")
            case {"text": _}:
                parsed = Messages((self.message(said),), Route("push"))
                if said.get("once"):
                    return Frame(parsed)
                return Frame(parsed, answers=(orjson.dumps({"ack": said["id"]}).decode(),))
            case _:
                return Frame(Reject(400, "cannot be read"))


def _json(data: Mapping[str, Any], url: str = "") -> Outgoing:
    return Outgoing(orjson.dumps(data), "application/json", url)


@dataclass
class ParrotVendor:
    """The server: what it was sent, and what it is told to answer next. Not frozen: it is the vendor's memory."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    script: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    pages: list[dict[str, Any]] = field(default_factory=list)
    pulls: list[dict[str, Any]] = field(default_factory=list)
    recalled: list[str] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    frames: list[dict[str, Any]] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    token: str = "token-0"
    mute: bool = False
    deaf: bool = False
    silent: frozenset[str] = frozenset()
    url: str = ""

    @property
    def texts(self) -> list[str]:
        return [each["text"] for each in self.sent]

    async def answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.calls[name] += 1
        body = await request.json()
        if name == "token":
            await asyncio.sleep(0.05)
            self.token = f"token-{self.calls[name]}"
            return web.json_response({"token": self.token})
        if name == "pull":
            self.pulls.append(body)
            if self.script.get("pull"):
                return web.json_response(self.script["pull"].pop(0))
            at = int(body["cursor"] or 0)
            page = self.pages[at] if at < len(self.pages) else {"messages": [], "more": False}
            done = at < len(self.pages)
            return web.json_response({"more": at + 1 < len(self.pages), "cursor": str(at + done), **page})
        if self.script.get(name):
            return web.json_response(self.script[name].pop(0))
        if request.query.get("token") != self.token:
            return web.json_response({"verdict": "refresh", "reason": "stale", "code": "42001"})
        if name == "recall":
            self.recalled.append(f"{body['way']}/{body['receipt']}")
            return web.json_response({"verdict": "ok"})
        self.sent.append(body)
        return web.json_response({"verdict": "ok", "receipt": f"r{len(self.sent)}"})

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(autoping=not self.deaf)
        await ws.prepare(request)
        self.sockets.append(ws)
        async for received in ws:
            if received.type is not aiohttp.WSMsgType.TEXT:
                continue
            frame = orjson.loads(received.data)
            self.frames.append(frame)
            name = frame.get("send", "").removeprefix("link:")
            if "text" in frame:
                self.sent.append(frame)
            if name and not self.deaf and not (self.mute and "text" in frame):
                given = (self.script.get(name) or self.script.get("frame") or [{"verdict": "ok"}])[0]
                if self.script.get(name):
                    self.script[name].pop(0)
                await ws.send_json({"word": name, **given})
        return ws

    @property
    def open(self) -> list[web.WebSocketResponse]:
        return [ws for ws in self.sockets if not ws.closed]

    def frame(self, **what: Any) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if what.items() <= frame.items()]


@asynccontextmanager
async def vendor() -> AsyncIterator[ParrotVendor]:
    there = ParrotVendor()
    app = web.Application()
    app.router.add_get("/ws", there.socket)
    app.router.add_post("/{name}", there.answer)
    async with _serving(app) as url:
        there.url = url
        yield there


@asynccontextmanager
async def _serving(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass
class Cage:
    """A service with one parrot account, and how its customers speak to it."""

    service: Service
    channel: Parrot
    url: str
    alerts: list[tuple[str, str]]
    session: aiohttp.ClientSession

    @property
    def store(self) -> Store:
        return self.service.store

    async def post(self, **said: Any) -> Any:
        async with self.session.post(self.url, json=said) as response:
            body = await response.read()
            return orjson.loads(body) if body[:1] == b"{" else body

    async def says(self, text: str, name: str, user: str = "u", at: float = 1.0) -> Any:
        return await self.post(id=name, user=user, text=text, at=at)

    async def accept(self, text: str, name: str, user: str = "u", at: float = 1.0) -> Turn:
        """In by the back door: no response is open for it."""
        said = {"id": name, "user": user, "text": text, "at": at}
        return await self.service.inbox.accept(self.channel.message(said))


@asynccontextmanager
async def cage(store: Store, channel: Parrot, speed: float = SPEED, **more: Any) -> AsyncIterator[Cage]:
    """Serve `channel` over `store`, which is open."""
    alerts: list[tuple[str, str]] = []

    async def alert(what: str, text: str, of: str = "") -> None:
        alerts.append((what, text))

    async with aiohttp.ClientSession() as session:
        lines = Lines()

        async def connect(url: str) -> aiohttp.ClientWebSocketResponse:
            return await session.ws_connect(url, autoping=False)

        service = Service(
            store=store,
            bot=Bot(understand, more.pop("engine", Engine()), Effects(), UTC, "parrot"),
            fit=fit,
            outlets={("parrot", channel.account): Outlet(channel)},
            transport=HttpTransport(session, store, time.time, wires=lines),
            alert=alert,
            times=Times().faster(speed),
            link_times=LinkTimes().faster(speed * 5),
            lines=lines,
            connect=connect,
            jitter=lambda: 0.0,
            sweep_s=0.1,
            **more,
        )
        app = web.Application()
        hook = Webhook(
            channel, service.passive, service.inbox, service.metrics, service.log, service.own_clock,
            pull=service.puller.signal,
        )  # fmt: skip
        app.router.add_post("/hook", hook.answer)
        async with _serving(app) as url:
            await service.start()
            try:
                yield Cage(service, channel, f"{url}/hook", alerts, session)
            finally:
                await service.stop(2.0)


async def until(true: Callable[[], Any], seconds: float = 8.0) -> None:
    for _ in range(round(seconds / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to be")


async def settled(store: Store, turn_id: str, *status: str, seconds: float = 8.0) -> Turn:
    turn = None
    for _ in range(round(seconds / 0.02)):
        turn = await store.turn(turn_id)
        if turn is not None and turn.status in status:
            return turn
        await asyncio.sleep(0.02)
    raise AssertionError(f"{turn_id} is {turn and (turn.status, turn.error)}")
