"""The sample shop's own books: done once, kept, and apart for each customer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.message import Address, Json
from bot.talk.client import TALK_BEGINS
from flows.actions import Registry, load_actions
from flows.state import ActionFailed, Heard, Result
from nlu.meaning import Meaning
from tests.shop.conftest import CONFIG

ORDER = {"order_id": "DD20260101001"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("actions.py", "sample.json"):
        (tmp_path / name).write_text((CONFIG / "shop" / name).read_text("utf-8"), "utf-8")
    return tmp_path


def heard(user: str = "wang", turn: int = 1) -> Heard:
    address = Address("web", "main", user, user)
    at = TALK_BEGINS + 60 * turn
    return Heard(f"{address.conversation}/{turn}", address, content=None, meaning=Meaning(""), at=at)  # type: ignore[arg-type]


async def run(actions: Registry, name: str, slots: Mapping[str, Json], who: Heard) -> Result:
    return await actions.perform(name, slots, "flow/step", who, slots)


async def test_an_action_that_is_done_again_with_its_key_is_not_done_twice(project: Path) -> None:
    actions = load_actions(project)
    first = await run(actions, "action_recharge", {"amount": 100.0}, heard())
    again = await run(actions, "action_recharge", {"amount": 100.0}, heard())
    later = await run(actions, "action_balance", {}, heard(turn=2))
    assert first.slots["balance"] == again.slots["balance"] == later.slots["balance"] == 356.5


async def test_the_same_step_of_a_later_turn_is_done(project: Path) -> None:
    actions = load_actions(project)
    await run(actions, "action_recharge", {"amount": 100.0}, heard())
    second = await run(actions, "action_recharge", {"amount": 1000.0}, heard(turn=2))
    assert second.slots["balance"] == 256.5 + 100 + 1000 + 50


async def test_each_customer_has_books_of_their_own(project: Path) -> None:
    actions = load_actions(project)
    await run(actions, "action_refund", ORDER, heard("wang"))
    wang = await run(actions, "action_lookup_order", ORDER, heard("wang", turn=2))
    li = await run(actions, "action_lookup_order", ORDER, heard("li", turn=2))
    assert (wang.slots["order_state"], li.slots["order_state"]) == ("refunding", "signed")


async def test_the_books_outlive_the_process(project: Path) -> None:
    await run(load_actions(project), "action_cancel_order", {"order_id": "DD20260101002"}, heard())
    state = await run(load_actions(project), "action_lookup_order", {"order_id": "DD20260101002"}, heard(turn=2))
    assert state.slots["order_state"] == "cancelled"


async def test_the_sample_ages_from_the_first_contact_on(project: Path) -> None:
    actions = load_actions(project)
    await run(actions, "action_balance", {}, heard())
    eight_days = 8 * 24 * 60
    fresh = await run(actions, "action_check_return", {**ORDER, "refund_reason": "不喜欢"}, heard(turn=2))
    late = await run(actions, "action_check_return", {**ORDER, "refund_reason": "不喜欢"}, heard(turn=eight_days))
    faulty = await run(actions, "action_check_return", {**ORDER, "refund_reason": "坏了"}, heard(turn=eight_days))
    assert [fresh.slots["verdict"], late.slots["verdict"], faulty.slots["verdict"]] == ["ok", "too_late", "ok"]


async def test_a_failed_action_changes_nothing(project: Path) -> None:
    actions = load_actions(project)
    with pytest.raises(ActionFailed):
        await run(actions, "action_recharge", {"amount": "viel"}, heard())
    assert (await run(actions, "action_balance", {}, heard(turn=2))).slots["balance"] == 256.5
