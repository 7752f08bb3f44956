"""Which way out a turn has, and in how many parts."""

from __future__ import annotations

import pytest

from adapters.degrade import fit
from adapters.message import Address, Content, Event, Image, Message, Reply, Text
from adapters.wechat import WeChat
from bot.parts import CONTINUE
from bot.simulate import WeChatApi
from bot.store import Store
from bot.turn import Turn
from bot.ways import Outlet, Ways
from tests.delivery.desk import ACCOUNT, account, desk

ADDRESS = Address("wechat", "main", "o1", "o1")
CHANNEL = WeChat("main", account(True), window_s=0)
WAYS = Ways({("wechat", "main"): Outlet(CHANNEL)}, fit, "worker", lambda: 0.0)


def pushed(content: Content, *replies: Reply) -> list[Reply]:
    message = Message("1", ADDRESS, content, 0.0)
    turn = Turn("1", ADDRESS.conversation, "message", ADDRESS, 0.0, message=message, replies=replies)
    route = WAYS.push_route(turn)
    assert route is not None
    return [reply for _, reply in WAYS.calls(turn, CHANNEL, route)[1]]


@pytest.mark.parametrize(("content", "parts"), [(Text("在吗"), 5), (Event("click", "K"), 2), (Event("subscribe"), 2)])
def test_texts_are_merged_where_what_the_customer_did_allows_fewer_pushes(content: Content, parts: int) -> None:
    said = [f"{n}{'长' * 200}" for n in range(5)]
    out = pushed(content, *map(Text, said))
    assert len(out) == parts
    assert "\n".join(part.text for part in out if isinstance(part, Text)) == "\n".join(said)


def test_pictures_stay_between_the_texts() -> None:
    picture = Image(media="m")
    out = pushed(Event("click", "K"), Text("一"), Text("二"), picture, Text("三"), Text("四"))
    assert out == [Text("一\n二"), picture, Text("三\n四")]


@pytest.mark.parametrize("push", [True, False])
async def test_who_wants_a_human_is_handed_over_and_reads_what_was_said_before(store: Store, push: bool) -> None:
    async with (
        WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()) as api,
        desk(store, account(push, api.url).model_copy(update={"transfer": True})) as served,
    ):
        phone = served.phone(api=api)
        first = await phone.says("说")
        if push:
            assert first.kind == "transfer_customer_service"
            assert [sent.text for sent in await api.wait_for(phone.openid)] == ["1:说"]
        else:
            assert first.text.startswith("1:说\n")
            assert (await phone.says(CONTINUE)).kind == "transfer_customer_service"
