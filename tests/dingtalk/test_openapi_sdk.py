"""Our DingTalk's OpenAPI is one that the vendor's own client takes for DingTalk."""

from __future__ import annotations

import asyncio
import json
import sys

from bot.simulate import DingTalkApi


async def test_the_vendors_client_gets_a_token_and_writes_to_a_person_and_a_group() -> None:
    async with DingTalkApi() as api:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.dingtalk.openapi_client", api.url.removeprefix("http://")),
            *(api.client_id, api.client_secret, api.client_id, "staff1", "cid1=="),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, err.decode()[-2000:]
        keys = json.loads(out)
        assert keys["user"]
        assert keys["group"]
        assert (await api.wait_for("staff1"))[0].text == "您好"
        assert "大家好" in (await api.wait_for("cid1=="))[0].text
