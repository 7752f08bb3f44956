"""The whole application, put together as `run` does it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.app import make_app, open_store, secrets_of
from bot.mongo import MongoStore
from bot.simulate.wechat import WeChatPhone
from bot.sqlite import SqliteStore
from bot.work import Bot
from config.credentials import Credentials
from config.settings import Settings
from config.source import BadProject
from tests.delivery.desk import Counter, Effects, account, understand

TEMPLATE = Path(__file__).parents[2] / "config" / "template"


async def test_health_metrics_and_webhooks_are_served(tmp_path: Path) -> None:
    wechat = account(False)
    bot = Bot(understand, Counter(), Effects(), UTC)
    app = await make_app(tmp_path, Settings(), Credentials(wechat={"shop": wechat}), bot=bot)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession() as session:
            phone = WeChatPhone(f"{base}/webhooks/wechat/shop", wechat, session)
            assert (await phone.says("甲")).text == "1:甲"
            assert (await phone.verifies()).isdigit()
            for path in ("/healthz", "/readyz"):
                async with session.get(base + path) as response:
                    assert response.status == 200
            async with session.get(base + "/metrics") as response:
                assert 'yingda_turns_total{channel="wechat",intent="say",outcome="ok"} 1.0' in await response.text()
    finally:
        await runner.cleanup()


def test_the_store_is_where_the_setting_or_the_project_says(tmp_path: Path) -> None:
    chosen = open_store(tmp_path, Settings())
    assert isinstance(chosen, SqliteStore)
    assert chosen.path == tmp_path / ".yingda" / "yingda.db"
    assert isinstance(open_store(tmp_path, Settings(store=f"sqlite:///{tmp_path}/x.db")), SqliteStore)
    (tmp_path / "endpoints.yml").write_text("tracker_store: {type: mongod, url: 'mongodb://127.0.0.1:1', db: x}\n")
    assert isinstance(open_store(tmp_path, Settings()), MongoStore)
    (tmp_path / "endpoints.yml").write_text("tracker_store:\n  type: redis\n")
    with pytest.raises(BadProject, match=r"endpoints\.yml:2: no store of type 'redis'"):
        open_store(tmp_path, Settings())
    with pytest.raises(BadProject, match="YINGDA_STORE"):
        open_store(tmp_path, Settings(store="redis://x"))


@pytest.mark.parametrize("wrong", [{"trusted_proxies": "nobody"}, {"alert_url": "http://x/y"}])
async def test_a_wrong_setting_is_named(tmp_path: Path, wrong: dict[str, str]) -> None:
    bot = Bot(understand, Counter(), Effects(), UTC)
    with pytest.raises(BadProject, match=f"YINGDA_{next(iter(wrong)).upper()}"):
        await make_app(tmp_path, Settings(**wrong), bot=bot)  # type: ignore[arg-type]


def test_every_secret_is_known_to_the_log() -> None:
    secrets = secrets_of(Settings(console_token=SecretStr("c0nsole")), Credentials(wechat={"a": account(True)}))
    assert {"c0nsole", "secret-of-the-desk", "token-of-the-desk"} <= set(secrets)


def test_a_service_that_had_to_train_is_as_small_as_one_that_had_not(tmp_path: Path) -> None:
    project = tmp_path / "bot"
    shutil.copytree(TEMPLATE, project, ignore=shutil.ignore_patterns(".yingda", "__pycache__"))
    code = (
        "import gc, sys; from pathlib import Path; from bot.app import load_bot; from config.settings import Settings\n"
        "assert load_bot(Path(sys.argv[1]), Settings()).version\n"
        "assert 'sklearn' not in sys.modules and 'scipy' not in sys.modules\n"
        "assert gc.get_freeze_count() > 10_000"
    )
    done = subprocess.run([sys.executable, "-c", code, str(project)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
