"""Whatever is said in whatever order: nothing raises, and what happened can be gone through again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.message import Custom, Event, File, Image, Location, Text, Voice
from flows.replay import Progress, replay
from flows.responses import Speaker
from flows.state import Dialogue, Result
from nlu.meaning import Entity, Intent, Meaning
from tests.flows.talk import ENGINE, INTENTS, Talk

LINES = (
    "我要退款", "DD1", "DD2", "DD9", "XX1", "DD1，质量不好", "质量不好", "是的", "不用了", "不对，是DD2",
    "订单号错了", "算了", "转人工", "再说一遍", "运费谁出", "查余额", "先帮我充100元", "我要充值", "9999元",
    "1", "2", "5", "微信", "/restart", "你好", "谢谢", "asdfghjk", "？", "评价", "改地址", "13800138000",
    "把那个订单退了", "物流到哪了", "跳过", "好的", "原因改成坏了", "/refund", '/refund{"order_id": "DD1"}',
    "/SetSlots(amount=3)", "/", "查余额，然后转人工",
)  # fmt: skip
CONTENTS = (
    Image("u"), Voice("m"), Voice("m", recognition="我要退款"), File("m"), Location(1.0, 2.0, "上海"), Custom(None),
    Event("subscribe"), Event("unsubscribe"), Event("click", "refund"), Event("click", ""), Event("odd"), Text(""),
)  # fmt: skip

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["from", "to"]), inner, max_size=2),
    max_leaves=3,
)
entities = st.builds(
    Entity,
    type=st.sampled_from(["order_id", "amount", "phone", "time", "number"]),
    text=st.text(max_size=5),
    value=json_values,
    start=st.just(0),
    end=st.just(0),
)
intents = st.sampled_from([name for name, _ in INTENTS] + ["nlu_fallback", "", "affirm", "deny", "cancel", "handoff"])
meanings = st.builds(
    Meaning,
    text=st.text(max_size=20) | st.sampled_from(LINES),
    intent=intents,
    confidence=st.floats(0, 1),
    ranking=st.lists(st.builds(Intent, intents, st.floats(0, 1)), max_size=3).map(tuple),
    entities=st.lists(entities, max_size=3).map(tuple),
)
talks = st.lists(st.sampled_from(LINES) | st.sampled_from(CONTENTS) | meanings, max_size=10)


async def no_action(*_: Any) -> Result:
    raise AssertionError("a replay called an action again")


async def again(dialogue: Dialogue) -> Progress:
    """The waiting frame replayed as it stands."""
    return await replay(dialogue.stack[-1], ENGINE, Speaker(ENGINE.domain), no_action)


@given(talks)
@settings(max_examples=150, deadline=None)
def test_no_talk_raises_and_each_turn_is_storable_and_replayable(lines: list[Any]) -> None:
    async def run() -> None:
        talk = Talk()
        for line in lines:
            await talk.says(line)
            outcome = talk.outcome
            stored = json.loads(json.dumps(outcome.dialogue.to_dict()))
            assert Dialogue.from_dict(stored) == outcome.dialogue
            if outcome.commands:
                assert outcome.replies or outcome.flags & {"completed"}
                assert outcome.trace
            if outcome.dialogue.stack:
                frame = outcome.dialogue.stack[-1]
                progress = await again(outcome.dialogue)
                assert progress.stop == "waiting"
                assert progress.frame == frame
                assert not progress.replies
                shown = {name: value for name, value in progress.slots.items() if value is not None}
                assert shown == dict(outcome.dialogue.slots)

    asyncio.run(run())


@given(talks)
@settings(max_examples=50, deadline=None)
def test_a_redo_of_every_turn_is_the_same_turn(lines: list[Any]) -> None:
    async def run() -> None:
        one, other = Talk(), Talk()
        for line in lines:
            await one.says(line)
            await other.says(line)
            assert one.outcome == other.outcome
            assert one.actions.called == other.actions.called

    asyncio.run(run())


REFUNDS = ("DD1", "DD2", "不对，是DD1", "不对，是DD2", "订单号错了", "质量不好", "是的")


@given(st.lists(st.sampled_from(REFUNDS), max_size=8))
@settings(max_examples=100, deadline=None)
def test_what_is_refunded_is_what_was_last_confirmed(lines: list[str]) -> None:
    async def run() -> None:
        talk = Talk()
        shown = await talk.says("我要退款")
        for line in lines:
            known = len(talk.actions.called)
            asked, shown = shown, await talk.says(line)
            for name, args in talk.actions.called[known:]:
                if name == "action_refund":
                    assert f"确认退{args['order_id']}，原因：{args['reason']}？" in asked

    asyncio.run(run())
