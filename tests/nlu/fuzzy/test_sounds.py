"""How characters sound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypinyin import Style, pinyin

from nlu.fuzzy.sounds import (
    LIKE_SOUND,
    SAME_SOUND,
    SAME_TONE,
    UNLIKE,
    everyday,
    fold,
    homophones,
    likeness,
    readings,
    sounded,
    toneless,
    wordings,
)

EVERYDAY = [char for char in map(chr, range(0x4E00, 0x9FA6)) if everyday(char)]


def test_every_common_character_has_the_readings_that_pypinyin_gives_it() -> None:
    assert len(EVERYDAY) == 3755
    for char in EVERYDAY:
        given_by_library = pinyin(char, style=Style.NORMAL, heteronym=True)[0]
        assert toneless(readings()[char][0]).replace("ü", "v") == given_by_library[0]


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ("风", "丰", SAME_TONE),
        ("行", "航", SAME_TONE),  # by its second reading
        ("快", "筷", SAME_TONE),
        ("地", "递", SAME_TONE),
        ("低", "递", SAME_SOUND),
        ("是", "四", LIKE_SOUND),
        ("蓝", "南", LIKE_SOUND),
        ("福", "湖", LIKE_SOUND),
        ("飞", "会", LIKE_SOUND),
        ("金", "经", LIKE_SOUND),
        ("山", "商", LIKE_SOUND),
        ("粮", "连", UNLIKE),
        ("风", "雨", UNLIKE),
        ("a", "啊", UNLIKE),
    ],
)
def test_characters_sound_more_or_less_alike(one: str, other: str, level: int) -> None:
    assert likeness(one, other) == likeness(other, one) == level


@pytest.mark.parametrize(
    ("one", "other"),
    [("zhang", "zan"), ("ni", "li"), ("fa", "hua"), ("fu", "hu"), ("fei", "hui"), ("fen", "hun"), ("sheng", "sen")],
)
def test_what_accents_mix_up_is_one(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(("one", "other"), [("jiang", "jian"), ("nü", "nu"), ("he", "fo"), ("ran", "lan")])
def test_what_they_keep_apart_is_two(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text())
def test_a_text_is_as_long_as_it_sounds(text: str) -> None:
    assert len(sounded(text)) == len(text)
    assert all(len(way) == len(text) for way in wordings(text, 4))


def test_a_word_with_a_second_reading_has_two_wordings() -> None:
    assert sounded("航") in {way[1:2] for way in wordings("银行", 4)}
    assert len({*wordings("行长行长行长", 4)}) == 4


def test_homophones_are_common_characters_of_the_same_sound() -> None:
    assert {"丰", "峰", "封"} <= set(homophones("风"))
    assert "风" not in homophones("风")
    assert homophones("a") == ()
