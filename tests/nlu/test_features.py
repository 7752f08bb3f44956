"""What a text's sparse vector holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.component import Corpus
from nlu.data import NluData
from nlu.doc import Doc
from nlu.features import TfidfFeaturizer, TfidfOptions, sound_grams
from nlu.normalizer import Normalizer
from nlu.pipeline import blank
from nlu.tokenizer import JiebaTokenizer
from tests.nlu.small_shop import NOW

TEXTS = ("我的订单到哪了", "怎么申请退款", "运费多少钱", "能开发票吗", "转人工")


def read(text: str) -> Doc:
    return JiebaTokenizer.of(())(Normalizer()(blank(text, NOW)))


def trained(*, sounds: bool) -> TfidfFeaturizer:
    docs = tuple(map(read, TEXTS))
    return TfidfFeaturizer.train(TfidfOptions(sounds=sounds), Corpus(Path(), NluData(), docs))


def likeness(featurizer: TfidfFeaturizer, one: str, other: str) -> float:
    a, b = featurizer(read(one)).features, featurizer(read(other)).features
    row = np.zeros(1 + max(a.columns.max(initial=0), b.columns.max(initial=0)))
    row[a.columns] = a.values
    return float(row[b.columns] @ b.values)


def test_a_homophone_by_mistake_changes_little() -> None:
    right, wrong = "怎么申请退款", "怎么深情退宽"
    assert sound_grams(right) == sound_grams(wrong)
    assert likeness(trained(sounds=True), right, wrong) > likeness(trained(sounds=False), right, wrong) + 0.05


def test_what_accents_mix_up_sounds_the_same() -> None:
    assert sound_grams("你能发货吗") == sound_grams("里冷花货吗")
    assert sound_grams("你能发货吗") != sound_grams("你能退货吗")


@pytest.mark.parametrize("sounds", [True, False])
def test_it_is_saved_and_loaded(sounds: bool, tmp_path: Path) -> None:
    featurizer = trained(sounds=sounds)
    featurizer.save(tmp_path)
    again = TfidfFeaturizer.load(TfidfOptions(sounds=sounds), tmp_path)
    for text in (*TEXTS, "申请退宽", "x"):
        one, other = featurizer(read(text)).features, again(read(text)).features
        assert one.columns.tolist() == other.columns.tolist()
        assert one.values == pytest.approx(other.values)
        assert one.coverage == pytest.approx(other.coverage)


@given(st.text(st.sampled_from("我的订单退款发票a1 ，😀\ud83d") | st.characters(), max_size=12))
def test_columns_are_distinct_and_no_row_is_longer_than_one(text: str) -> None:
    features = FEATURIZER(read(text)).features
    assert len(set(features.columns.tolist())) == len(features.columns)
    assert float((features.values**2).sum()) <= 1 + 1e-5
    assert 0 <= features.coverage <= 1 + 1e-9


FEATURIZER = trained(sounds=True)
