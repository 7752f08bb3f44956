"""A service around an engine whose every answer can be foretold: what the delivery and crash tests run.

`python -m tests.delivery.desk` serves it as a process of its own, to be killed; see `main`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from adapters.degrade import fit
from adapters.message import Image, Json, Text, Transfer
from adapters.robots import DingTalkRobot, WeComRobot
from adapters.transport import HttpTransport
from adapters.wechat import WeChat
from bot import faults
from bot.actions import Known
from bot.channels import robot_of
from bot.log import set_up
from bot.mongo import MongoStore
from bot.receive import Webhook
from bot.service import Service
from bot.simulate.wechat import WeChatPhone
from bot.sqlite import SqliteStore
from bot.store import Store
from bot.ways import Key, Outlet, Times
from bot.work import Bot
from config.credentials import Group, WeChatAccount
from flows.domain import Domain
from flows.responses import say_first
from flows.state import ActionFailed, Actions, Dialogue, Heard, Outcome, Result, Why
from nlu.meaning import Meaning

SPEED = 10.0
"""The vendor's five seconds are half a second here."""
LONG = "长" * 600
"""1800 bytes: two of it do not fit one body."""

ACCOUNT = WeChatAccount(
    app_id="wx1234567890abcdef",
    app_secret=SecretStr("secret-of-the-desk"),
    token=SecretStr("token-of-the-desk"),
    encoding_aes_key=SecretStr("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"),
    mode="safe",
)


def account(push: bool | str, api_base: str = "http://127.0.0.1:1") -> WeChatAccount:
    return ACCOUNT.model_copy(update={"push": push, "api_base": api_base})


class Counter:
    """A `Dialect` that counts: the n-th turn of a conversation is answered `n:what was said`. Words do more:
    `等0.3` takes so long, `做` and `查` run an action, `坏` raises, `长` says much, `图` says a picture after a text,
    `人` hands over, `说` says something first, `无` says nothing."""

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        text = heard.meaning.text
        n = int(dialogue.slots.get("n", 0)) + 1
        if wait := re.match(r"等([\d.]+)", text):
            await asyncio.sleep(float(wait[1]))
        if text.startswith("坏"):
            raise RuntimeError("the engine is broken")
        said = f"{n}:{text}"
        if text[:1] in ("做", "查"):
            name = {"做": "effect", "查": "look_up"}[text[0]]
            try:
                result = await actions.perform(name, {"text": text}, f"{name}#1", heard, dialogue.slots)
                said += f"={result.value}"
            except ActionFailed as failed:
                said += f"!{str(failed).partition(':')[0]}"
        flags: frozenset[str] = frozenset()
        replies: tuple[Json, ...] = (Text(said),)
        match text[:1]:
            case "长":
                replies = (Text(said), *(Text(f"{part}{LONG}") for part in (1, 2, 3)))
            case "图":
                replies = (Text(said), Image(media="picture-1"))
            case "人":
                replies, flags = (Transfer("请留言"),), frozenset({"handoff"})
            case "说":
                replies, flags = (Text(said), Transfer("请留言")), frozenset({"handoff"})
            case "无":
                replies = ()
        trace = (Why("counted", f"no. {n}"),)
        return Outcome(replace(dialogue, slots={**dialogue.slots, "n": n}), replies, trace=trace, flags=flags)


@dataclass(frozen=True)
class Effect:
    idempotent: bool


@dataclass
class Effects:
    """The desk's actions: each run leaves a line (its key's turn and name) in `file`, or in `runs`."""

    file: Path | None = None
    runs: list[str] = field(default_factory=list)
    failing: int = 0

    def find(self, name: str) -> Known | None:
        return {"effect": Effect(idempotent=False), "look_up": Effect(idempotent=True)}.get(name)

    async def perform(
        self, name: str, args: Mapping[str, Json], key: str, heard: Heard, slots: Mapping[str, Json]
    ) -> Result:
        self.runs.append(name)
        if self.file:
            with self.file.open("a") as lines:
                lines.write(f"{heard.turn} {name}\n")
        if self.failing:
            self.failing -= 1
            raise ActionFailed("the back office is closed")
        return Result({"text": args["text"]})


