"""The message model survives being stored: plain JSON and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from adapters.message import Address, Event, Image, Message, Reply, Text, Voice, reply_from_dict, reply_to_dict
from tests.adapters.replies import addresses, messages, replies


@given(messages)
def test_a_message_is_the_same_after_a_round_trip_through_json(message: Message) -> None:
    assert Message.from_dict(json.loads(json.dumps(message.to_dict()))) == message


@given(replies)
def test_a_reply_is_the_same_after_a_round_trip_through_json(reply: Reply) -> None:
    assert reply_from_dict(json.loads(json.dumps(reply_to_dict(reply)))) == reply


@given(addresses)
def test_an_address_is_found_again_in_its_conversations_key(address: Address) -> None:
    assert Address.of(address.conversation) == address


def test_a_conversations_key_has_four_parts_whatever_is_in_them() -> None:
    address = Address("wechat", "main", "a/b", "张三 %")
    assert address.conversation.count("/") == 3
    with pytest.raises(ValueError, match="unpack"):
        Address.of("wechat/main")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (Text("退款"), "退款"),
        (Voice(recognition="查物流"), "查物流"),
        (Image("http://x"), ""),
        (Event("scan", "1"), ""),
    ],
)
def test_what_was_said_is_text_and_what_was_spoken_is_its_recognition(content: object, text: str) -> None:
    message = Message("1", Address("wechat", "main", "o", "o"), content, 0.0)  # type: ignore[arg-type]
    assert message.text == text
