"""The vendor's own SDK before our gateway, in a process of its own: `python -m tests.simulate.wecom_sdk_client URL`.

What it hears and what comes of its answers is printed as JSON, a line each.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from wecom_aibot_sdk import WSClient


def tell(what: str, **more: Any) -> None:
    print(json.dumps({"what": what, **more}, ensure_ascii=False), flush=True)


class Quiet:
    def debug(self, *words: Any) -> None: ...

    info = warn = error = debug


async def main(url: str, bot_id: str, secret: str) -> None:
    client = WSClient(bot_id, secret, ws_url=url, logger=Quiet(), heartbeat_interval=100, reconnect_interval=20)
    gone = asyncio.Event()

    async def on_text(frame: dict[str, Any]) -> None:
        said = frame["body"]["text"]["content"]
        tell("heard", text=said, chattype=frame["body"]["chattype"])
        if said == "发文件":
            media = await client.upload_media(b"PDF" * 200_000, type="file", filename="a.pdf")
            await client.reply_media(frame, "file", media["media_id"])
            return
        if said == "主动":
            await client.send_message("zhangsan", {"msgtype": "markdown", "markdown": {"content": "**到了**"}})
            return
        try:
            await client.reply_stream(frame, "S1", "您好")
            await client.reply_stream(frame, "S1", "您好，请说", finish=True)
        except Exception as error:
            tell("refused", why=str(error))

    async def on_enter(frame: dict[str, Any]) -> None:
        await client.reply_welcome(frame, {"msgtype": "text", "text": {"content": "欢迎"}})

    async def on_tap(frame: dict[str, Any]) -> None:
        told = frame["body"]["event"]["template_card_event"]
        tell("tapped", key=told["event_key"])
        card = {"card_type": "text_notice", "main_title": {"title": "已选"}, "task_id": told["task_id"],
                "card_action": {"type": 1, "url": "https://example.com"}}  # fmt: skip
        await client.update_template_card(frame, card)

    async def on_file(frame: dict[str, Any]) -> None:
        file = frame["body"]["file"]
        got = await client.download_file(file["url"], file["aeskey"])
        tell("file", text=got["buffer"].decode())

    def on_error(error: Exception) -> None:
        tell("error", why=str(error))

    def on_thrown_out(frame: dict[str, Any]) -> None:
        tell("thrown out")
        gone.set()

    client.on("authenticated", lambda: tell("authenticated"))
    client.on("message.text", on_text).on("message.file", on_file)
    client.on("event.enter_chat", on_enter).on("event.template_card_event", on_tap)
    client.on("event.disconnected_event", on_thrown_out).on("error", on_error)
    await client.connect()
    await gone.wait()
    await asyncio.sleep(0.3)  # a reconnection would show by now
    tell("end")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
