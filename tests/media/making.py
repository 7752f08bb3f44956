"""A bot that shows and sees files, served as `run` serves it, before a simulated WeChat."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

import aiohttp
from aiohttp import web
from PIL import Image as Pillow

from adapters.channel import MediaKind
from adapters.message import Image, Reply, Text, Video, Voice
from bot.app import SERVICE, make_app
from bot.media.media import Media
from bot.media.recognize import Recognizer
from bot.simulate.wechat import WeChatApi, WeChatPhone
from bot.ways import Times
from bot.work import Bot
from config.credentials import Credentials, Rest
from config.settings import Settings
from flows.state import Actions, Dialogue, Heard, Outcome
from tests.delivery.desk import ACCOUNT, Effects, understand

AMR = b"#!AMR\n" + bytes([0x3C, *([7] * 31)]) * 100
"""Two seconds of twelve-kilobit frames."""


def picture(width: int = 40, height: int = 30, kind: str = "PNG", *, noise: bool = False) -> bytes:
    made = Pillow.effect_noise((width, height), 120.0) if noise else Pillow.new("RGB", (width, height), "orange")
    out = io.BytesIO()
    made.save(out, kind)
    return out.getvalue()


class Shows:
    """A `Dialect`: `图 URL`, `声 URL` and `片 URL THUMB` are answered with that file, anything else with what was
    heard; with `看`, of a picture, with what its bytes are."""

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        text = heard.meaning.text
        word, _, rest = text.partition(" ")
        said: dict[str, Callable[[], Reply]] = {
            "图": lambda: Image(url=rest, alt="示意图"),
            "声": lambda: Voice(url=rest),
            "片": lambda: Video(url=rest.partition(" ")[0], thumb=rest.partition(" ")[2], title="教程"),
        }
        if word in said and rest:
            return Outcome(dialogue, (said[word](),))
        if not text and heard.fetch is not None:
            blob = await heard.fetch()
            text = f"{blob.content_type} {len(blob.data)}"
        return Outcome(dialogue, (Text(f"听到：{text}"),))


@dataclass
class Shop:
    """A server of the shop's own files, which counts how often each is fetched."""

    files: dict[str, bytes] = field(default_factory=dict)
    hits: list[str] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.hits.append(request.path)
        data = self.files.get(request.path)
        return web.Response(status=404) if data is None else web.Response(body=data, content_type="text/html")


@dataclass
class Place:
    media: Media
    api: WeChatApi
    shop: Shop
    phone: WeChatPhone
    base: str
    session: aiohttp.ClientSession


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def place(
    project: Path,
    *,
    push: bool = True,
    rest: bool = False,
    times: Times | None = None,
    own: Mapping[MediaKind, Recognizer] | None = None,
    **settings: object,
) -> AsyncIterator[Place]:
    shop = Shop()
    app = web.Application()
    app.router.add_route("GET", "/{tail:.*}", shop.answer)
    async with (
        listening(app) as shop.url,
        WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value(), strict_media=True) as api,
        aiohttp.ClientSession() as session,
    ):
        account = ACCOUNT.model_copy(update={"push": push, "api_base": api.url})
        bot = Bot(understand, Shows(), Effects(), UTC, recognizers=own or {})
        allowed = {"media_allow": shop.url.removeprefix("http://"), **settings}
        made = await make_app(
            project,
            Settings(**allowed),
            Credentials(wechat={"main": account}, rest=Rest() if rest else None),
            bot=bot,
            times=times,
        )  # type: ignore[arg-type]
        async with listening(made) as base:
            media = made[SERVICE].media
            assert media is not None
            phone = WeChatPhone(f"{base}/webhooks/wechat/main", account, session, api=api)
            yield Place(media, api, shop, phone, base, session)
