"""How replies come together in one response, and in as few pushes as a vendor allows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from adapters.channel import Limits
from adapters.degrade import fit
from adapters.message import Address, Button, Card, Image, Json, Markdown, Message, Reply, Text
from bot.parts import pack, push_calls
from bot.turn import Turn

LIMITS = Limits(
    shows=frozenset({"text", "markdown", "card", "image"}), text_bytes=400, passive_messages=1, buttons=6,
    joins={"text": 9, "markdown": 9, "image": 2, "card": 1},
)  # fmt: skip
CARD = Card("请选择", buttons=(Button("查订单"), Button("退款")))
PICTURE = Image(media="data:image/png;base64,AA==")


def turn(**more: Any) -> Turn:
    address = Address("wecom_bot", "main", "u", "u")
    message = Message("m1", address, Text("您好"), 0.0)
    return Turn("t1", address.conversation, "message", address, 0.0, message, **more)


def packed(*parts: Reply, limits: Limits = LIMITS) -> tuple[tuple[Reply, ...], bool]:
    body = pack([(turn(), parts)], limits, hint=False)
    return body.replies, body.rest


def test_words_a_picture_and_a_card_go_out_together_where_the_vendor_can() -> None:
    assert packed(Text("您好"), Markdown("**订单**"), PICTURE, CARD) == (
        (Text("您好"), Markdown("**订单**"), PICTURE, CARD), False,
    )  # fmt: skip


def test_what_is_one_too_many_or_too_long_stays_behind() -> None:
    assert packed(Text("您好"), CARD, CARD) == ((Text("您好"), CARD), True)
    assert packed(PICTURE, PICTURE, PICTURE) == ((PICTURE, PICTURE), True)
    assert packed(Text("长" * 100), Markdown("长" * 100)) == ((Text("长" * 100),), True)


def test_without_joins_only_texts_are_joined() -> None:
    plain = replace(LIMITS, joins={})
    assert packed(Text("一"), Text("二"), limits=plain) == ((Text("一\n二"),), False)
    assert packed(Text("一"), CARD, limits=plain) == ((Text("一"),), True)


def test_where_one_push_is_left_everything_is_said_in_it() -> None:
    once = replace(LIMITS, push_count=1)
    replies: list[Json] = [Text("您好"), CARD, Markdown("**快**")]
    _, ((_, said),) = push_calls(replies, once, fit, 1)
    assert isinstance(said, Text)
    assert all(words in said.text for words in ("您好", "1. 查订单", "2. 退款", "快"))


def test_pushes_that_fit_keep_their_form() -> None:
    assert push_calls([Text("您好"), CARD], LIMITS, fit, 2) == ("push", [(1, Text("您好")), (2, CARD)])
