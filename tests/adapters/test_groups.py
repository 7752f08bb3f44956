"""Group chats: who is meant, what is left of the text, whom the answer mentions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from adapters.groups import MENTION, in_group, mentioning, without_mention
from adapters.message import Address, Content, Event, Image, Message, Text, Voice
from config.credentials import Group
from tests.adapters.replies import messages


def said(content: Content | str, *, mentioned: bool = False) -> Message:
    content = Text(content) if isinstance(content, str) else content
    address = Address("dingtalk", "main", "cid1", "user1")
    return Message("m1", address, content, 0.0, "group", mentioned, "user1", "张三")


def heard(message: Message, group: Group) -> str | None:
    given = in_group(message, group)
    return None if given is None else given.text


@pytest.mark.parametrize(
    ("text", "mentioned", "group", "left"),
    [
        ("大家好", False, Group(), None),
        ("查订单", True, Group(), "查订单"),
        ("大家好", False, Group(answer="all"), "大家好"),
        ("/bot 查订单", False, Group(prefixes=("/bot",)), "查订单"),
        ("/BOT：查订单", False, Group(prefixes=("/bot",)), "查订单"),
        ("\u2005小应，查订单", False, Group(prefixes=("小", "小应")), "查订单"),
        ("小应 查订单", True, Group(prefixes=("小应",)), "查订单"),
        ("小应 查订单", False, Group(answer="all", prefixes=("小应",)), "查订单"),
        ("问问小应吧", False, Group(prefixes=("小应",)), None),
        ("我想退款了", False, Group(keywords=("退款",)), "我想退款了"),
        ("Refund please", False, Group(keywords=("refund",)), "Refund please"),
        ("大家好", False, Group(prefixes=("",), keywords=("",)), None),
    ],
)
def test_the_bot_hears_what_is_said_to_it(text: str, mentioned: bool, group: Group, left: str | None) -> None:
    assert heard(said(text, mentioned=mentioned), group) == left


def test_a_voice_message_may_start_with_the_prefix_too() -> None:
    message = in_group(said(Voice(media="v1", recognition="小应，查订单")), Group(prefixes=("小应",)))
    assert message is not None
    assert message.content == Voice(media="v1", recognition="查订单")


def test_a_picture_among_the_others_is_not_for_the_bot() -> None:
    assert in_group(said(Image("https://x/y.png")), Group(prefixes=("小应",), keywords=("图",))) is None
    assert in_group(said(Image("https://x/y.png"), mentioned=True), Group()) is not None


def test_members_have_a_conversation_each_or_one_together() -> None:
    message = said("查订单", mentioned=True)
    own, shared = in_group(message, Group()), in_group(message, Group(session="shared"))
    assert own == message
    assert shared == replace(message, address=Address("dingtalk", "main", "cid1", ""))
    assert shared is not None
    assert (shared.sender, shared.sender_name) == ("user1", "张三")


def test_a_tap_on_a_card_is_heard_in_the_conversation_that_the_card_is_in() -> None:
    tap = said(Event("click", "refund"))
    assert in_group(tap, Group()) == tap
    shared = in_group(tap, Group(session="shared"))
    assert shared is not None
    assert shared.address.user == ""


@given(messages, st.sampled_from([Group(), Group(answer="all"), Group(prefixes=("a", "啊"), session="shared")]))
def test_private_messages_are_left_alone_and_no_message_is_too_odd(message: Message, group: Group) -> None:
    private = replace(message, chat_kind="private")
    assert in_group(private, group) is private
    given = in_group(replace(message, chat_kind="group"), group)
    if given is not None:
        assert (given.id, given.at, given.sender, given.raw) == (message.id, message.at, message.sender, message.raw)
        assert len(given.text) <= len(message.text)
        assert group.session == "member" or given.address.user == ""
    else:
        assert group.answer == "addressed"
        assert not message.mentioned


def test_the_answer_mentions_who_asked_where_the_account_wants_it() -> None:
    message = said("查订单", mentioned=True)
    assert mentioning(message, Group()) == {MENTION: "user1"}
    assert mentioning(message, Group(mention_back=False)) == {}
    assert mentioning(replace(message, chat_kind="private"), Group()) == {}
    assert mentioning(replace(message, sender=""), Group()) == {}
    assert mentioning(None, Group()) == {}


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("@小应 查订单", "查订单"),
        ("@小应\u2005查订单", "查订单"),
        ("@小应\u00a0查订单", "查订单"),
        ("\u200b＠小应\u3000查订单", "查订单"),
        ("@小应，查订单", "查订单"),
        ("查订单 @小应", "查订单"),
        ("查订单@小应\u2005", "查订单"),
        ("请@小应 帮我查订单", "请帮我查订单"),
        ("please @小应 help", "please help"),
        ("@小应 @小应 在吗", "在吗"),
        ("第一行@小应\n第二行", "第一行\n第二行"),
        ("@Service  bot hi", "hi"),
        ("@小应", ""),
    ],
)
def test_the_bots_name_is_cut_from_what_was_said(text: str, left: str) -> None:
    assert without_mention(text, ("小应", "Service Bot", "小")) == (left, True)


@pytest.mark.parametrize(
    "text", ["查订单", "@小应助手 在吗", "小应 在吗", "写信到 me@小应 .com", "@张三 在吗", "  @ 小应", ""]
)
def test_what_does_not_mention_the_bot_stays_as_it_is(text: str) -> None:
    assert without_mention(text, ("小应", "")) == (text, False)
    assert without_mention(text, ()) == (text, False)


words = st.text(st.characters(exclude_categories=("Cs", "Zs", "Cc", "Cf", "P")), min_size=1, max_size=8)


@given(words.filter(lambda name: "@" not in name), words, st.sampled_from([" ", "\u2005", "\u00a0", "\u3000"]))
def test_a_mention_before_or_behind_leaves_exactly_the_rest(name: str, rest: str, gap: str) -> None:
    rest = "问" + rest.replace("@", "")
    assert without_mention(f"@{name}{gap}{rest}", [name]) == (rest, True)
    assert without_mention(f"{rest}{gap}@{name}", [name]) == (rest, True)


@given(st.text(), st.lists(st.text(), max_size=3))
def test_any_text_and_any_names_can_be_given(text: str, names: list[str]) -> None:
    left, found = without_mention(text, names)
    assert found or left == text
    assert len(left) <= len(text)


def test_every_setting_of_groups_is_explained_with_its_default() -> None:
    text = (Path(__file__).parents[2] / "docs" / "groups.md").read_text("utf-8")
    shown = yaml.safe_load(text.partition("```yaml")[2].partition("```")[0])["wecom_bot"]["main"]["group"]
    assert shown == Group().model_dump(mode="json")
