"""One spelling for many, and the way back to what was typed."""

from __future__ import annotations

import time
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nlu.faces import face
from nlu.normalize import normalize
from nlu.spellings import SPELLING


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("我想查订单", "我想查订单"),
        ("ＤＤ２０２４，多少钱？", "dd2024,多少钱?"),
        ("退 款 ！！！", "退款!"),
        ("  你好  ", "你好"),
        ("iPhone  15 Pro", "iphone 15 pro"),
        ("买 iPhone 15 手机", "买iphone 15手机"),
        ("3 月 5 号", "3月5号"),
        ("订单123 三天了", "订单123 三天了"),
        ("换行\n\t也是空白", "换行也是空白"),
        ("全角　空格", "全角空格"),
        ("怎么回事？？！！", "怎么回事?!"),
        ("等等……", "等等…"),
        ("好的。。。", "好的。"),
        ("13800138000", "13800138000"),
        ("138****1234", "138****1234"),
        ("A--B__C", "a--b__c"),
        # script, with Taiwan's words
        ("我要退貨", "我要退货"),
        ("滑鼠壞了", "鼠标坏了"),
        ("記憶體多大", "内存多大"),
        ("帳號登不上", "账号登不上"),
        ("幾點發貨", "几点发货"),
        ("乾隆年間的蚊帳", "乾隆年间的蚊帐"),
        # a mainlander's own words are not Taiwan's
        ("计算机程序的信息", "计算机程序的信息"),
        ("皇后和后面", "皇后和后面"),
        # what must not change
        ("爸妈👨‍👩‍👧👍🏽", "爸妈👨‍👩‍👧👍🏽"),
        ("爱你❤️", "爱你❤️"),
        ("10²和1½", "10²和1½"),
        ("①②", "12"),
        ("ﬁne ㎡", "fine m2"),
        # spellings of the net, of dialects, of Hong Kong and Taiwan
        ("咋回事啊", "怎么回事啊"),
        ("啥时候发货", "什么时候发货"),
        ("有木有优惠", "有没有优惠"),
        ("肿么退货", "怎么退货"),
        ("灰常好，酱紫就行", "非常好,这样子就行"),
        ("8错哦", "不错哦"),
        ("3Q", "谢谢"),
        ("u1s1，这个yyds", "有一说一,这个很好"),
        ("乃们几点上班", "你们几点上班"),
        ("唔該", "谢谢"),
        ("點解咁慢嘅", "为什么这么慢的"),
        ("幾多錢", "多少钱"),
        ("登入不了，信用咭付款", "登录不了,信用卡付款"),
        ("好好好好", "好好"),
        ("喂～～～", "喂~"),
        # what only looks like one
        ("酱紫色的积木有货吗", "酱紫色的积木有货吗"),
        ("令人咋舌，有点解释不清", "令人咋舌,有点解释不清"),
        ("中介个人，然而家里", "中介个人,然而家里"),
        ("你好滴滴", "你好滴滴"),
        ("18错，abc3q，wx123", "18错,abc3q,wx123"),
        ("一一一号楼下下下周", "一一一号楼下下下周"),
        # faces beside words are one emoji, alone they say something
        ("你好[微笑]", "你好🙂"),
        ("气死了(╯‵□′)╯", "气死了😡"),
        ("谢谢^_^", "谢谢🙂"),
        ("(╯°□°）╯︵ ┻━┻", "生气"),
        ("[OK]", "好"),
        ("[强][强]", "好"),
        ("👍👍🏽👍", "好"),
        ("🙏！！", "谢谢!"),
        ("T_T", "难过"),
        ("👨‍👩‍👧🙃", "👨‍👩‍👧🙃"),
        ("[订单]", "[订单]"),
        ("a-_-b", "a-_-b"),
        # what nobody sees
        ("你\u200b好\ufeff", "你好"),
        ("a\x00b\x07", "ab"),
        ("坏\ud83d的", "坏\ufffd的"),
        ("cafe\u0301", "café"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_a_text_is_folded(text: str, folded: str) -> None:
    assert normalize(text).text == folded


@pytest.mark.parametrize(
    ("text", "folded", "typed"),
    [
        ("我的ＤＤ１ 订单", "dd1", "ＤＤ１"),
        ("這個滑鼠壞了", "鼠标", "滑鼠"),
        ("這個滑鼠壞了", "坏", "壞"),
        ("記憶體壞了", "坏了", "壞了"),
        ("記憶體壞了", "内存", "記憶體"),
        ("請問滑鼠多少錢", "多少钱", "多少錢"),
        ("退 款 ！！！", "退款", "退 款"),
        ("退 款 ！！！", "!", "！！！"),
        ("👨‍👩‍👧 明 天", "明天", "明 天"),
        ("ﬁve ㎡", "m2", "㎡"),
        ("cafe\u0301 5号", "é", "e\u0301"),
        ("木有收到ＤＤ１", "没有", "木有"),
        ("木有收到ＤＤ１", "dd1", "ＤＤ１"),
        ("點解慢", "为什么", "點解"),
        ("好好好好的", "好好", "好好好好"),
        ("好[呲牙]的", "🙂", "[呲牙]"),
        ("(╯°□°)╯ ┻━┻", "生气", "(╯°□°)╯ ┻━┻"),
        ("👍🏽👍", "好", "👍🏽👍"),
    ],
)
def test_a_place_in_the_folded_text_leads_to_what_was_typed(text: str, folded: str, typed: str) -> None:
    normalized = normalize(text)
    start = normalized.text.index(folded)
    first, last = normalized.span(start, start + len(folded))
    assert text[first:last] == typed == normalized.quote(start, start + len(folded))


def test_an_empty_stretch_stays_empty() -> None:
    normalized = normalize("退 款 ！")
    assert normalized.span(1, 1) == (2, 2)
    assert normalized.span(len(normalized.text), len(normalized.text)) == (5, 5)


_HARD = st.text(
    st.sampled_from(
        "咋木有8错好[微笑]^_(╯°□)┻━點解嘅😡🙏"
        "退款壞記憶體訂單 \u3000\n！!。…,Ａa1１²½①㎡İßé\u0301\u3099か゛\u200b\u200d\ufe0f👍🏽\ud83d\x00ﬁ～—著麼乾後"
    )
)


@settings(deadline=None)
@given(st.text() | _HARD)
@example("\u1e9e\u0345\u0301")
@example("か\u200b\u3099")
@example("゛か ゛")
def test_folding_twice_changes_nothing(text: str) -> None:
    once = normalize(text).text
    assert normalize(once).text == once


@settings(deadline=None)
@given(st.text() | _HARD)
@example("ﬁ\u0300")  # a ligature whose last letter takes the accent
def test_offsets_never_fall_and_stay_inside(text: str) -> None:
    done = normalize(text)
    assert len(done.starts) == len(done.ends) == len(done.text)
    assert done.original == text
    pairs = list(zip(done.starts, done.ends, strict=True))
    assert all(0 <= start < end <= len(text) for start, end in pairs)
    for (start, end), (next_start, next_end) in pairwise(pairs):
        assert next_start >= start
        assert next_end >= end
    for i in range(len(done.text)):
        first, last = done.span(i, len(done.text))
        assert 0 <= first < last <= len(text)


@settings(deadline=None)
@given(st.text() | _HARD)
def test_the_folded_text_can_be_written_as_utf8(text: str) -> None:
    folded = normalize(text).text
    assert folded.encode().decode() == folded
    assert not any(unicodedata.category(char) == "Cc" for char in folded)


def _plain(text: str) -> bool:
    """No mark twice, no face and no word of the net."""
    repeats = any(a == b and not a.isalnum() for a, b in pairwise(text))
    return not repeats and not SPELLING.search(text.lower()) and not face(str.lower)[0].search(text.lower())


@settings(deadline=None)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30).filter(_plain))
def test_ascii_words_only_lose_their_case(text: str) -> None:
    assert normalize(text).text == text.lower()


@settings(deadline=None)
@given(st.text(st.sampled_from("我想查一下昨天的订单到哪了退款发票地址密码余额优惠券投诉人工客服"), max_size=30))
def test_simplified_text_stays_as_it_is(text: str) -> None:
    done = normalize(text)
    assert done.text == text
    assert list(done.starts) == list(range(len(text)))


def test_a_page_of_traditional_script_is_folded_as_its_lines_are() -> None:
    line = "我要退這個滑鼠。"
    begun = time.process_time()
    page = normalize(line * 1000)
    assert time.process_time() - begun < 2
    assert page.text == normalize(line).text * 1000
    assert page.quote(5 * 8 + 5, 5 * 8 + 7) == "滑鼠"
