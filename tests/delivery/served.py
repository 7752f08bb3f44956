"""The desk's engine served as `run` serves a project: `python -m tests.delivery.served PROJECT PORT API_BASE`.

Several may share the port.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC
from pathlib import Path

from aiohttp import web

from bot.app import make_app, serve
from bot.ways import Times
from bot.work import Bot
from config.credentials import Credentials
from config.settings import Settings, load_settings
from tests.delivery.desk import Counter, Effects, account, understand

SPEED = 4.0


def main(project: str, port: str, api_base: str) -> None:
    async def make(project: Path, settings: Settings) -> web.Application:
        credentials = Credentials(wechat={"main": account(True, api_base)})
        bot = Bot(understand, Counter(), Effects(), UTC)
        return await make_app(project, settings, credentials, bot=bot, times=Times().faster(SPEED))

    def announce(url: str) -> None:
        print("serving", flush=True)

    settings = load_settings({"YINGDA_PORT": port, "YINGDA_LOG_LEVEL": "warning"})
    asyncio.run(serve(Path(project), settings, reuse_port=True, announce=announce, make=make))


if __name__ == "__main__":
    main(*sys.argv[1:])
