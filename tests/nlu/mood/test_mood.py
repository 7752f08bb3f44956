"""How a message is said: sentiment, urgency, inclination to complain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.mood import HELD_OUT, crossed, figures, judged
from nlu.doc import Doc
from nlu.meaning import MOODS
from nlu.model import load
from nlu.mood import MoodAnalyzer
from nlu.mood.examples import read_examples
from nlu.mood.lexicon import NAMES, counts
from nlu.normalize import normalize
from nlu.pipeline import blank
from nlu.recipe import DEFAULT
from nlu.training import train
from tests.nlu.small_shop import NOW, silent, write_project

EXAMPLES = read_examples()
TEXTS = [normalize(example.text).text for example in EXAMPLES]
WITHOUT_ENCODER = np.empty((len(EXAMPLES), 0), np.float32)
LIGHT = "language: zh\npipeline: [{name: Normalizer}, {name: MoodAnalyzer}]\n"


@pytest.fixture(scope="module")
def analyzer() -> MoodAnalyzer:
    return MoodAnalyzer.learn(EXAMPLES, TEXTS, WITHOUT_ENCODER)


def signals(analyzer: MoodAnalyzer, text: str) -> dict[str, float]:
    doc: Doc = blank(text, NOW)
    return dict(analyzer(Doc(text, NOW, normalize(text), sentence=doc.sentence)).signals)


def test_the_sentences_of_the_package_are_many_and_none_is_there_twice() -> None:
    assert len(EXAMPLES) > 550
    assert len({example.text for example in EXAMPLES}) == len(EXAMPLES)
    assert not {example.text for example in EXAMPLES} & {example.text for example in read_examples(HELD_OUT)}


def test_sentences_that_were_not_learned_are_judged_rightly() -> None:
    found = figures(crossed(EXAMPLES, TEXTS, WITHOUT_ENCODER), EXAMPLES)
    assert found["complaint_auroc"] > 0.95
    assert found["urgency_auroc"] > 0.97
    assert found["sentiment_accuracy"] > 0.83


def test_sentences_of_another_manner_are_judged_rightly(analyzer: MoodAnalyzer) -> None:
    strangers = read_examples(HELD_OUT)
    texts = [normalize(example.text).text for example in strangers]
    found = figures(judged(analyzer, texts, np.empty((len(texts), 0), np.float32)), strangers)
    assert found["complaint_auroc"] > 0.92
    assert found["urgency_auroc"] > 0.95
    assert found["sentiment_accuracy"] > 0.79


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("再不处理我就去12315投诉", {"complaint": 0.9}),
        ("你們這是詐騙，我要報警", {"complaint": 0.9}),
        ("呵呵，可真会做生意", {"complaint": 0.7}),
        ("急！今天能到吗", {"urgency": 0.8}),
        ("谢谢，服务太好了👍", {"sentiment": 0.8}),
    ],
)
def test_a_mood_is_heard(analyzer: MoodAnalyzer, text: str, least: dict[str, float]) -> None:
    found = signals(analyzer, text)
    assert all(found[name] >= value for name, value in least.items()), found


@pytest.mark.parametrize(
    "text", ["我要查一下订单", "不着急，慢慢来", "我不投诉，就是问问", "DD20260101001", "垃圾袋有大号的吗"]
)
def test_what_only_sounds_like_it_is_not_taken_for_it(analyzer: MoodAnalyzer, text: str) -> None:
    found = signals(analyzer, text)
    assert found["complaint"] < 0.5, found
    assert found["urgency"] < 0.5, found


def test_a_word_that_is_denied_counts_apart() -> None:
    plain, denied = NAMES.index("praise"), NAMES.index("not praise")
    assert counts("很满意")[plain] == 1
    assert counts("不太满意")[denied] == 1
    assert counts("不太满意")[plain] == 0


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_any_text_has_a_mood_within_bounds_or_none(analyzer: MoodAnalyzer, text: str) -> None:
    found = signals(analyzer, text)
    if not normalize(text).text.strip():
        assert found == {}
        return
    assert set(found) == set(MOODS)
    assert -1 <= found["sentiment"] <= 1
    assert 0 <= found["urgency"] <= 1
    assert 0 <= found["complaint"] <= 1


def test_a_model_keeps_what_was_learned(tmp_path: Path, analyzer: MoodAnalyzer) -> None:
    project = write_project(tmp_path, config=LIGHT)
    meaning = load(train(project, silent)).parse("再不处理我就去12315投诉", NOW)
    assert dict(meaning.signals) == signals(analyzer, "再不处理我就去12315投诉")


def test_a_vector_that_it_was_not_trained_with_is_passed_over(analyzer: MoodAnalyzer) -> None:
    text = "怎么还没到"
    with_vector = Doc(text, NOW, normalize(text), sentence=np.ones(8, np.float32))
    assert dict(analyzer(with_vector).signals) == signals(analyzer, text)


def test_sentence_vectors_are_read_once_and_kept(tmp_path: Path) -> None:
    config = "language: zh\npipeline: [{name: Normalizer}, {name: SentenceEncoder}, {name: MoodAnalyzer}]\n"
    project = write_project(tmp_path, config=config)
    first = load(train(project, silent))
    (kept,) = (project / ".yingda" / "cache").glob("mood-use-m3-*.npz")
    written = kept.stat().st_mtime_ns
    again = load(train(project, silent))
    assert kept.stat().st_mtime_ns == written
    text = "都这么久了，到底管不管"
    assert first.parse(text, NOW).signals == again.parse(text, NOW).signals
    assert first.parse(text, NOW).signals["complaint"] > 0.6


def test_the_default_pipeline_has_it_behind_the_encoder() -> None:
    assert DEFAULT.index("MoodAnalyzer") > DEFAULT.index("SentenceEncoder")


def test_a_file_of_sentences_without_a_group_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("# mine\n气死我了\n", "utf-8")
    with pytest.raises(ValueError, match=r"mine\.txt:2"):
        read_examples(tmp_path / "mine.txt")
