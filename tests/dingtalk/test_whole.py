"""What people of a company see: groups, cards, typed answers, events, media."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import orjson

from adapters.channel import Judgement, Route, Upload, Uploaded
from adapters.dingtalk import DingTalk
from adapters.message import Button, Card, Image, Text
from adapters.transport import MAX_ANSWER_BYTES, HttpTransport
from bot.simulate import DingTalkApi
from bot.sqlite import SqliteStore
from tests.dingtalk.desk import account, dingtalk

PICTURE = b"\x89PNG\r\n--x"
CARD_WAY = {"way": "group", "to": "staff1", "chat": "cid1==", "turn": "t1"}
LONG = "".join(f"第{n}条：您的订单已经发货。" for n in range(40))


async def test_in_a_group_only_what_mentions_the_robot_is_answered_and_the_answer_mentions_back(tmp_path: Path) -> None:
    async with dingtalk(tmp_path) as desk:
        phone = desk.phone(group="cid1==")
        await phone.says("今天吃什么", mentions=False)
        await phone.says("查订单")
        (shown,) = await desk.api.wait_for("cid1==")
        assert shown.text.startswith("@staff1 1:查订单")
        assert shown.body["at"]["atUserIds"] == ["staff1"]


async def test_members_of_a_group_have_conversations_of_their_own_or_one_together(tmp_path: Path) -> None:
    for session, second in (("member", "1:b"), ("shared", "2:b")):
        folder = tmp_path / session
        folder.mkdir()
        async with dingtalk(folder, group={"session": session, "mention_back": False}) as desk:
            await desk.phone(group="cid1==", user="u1").says("a")
            await desk.api.wait_for("cid1==", 1)
            await desk.phone(group="cid1==", user="u2").says("b")
            assert [each.text for each in await desk.api.wait_for("cid1==", 2)] == ["1:a", second]


async def test_the_check_of_the_events_url_and_events_are_answered_with_the_encrypted_word(tmp_path: Path) -> None:
    async with dingtalk(tmp_path, mode="http") as desk:
        assert await desk.callbacks.event("check_url", {}) == "success"
        assert await desk.callbacks.event("user_add_org", {"UserId": ["u1"], "CorpId": "c"}) == "success"
        assert desk.callbacks.statuses == [200, 200]


async def test_events_by_stream_are_taken_in_and_acknowledged(tmp_path: Path) -> None:
    async with dingtalk(tmp_path) as desk:
        assert await desk.gateway.event("chat_update_title", {"openConversationId": "cid1=="}) == "SUCCESS"


async def test_a_long_answer_is_typed_into_one_card_even_where_sending_it_fails_half_way(tmp_path: Path) -> None:
    async with dingtalk(tmp_path, ai_card_template_id="ai.schema") as desk:
        phone = desk.phone()
        desk.api.fail("stream", 503)
        await phone.says(LONG)
        await desk.api.wait_until(lambda: any(card.data.get("flowStatus") == "3" for card in desk.api.cards.values()))
        (card,) = desk.api.cards.values()
        assert card.data["content"] == f"1:{LONG}"
        assert card.final
        assert card.typed == sorted(card.typed, key=len)
        assert len(card.typed) > 3
        assert len(desk.api.chats[phone.chat]) == 1


def _buttons(desk_card: str) -> list[str]:
    return [each["text"] for each in orjson.loads(desk_card)]


async def test_a_tap_on_a_card_is_heard_as_its_payload_and_the_card_shows_what_was_chosen(tmp_path: Path) -> None:
    for mode in ("http", "stream"):
        folder = tmp_path / mode
        folder.mkdir()
        async with dingtalk(folder, mode=mode, card_template_id="card.schema") as desk:
            channel = desk.service.outlets["dingtalk", "main"].channel
            assert isinstance(channel, DingTalk)
            phone = desk.phone(group="cid1==")
            card = Card("要退款吗？", "退款", buttons=(Button("是的", "确认退款"), Button("看看", url="https://a.b/c")))
            (call,) = channel.render([card], Route("push", CARD_WAY))
            assert (await desk.service.transport.post(channel, call)).verdict == "ok"
            ((track, shown),) = desk.api.cards.items()
            assert _buttons(shown.data["buttons"]) == ["是的", "看看"]
            await phone.taps(track, "是的")
            assert shown.data["chosen"] == "是的"
            said = await desk.api.wait_for("cid1==", 2)
            assert said[-1].text == "1:确认退款"


async def test_files_go_up_and_come_down_and_messages_are_taken_back(tmp_path: Path) -> None:
    async with DingTalkApi() as api, aiohttp.ClientSession() as session:
        channel = DingTalk("main", account(api))
        store = SqliteStore(tmp_path / "store.db")
        await store.open()
        transport = HttpTransport(session, store, asyncio.get_running_loop().time)
        up = await transport.run(channel, channel.upload(Upload("image", "图.png", "image/png", PICTURE), 0.0))
        assert isinstance(up, Uploaded)
        assert api.files[up.media] == PICTURE
        assert await transport.run(channel, channel.download(Image(media=up.media))) == PICTURE
        api.files["huge"] = bytes(MAX_ANSWER_BYTES * 2)
        huge = await transport.run(channel, channel.download(Image(media="huge")))
        assert isinstance(huge, Judgement), "half a file is no file"
        gone = await transport.run(channel, channel.download(Image(media="nothing")))
        assert isinstance(gone, Judgement)
        assert gone.verdict == "dead"
        route = Route("push", {"way": "user", "to": "staff1"})
        (call,) = channel.render([Text("您好")], route)
        receipt = (await transport.post(channel, call)).receipt
        assert await transport.run(channel, channel.recall(receipt, route)) is None
        assert api.recalled == [receipt]
        again = await transport.run(channel, channel.recall("unknown", route))
        assert isinstance(again, Judgement)
        await store.close()
