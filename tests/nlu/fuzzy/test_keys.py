"""Keys of stretches of a text, and the costs of slips and of ordinary words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.fuzzy.channel import IMPOSSIBLE, slip
from nlu.fuzzy.keys import KeyTable, shortened_keys, stretches, symbols, whole_keys
from nlu.fuzzy.ordinary import mandarin

_WORD = st.text("春江花月夜山水ab1", min_size=3, max_size=8)


def keys_of(word: str) -> set[int]:
    codes = symbols(word)[None, :]
    return {*whole_keys(codes).tolist(), *shortened_keys(codes).ravel().tolist()}


@given(_WORD, st.data())
def test_a_word_and_its_misspelling_share_a_key(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    char = data.draw(st.sampled_from("春夏秋冬x"))
    swapped = word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]
    for other in (word[:at] + char + word[at + 1 :], word[:at] + word[at + 1 :], word[:at] + char + word[at:], swapped):
        assert keys_of(word) & keys_of(other)


@given(st.text("春江花月ab", max_size=50), st.integers(2, 4), st.integers(0, 6))
def test_the_key_of_a_stretch_is_that_of_its_characters(text: str, shortest: int, more: int) -> None:
    for shortened in (False, True):
        cut = stretches(len(text), shortest, shortest + more, shortened=shortened)
        found = cut.keys(symbols(text)).tolist()
        for i, (start, end) in enumerate(zip(cut.starts.tolist(), cut.ends.tolist(), strict=True)):
            assert 0 <= start < end <= len(text)
            left_out = int(cut.without[i]) if shortened else end
            word = text[start:left_out] + text[left_out + 1 : end]
            assert found[i] == whole_keys(symbols(word)[None, :])[0]


@given(st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=30, unique=True), st.text(min_size=1, max_size=6))
def test_a_table_knows_its_own_and_no_others(words: list[str], other: str) -> None:
    keys = [whole_keys(symbols(word)[None, :])[0] for word in (*words, other)]
    table = KeyTable.of(np.array(keys[:-1], np.uint64), np.arange(len(words), dtype=np.int32))
    which, first, last = table.find(np.array(keys, np.uint64))
    found = {int(i): int(table.owners[begin]) for i, begin in zip(which, first, strict=True)}
    assert all(last - first == 1)
    assert all(found[i] == i for i in range(len(words)))
    assert (len(words) in found) == (other in words)


@pytest.mark.parametrize(
    ("dearer", "cheaper"),
    [
        (("顺东快递", "顺丰快递"), ("顺风快递", "顺丰快递")),
        (("顺风块递", "顺丰快递"), ("顺风快递", "顺丰快递")),
        (("苏宁易沟", "苏宁易购"), ("苏宁易够", "苏宁易购")),
        (("蓝京大学", "南京大学"), ("男京大学", "南京大学")),
    ],
)
def test_a_likelier_slip_costs_less(dearer: tuple[str, str], cheaper: tuple[str, str]) -> None:
    assert 0 < slip(*cheaper) < slip(*dearer)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("东门小区", "西门小区"),
        ("3号院子", "5号院子"),
        ("四十里铺", "十四里铺"),
        ("北京天气", "上海天气"),
        ("大学", "大学路"),
        ("iphone14", "iphone15"),
        ("十里河村", "四里河村"),
    ],
)
def test_what_says_something_else_is_no_slip(said: str, meant: str) -> None:
    assert slip(said, meant) >= IMPOSSIBLE


def test_words_surprise_less_than_what_is_none() -> None:
    ordinary = mandarin()
    assert 0 < ordinary.cost("我们") < ordinary.cost("农行") < ordinary.read("农航", ()).after[0]
    assert ordinary.cost("农航") == 0


@given(st.text(max_size=60))
def test_a_cut_goes_from_end_to_end(text: str) -> None:
    parts = mandarin().cut(text)
    assert "".join(text[start:end] for start, end in parts) == text


def test_words_are_cut_as_people_read_them() -> None:
    text = "我想查询昨天的快递"
    assert [text[start:end] for start, end in mandarin().cut(text)] == ["我", "想", "查询", "昨天", "的", "快递"]