def understand(text: str, at: datetime) -> Meaning:
    if text.startswith("不懂"):
        raise ValueError("cannot be parsed")
    return Meaning(text, "say", 1.0)


@dataclass
class Desk:
    """A service that is being served."""

    service: Service
    url: str
    effects: Effects
    alerts: list[tuple[str, str]]
    session: aiohttp.ClientSession

    def phone(self, openid: str = "oCustomer", **more: object) -> WeChatPhone:
        channel = self.service.outlets["wechat", "main"].channel
        assert isinstance(channel, WeChat)
        return WeChatPhone(self.url, channel._settings, self.session, openid, speed=SPEED, **more)  # type: ignore[arg-type]


@asynccontextmanager
async def desk(
    store: Store,
    wechat: WeChatAccount,
    *,
    port: int = 0,
    speed: float = SPEED,
    effects: Effects | None = None,
    sweep_s: float = 0.1,
    own_clock: Callable[[], float] | None = None,
    group: Group | None = None,
    robot: WeComRobot | DingTalkRobot | None = None,
    **more: object,
) -> AsyncIterator[Desk]:
    """Serve `wechat` over `store`, which is open, with the vendor's time running `speed` times as fast. Alerts go to
    the group of `robot`, where there is one."""
    effects = effects or Effects()
    alerts: list[tuple[str, str]] = []
    told: set[tuple[str, str, str]] = set()

    async def alert(what: str, text: str, of: str = "") -> None:
        if not of or (what, text, of) not in told:  # as `Alert` asks for
            alerts.append((what, text))
        told.add((what, text, of))

    async with aiohttp.ClientSession() as session:
        channel = WeChat("main", wechat, window_s=0)
        clock = {"own_clock": own_clock} if own_clock else {}
        outlets: dict[Key, Outlet] = {("wechat", "main"): Outlet(channel, learns=wechat.push == "auto", group=group)}
        if robot is not None:
            outlets[robot.name, robot.account] = Outlet(robot)
        service = Service(
            store=store,
            bot=Bot(understand, Counter(), effects, UTC, "desk-1", say=partial(say_first, Domain())),
            fit=fit,
            outlets=outlets,
            transport=HttpTransport(session, store, asyncio.get_running_loop().time),
            alert=alert,
            alert_to=robot.address if robot else None,
            times=Times().faster(speed),
            jitter=lambda: 0.0,
            sweep_s=sweep_s,
            **clock,  # type: ignore[arg-type]
            **more,  # type: ignore[arg-type]
        )
        app = web.Application()
        hook = Webhook(channel, service.passive, service.inbox, service.metrics, service.log, service.own_clock)
        app.router.add_route("*", "/webhooks/wechat/main", hook.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
        await service.start()
        try:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/wechat/main"
            yield Desk(service, url, effects, alerts, session)
        finally:
            service.inbox.closed = True
            await runner.cleanup()
            await service.stop(2.0)


def store_at(url: str) -> Store:
    if url.startswith("mongodb://"):
        address, _, name = url.rpartition("#")
        return MongoStore(address, name)
    return SqliteStore(Path(url))


async def serve(
    url: str, port: int, push: bool, api_base: str, effects: Path, speed: float, alert_url: str = ""
) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    store = store_at(url)
    await store.open()
    robot = robot_of(alert_url) if alert_url else None
    async with desk(store, account(push, api_base), port=port, speed=speed, effects=Effects(effects), robot=robot):
        print("serving", flush=True)
        await stop.wait()
    await store.close()


def main() -> None:
    """Serve as the JSON object on the command line says; die where `YINGDA_FAULT` says."""
    faults.arm_from(os.environ)
    set_up("warning")
    given = json.loads(sys.argv[1])
    asyncio.run(serve(**{**given, "effects": Path(given["effects"])}))


if __name__ == "__main__":
    main()
