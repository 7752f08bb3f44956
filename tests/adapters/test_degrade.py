"""What a channel cannot show is shown plainer, and never lost; what is too long is cut where a reader would."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channel import Limits
from adapters.degrade import CHOOSE, LEAVE_A_MESSAGE, fit, join, markdown_to_text, numbered, size, split
from adapters.message import (
    Button,
    Card,
    Custom,
    File,
    Image,
    Link,
    Markdown,
    News,
    Reply,
    Text,
    Transfer,
    Typing,
    Video,
    Voice,
)
from adapters.wechat.channel import PASSIVE, PUSH
from flows.words import pick
from tests.adapters.replies import buttons, replies

PLAIN = Limits(shows=frozenset(("text",)), text_bytes=120)
RICH = Limits(
    shows=PUSH.shows | {"file", "markdown", "custom", "transfer"},
    buttons=3,
    articles=8,
)
HANDS_OVER = replace(PUSH, shows=PUSH.shows | {"transfer"}, card_bytes=32, transfer_speaks=False)
ALL_LIMITS = [PLAIN, RICH, PASSIVE, PUSH, HANDS_OVER, replace(PUSH, text_bytes=64, buttons=2)]


# --- fit


@pytest.mark.parametrize("limits", [*ALL_LIMITS, replace(PLAIN, custom_types=frozenset(("card",)))])
@pytest.mark.parametrize(
    "payload", [{"msgtype": ["card"]}, {"msgtype": {}}, {"n": 1 << 70}, {"half": "\ud83d"}, {"day": {1}}, {(1, 2): 3}]
)
def test_a_payload_that_is_no_payload_is_said_all_the_same(limits: Limits, payload: object) -> None:
    assert fit([Custom(payload)], limits)


@pytest.mark.parametrize("limits", ALL_LIMITS)
@given(said=st.lists(replies, max_size=5))
def test_everything_fits_and_fits_again_unchanged(limits: Limits, said: list[Reply]) -> None:
    shown = fit(said, limits)
    for reply in shown:
        if isinstance(reply, Text):
            assert 0 < size(reply.text) <= limits.text_bytes
        elif isinstance(reply, Card):
            assert len(reply.buttons) <= limits.buttons
        elif isinstance(reply, Image | Voice | Video | File) and limits.media_only:
            assert reply.media
        assert type(reply).__name__.lower() in limits.shows | {"custom"}
    assert fit(shown, limits) == shown


@given(said=st.lists(replies, max_size=5))
def test_what_fits_a_passive_answer_fits_a_push_as_it_is(said: list[Reply]) -> None:
    shown = fit(said, PASSIVE)
    assert fit(shown, PUSH) == shown


def words_of(reply: Reply) -> str:
    match reply:
        case Text(text):
            return text
        case Card(text, title, buttons=shown):
            return "".join([title, text, *(b.title or b.payload for b in shown), *(b.url for b in shown)])
        case _:
            raise AssertionError(reply)


def test_the_words_of_a_transfer_that_the_vendor_does_not_speak_of_are_said_before_it() -> None:
    assert fit([Transfer("请稍候", "lisi")], HANDS_OVER) == [Text("请稍候"), Transfer("", "lisi")]


def test_a_cards_words_are_cut_to_what_a_card_holds() -> None:
    *before, card = fit([Card("字" * 12, buttons=(Button("好"),))], HANDS_OVER)
    assert before
    assert isinstance(card, Card)
    assert size(card.text) <= 32


@pytest.mark.parametrize("limits", ALL_LIMITS)
@given(text=st.text(), shown=st.lists(buttons, min_size=1, max_size=12))
def test_no_word_of_a_card_is_lost(limits: Limits, text: str, shown: list[Button]) -> None:
    said = "".join(words_of(reply) for reply in fit([Card(text, buttons=tuple(shown))], limits))
    for words in (text, *(b.title or b.payload for b in shown), *(b.url for b in shown)):
        assert "".join(words.split()) in "".join(said.split())


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        (Text("  "), []),
        (Typing(), []),
        (Image("http://x/1.png", alt="发票样张"), [Text("发票样张\nhttp://x/1.png")]),
        (Image(media="m1"), [Text("[图片]")]),
        (Voice("m1", recognition="您好"), [Text("您好")]),
        (Video(url="http://x/v", title="教程", description="三分钟"), [Text("教程\n三分钟\nhttp://x/v")]),
        (File(url="http://x/f.pdf", name="合同.pdf"), [Text("合同.pdf\nhttp://x/f.pdf")]),
        (Link("http://x", "公告", "放假"), [Text("公告\n放假\nhttp://x")]),
        (News((Link("http://a", "甲"), Link("http://b", "乙"))), [Text("1. 甲\nhttp://a\n2. 乙\nhttp://b")]),
        (Markdown("**您好**"), [Text("您好")]),
        (Custom({"text": "您好", "x": 1}), [Text("您好")]),
        (Custom({"x": 1}), [Text('{"x":1}')]),
        (Custom("您好"), [Text("您好")]),
        (Custom(), []),
        (Transfer("正在转接"), [Text("正在转接")]),
        (Transfer(), [Text(LEAVE_A_MESSAGE)]),
        (
            Card("查哪个？", "订单", "http://x", buttons=(Button("查订单", "/order"), Button("官网", url="http://y"))),
            [Text(f"订单\n查哪个？\nhttp://x\n1. 查订单\n2. 官网：http://y\n{CHOOSE}")],
        ),
        (Card("看图", image="http://x/1.png"), [Text("[图片]\nhttp://x/1.png"), Text("看图")]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_channel_of_plain_text_shows_everything_in_words(reply: Reply, shown: list[Reply]) -> None:
    assert fit([reply], PLAIN) == shown


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        (Image("http://x/1.png", alt="样张"), Link("http://x/1.png", "样张", "", "http://x/1.png")),
        (Image("http://x/1.png", media="m1"), Image("http://x/1.png", media="m1")),
        (Video(url="http://x/v", title="教程"), Link("http://x/v", "教程")),
        (File(url="http://x/f", name="合同"), Link("http://x/f", "合同")),
        (News((Link("http://a", "甲"),)), News((Link("http://a", "甲"),))),
        (Card("放假通知", "公告", "http://x"), Link("http://x", "公告", "放假通知")),
        (Custom({"msgtype": "music", "music": {}}), Custom({"msgtype": "music", "music": {}})),
    ],
    ids=lambda value: type(value).__name__,
)
def test_wechat_shows_a_url_as_a_news_card(reply: Reply, shown: Reply) -> None:
    assert fit([reply], PASSIVE) == [shown]


def test_a_card_with_a_long_text_keeps_its_buttons_under_the_last_part() -> None:
    card = Card("第一句话。" * 20, buttons=(Button("好"), Button("不好")))
    *before, last = fit([card], replace(PUSH, text_bytes=100))
    assert all(isinstance(part, Text) for part in before)
    assert isinstance(last, Card)
    assert last.buttons == card.buttons
    assert "".join(part.text for part in [*before, last] if isinstance(part, Text | Card)) == card.text


@given(st.lists(replies, max_size=6))
def test_joining_keeps_every_word_and_the_limit(said: list[Reply]) -> None:
    shown = fit(said, PASSIVE)
    joined = join(shown, PASSIVE)
    assert all(size(reply.text) <= PASSIVE.text_bytes for reply in joined if isinstance(reply, Text))
    assert [reply for reply in joined if not isinstance(reply, Text)] == [
        reply for reply in shown if not isinstance(reply, Text)
    ]
    words = "\n".join(reply.text for reply in shown if isinstance(reply, Text))
    assert "\n".join(reply.text for reply in joined if isinstance(reply, Text)) == words


# --- split


@given(st.text(max_size=400), st.integers(4, 200))
def test_parts_are_under_the_limit_and_joined_are_the_text(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert "".join(parts) == text
    assert all(0 < size(part) <= limit for part in parts)


@given(st.text("您好。，！ \n😀a", min_size=100, max_size=600), st.integers(40, 200))
def test_parts_are_not_needlessly_small(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(size(part) >= limit // 4 - 8 for part in parts[:-1])


def test_a_long_answer_is_cut_after_sentences() -> None:
    text = "您好，您的订单已经发货。请您耐心等待！有问题吗？" * 100
    parts = split(text, 2048)
    assert all(part[-1] in "。！？" for part in parts)
    assert len(parts) == -(-size(text) // 2048)


def test_english_is_cut_after_sentences_and_an_address_stays_whole() -> None:
    address = "https://example.com/a.b?order=1&x=2;y=3"
    text = f"Please open {address} to see it. " * 9
    parts = split(text, 100)
    assert len(parts) > 1
    assert all(part.count("http") == part.count(address) for part in parts)


def test_without_a_sentence_a_clause_and_without_one_a_character_ends_a_part() -> None:
    assert split("一二三，四五六七八", 15) == ["一二三，", "四五六七八"]
    assert split("一二三四五六", 9) == ["一二三", "四五六"]


@pytest.mark.parametrize("character", ["👨‍👩‍👧‍👦", "🇨🇳", "👍🏽", "é", "❤️", "\r\n", "1️⃣"])
def test_what_the_eye_sees_as_one_character_stays_whole(character: str) -> None:
    text = character * 40
    for part in split(text, 64):
        assert part == character * (len(part) // len(character))


def test_a_limit_that_no_character_fits_is_an_error() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        split("您好", 3)


def test_a_lone_surrogate_does_not_break_splitting() -> None:
    assert "".join(split("a\ud800" * 50, 16)) == "a\ud800" * 50


# --- markdown


def test_markdown_that_is_too_long_for_one_message_goes_on_as_markdown() -> None:
    limits = replace(PUSH, shows=frozenset({"text", "markdown"}), text_bytes=60)
    parts = fit([Markdown("**一二三四五。**" * 9)], limits)
    assert len(parts) > 1
    assert all(isinstance(part, Markdown) and size(part.text) <= 60 for part in parts)
    assert "".join(part.text for part in parts if isinstance(part, Markdown)) == "**一二三四五。**" * 9


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        ("# 退货流程\n\n1. **申请**\n2. *寄回*", "退货流程\n\n1. 申请\n2. 寄回"),
        ("- 甲\n- 乙", "• 甲\n• 乙"),
        ("见[帮助](https://a.b/c)", "见帮助（https://a.b/c）"),
        ("![样张](http://a/b.png)", "样张 http://a/b.png"),
        ("<https://a.b>", "https://a.b"),
        ("> 引用\n> 两行", "引用\n两行"),
        ("```py\nx = 1\n```", "x = 1"),
        ("`代码` ~~旧价~~", "代码 旧价"),
        ("| 品名 | 价 |\n|---|---|\n| 茶 | 9 |", "品名 | 价 \n 茶 | 9"),
        ("甲\n\n---\n\n乙", "甲\n\n————\n\n乙"),
        ("__init__ 和 order_id_1 和 2*3*4", "init 和 order_id_1 和 2*3*4"),
        ("\\*不是强调\\*", "*不是强调*"),
        ("价格 < 10 且 > 5 元", "价格 < 10 且 > 5 元"),
    ],
)
def test_markdown_is_said_without_its_marks(marked: str, said: str) -> None:
    assert markdown_to_text(marked) == said


@given(st.text("ab中*_`~[]()#>-|!\\\n "))
def test_any_markdown_keeps_its_letters(marked: str) -> None:
    assert [char for char in markdown_to_text(marked) if char in "ab中"] == [char for char in marked if char in "ab中"]


@pytest.mark.parametrize(
    "piece", ["_a ", "**a", "[a](", "![", " ", "<https://", "|---", "- ", "*a ", "`", "#", "!", "\u0301", "🇨"]
)
def test_twenty_thousand_open_marks_cost_no_more_than_a_moment(piece: str) -> None:
    text = "# " + piece * (20_000 // len(piece)) + "b"
    began = time.process_time()
    assert "b" in markdown_to_text(text)
    assert "".join(split(text, 2048)) == text
    assert time.process_time() - began < 2


# --- the answer to numbered buttons

titles = st.text("查订单退货 a。", min_size=1).filter(lambda title: title.strip(" 。") != "")


@given(st.lists(st.builds(Button, titles), min_size=1, max_size=30))
def test_the_numbers_that_are_shown_are_understood(shown: list[Button]) -> None:
    rows = numbered(shown).splitlines()
    for n, button in enumerate(shown, 1):
        assert rows[n - 1] == f"{n}. {button.title}"
        assert pick(f"{n}", shown) == button


def test_the_words_that_are_shown_are_understood() -> None:
    shown = [Button("查订单", "/order"), Button("我要退货", "/return"), Button("转人工", "/human")]
    assert [pick(button.title, shown) for button in shown] == shown
