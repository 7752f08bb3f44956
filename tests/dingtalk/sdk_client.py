"""DingTalk's own SDK as a client of our gateway: answers a text, types into an AI card, answers a tap.

`python -m tests.dingtalk.sdk_client CLIENT_ID CLIENT_SECRET`, with DINGTALK_OPENAPI_ENDPOINT set. A process of its own:
it reads the address when it is imported, and swallows cancellation.
"""

from __future__ import annotations

import sys

import dingtalk_stream
from dingtalk_stream import AckMessage


class Robot(dingtalk_stream.ChatbotHandler):  # type: ignore[misc]
    async def process(self, callback: dingtalk_stream.CallbackMessage) -> tuple[int, str]:
        message = dingtalk_stream.ChatbotMessage.from_dict(callback.data)
        said = message.text.content.strip()
        self.reply_text(f"sdk:{said}", message)
        if said == "卡片":
            card = dingtalk_stream.AICardReplier(self.dingtalk_client, message)
            track = await card.async_create_and_deliver_card("ai.schema", {"flowStatus": "1", "content": ""})
            for text in ("您", "您好", "您好。"):
                await card.async_streaming(track, "content", text, False, text.endswith("。"), False)
            await card.async_finish(track, {"content": "您好。"})
        return AckMessage.STATUS_OK, "OK"


class Events(dingtalk_stream.EventHandler):  # type: ignore[misc]
    async def process(self, event: dingtalk_stream.EventMessage) -> tuple[int, str]:
        return AckMessage.STATUS_OK, "OK"


class Taps(dingtalk_stream.CallbackHandler):  # type: ignore[misc]
    async def process(self, callback: dingtalk_stream.CallbackMessage) -> tuple[int, object]:
        tap = dingtalk_stream.CardCallbackMessage.from_dict(callback.data)
        return AckMessage.STATUS_OK, {"cardData": {"cardParamMap": {"chosen": tap.user_id}}}


def main(client_id: str, client_secret: str) -> None:
    client = dingtalk_stream.DingTalkStreamClient(dingtalk_stream.Credential(client_id, client_secret))
    client.register_all_event_handler(Events())
    client.register_callback_handler(dingtalk_stream.ChatbotMessage.TOPIC, Robot())
    client.register_callback_handler(dingtalk_stream.CallbackHandler.TOPIC_CARD_CALLBACK, Taps())
    client.start_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
