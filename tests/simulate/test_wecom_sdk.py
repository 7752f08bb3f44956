"""The vendor's SDK (PyPI wecom-aibot-sdk) as a client of our gateway: who can talk with it, can talk with WeCom."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.simulate import WeComBotGateway
from bot.simulate.wecom_bot_rules import Shown

pytest.importorskip("wecom_aibot_sdk", reason="wecom-aibot-sdk of requirements-dev.txt is not installed")
ROOT = Path(__file__).parents[2]
CARD = Shown("template_card", card={"card_type": "button_interaction", "task_id": "T1"})


class Sdk:
    """What the process with the SDK prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tells(self, what: str) -> dict[str, Any]:
        """The next line of that kind; those before it are passed over."""
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            while line := await self._process.stdout.readline():
                told: dict[str, Any] = json.loads(line)
                if told["what"] == what:
                    return told
        raise AssertionError(f"the SDK ended before it told of {what}")


@asynccontextmanager
async def sdk(gateway: WeComBotGateway, secret: str = "") -> AsyncIterator[Sdk]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.simulate.wecom_sdk_client", gateway.url, gateway.bot_id, secret or gateway.secret,
        stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    try:
        yield Sdk(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_the_sdk_subscribes_answers_greets_updates_uploads_and_downloads() -> None:
    async with WeComBotGateway() as gateway, sdk(gateway) as client:
        await client.tells("authenticated")
        await gateway.says("您好")
        assert (await client.tells("heard"))["text"] == "您好"
        (answer,) = await gateway.wait_for("zhangsan", 1)
        assert (answer.text, answer.stream) == ("您好，请说", "S1")
        await gateway.enters("lisi")
        assert (await gateway.wait_for("lisi", 1))[0].text == "欢迎"
        await gateway.says("发文件")
        _, file = await gateway.wait_for("zhangsan", 2)
        assert gateway.media[file.media] == b"PDF" * 200_000
        await gateway.says("主动")
        assert (await gateway.wait_for("zhangsan", 3))[2].text == "**到了**"
        gateway.shown["zhangsan"].append(CARD)
        await gateway.taps(CARD, "k1")
        assert (await client.tells("tapped"))["key"] == "k1"
        await gateway.sends("file", "合同".encode())
        assert (await client.tells("file"))["text"] == "合同"
        assert CARD.card["main_title"] == {"title": "已选"}
        await gateway.until(lambda: gateway.pings > 0)


async def test_the_sdk_is_told_that_its_answer_comes_too_late() -> None:
    async with WeComBotGateway() as gateway, sdk(gateway) as client:
        await client.tells("authenticated")
        gateway.refuse("aibot_respond_msg", 846608)
        await gateway.says("您好")
        assert "846608" in (await client.tells("refused"))["why"]


async def test_the_sdk_does_not_come_back_once_another_took_over() -> None:
    async with WeComBotGateway() as gateway, sdk(gateway) as first:
        await first.tells("authenticated")
        async with sdk(gateway) as second:
            await second.tells("authenticated")
            await first.tells("thrown out")
            await first.tells("end")
            assert gateway.subscriptions == 2


async def test_the_sdk_is_told_of_wrong_keys() -> None:
    async with WeComBotGateway() as gateway, sdk(gateway, "another") as client:
        assert "40001" in (await client.tells("error"))["why"]
        assert gateway.subscriptions == 0
