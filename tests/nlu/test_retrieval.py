"""Finding the answer among many: the ranking, how sure it is, and how long it takes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from config.source import BadProject
from nlu import sample
from nlu.likeness import MEAN, SHORTLIST, DenseIndex, unit
from nlu.model import load, read_manifest
from nlu.pipeline import Pipeline
from nlu.retrieval import FaqRetriever
from nlu.training import train
from tests.nlu.small_shop import NLU, NOW, silent, write_project
from tests.nlu.test_models import LIGHT

TOPICS = ("退货", "发票", "保修", "积分", "自提", "改地址", "开箱", "换货", "赠品", "预售", "分期", "会员")
SORTS = ("冰箱", "电视", "手机", "耳机", "台灯", "书桌", "毛毯", "水杯")


def index_of(answers: int, questions: int, size: int) -> tuple[DenseIndex, np.ndarray, np.ndarray]:
    dice = np.random.default_rng(7)
    centres = dice.normal(size=(answers, size))
    owner = np.concatenate([np.arange(answers), dice.integers(0, answers, questions - answers)])
    asked = unit((centres[owner] + 0.5 * dice.normal(size=(questions, size))).astype(np.float32))
    words = unit((centres + dice.normal(size=(answers, size))).astype(np.float32))
    return DenseIndex.of(asked, owner, words), asked, owner


def test_the_ranking_is_that_of_all_likenesses_added() -> None:
    index, asked, owner = index_of(40, 160, 16)
    for place in range(0, 160, 7):
        text = asked[place]
        nearest = np.array([(asked[owner == a].astype(np.float16) @ text).max() for a in range(40)])
        wanted = index.answers @ text + (1 - MEAN) * nearest
        ranked = index.ranked(text)
        assert np.allclose(ranked.scores, wanted[ranked.answers], atol=2e-3)
        assert list(ranked.scores) == sorted(ranked.scores, reverse=True)
        assert len(set(ranked.answers.tolist())) == 40


def test_what_many_answers_share_counts_less_than_what_one_has() -> None:
    # the first coordinate is everybody's, the second that of answer 1 alone, though its questions say little of it
    asked = unit(np.array([[3, 0, 1, 0], [3, 0, 0, 1], [3, 0, 1, 1], [3, 0.6, 0, 0]], np.float32))
    owner = np.array([0, 0, 0, 1])
    index = DenseIndex.of(asked, owner, np.zeros((2, 4), np.float32))
    common, own = index.answers[1][0], index.answers[1][1]
    assert own / common > 1.5 * (0.6 / 3)


def test_an_answer_without_a_question_is_ranked_by_its_words() -> None:
    words = np.eye(3, dtype=np.float32)
    index = DenseIndex.of(words[:1], np.array([0]), words)
    assert index.ranked(words[2]).answers[0] == 2


def test_ten_thousand_answers_in_thirty_thousand_wordings_take_less_than_ten_milliseconds() -> None:
    index, asked, owner = index_of(10_000, 30_000, 128)
    taken = []
    for place in range(200):
        begun = time.process_time()
        ranked = index.ranked(asked[place])
        taken.append(time.process_time() - begun)
        assert ranked.answers[0] == owner[place]
        assert len(ranked.answers) == SHORTLIST
    assert sorted(taken)[100] < 0.010


@pytest.fixture(scope="module")
def faq_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 answers in two wordings each, without an encoder."""
    folder = write_project(tmp_path_factory.mktemp("faq"), config=LIGHT)
    pairs = [(topic, sort) for topic in TOPICS for sort in SORTS]
    lines = [f"- q: [{sort}怎么{topic}, 买了{sort}想{topic}]\n  a: {sort}的{topic}说明" for topic, sort in pairs]
    (folder / "data" / "faq.yml").write_text("\n".join(lines), "utf-8")
    return folder


def retriever(pipeline: Pipeline) -> FaqRetriever:
    return next(one for one in pipeline.components if isinstance(one, FaqRetriever))


def test_words_that_the_intents_were_not_learned_from_are_found(
    faq_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MANY", 10)
    pipeline = load(train(faq_project, silent, anew=True))
    for topic, sort in (("自提", "毛毯"), ("分期", "耳机"), ("预售", "水杯")):
        meaning = pipeline.parse(f"请问{sort}能不能{topic}呀", NOW)
        assert meaning.answers[0].key == f"faq/{sort}怎么{topic}"
        assert meaning.answers[0].question == f"{sort}怎么{topic}"
    assert pipeline.parse("转人工", NOW).intent == "handoff"
    assert pipeline.parse("我要退款", NOW).intent == "refund"


def test_the_threshold_is_chosen_on_the_bots_own_questions_unless_it_is_given(faq_project: Path) -> None:
    folder = train(faq_project, silent, anew=True)
    measured = read_manifest(folder).report["FaqRetriever"]
    found = retriever(load(folder))
    assert 0.1 <= measured["threshold"] <= 0.7
    assert found.threshold == measured["threshold"]
    assert measured["held_out_accuracy"] <= measured["held_out_top3"] <= 1
    (faq_project / "config.yml").write_text(
        LIGHT.replace("FaqRetriever\n", "FaqRetriever\n    threshold: 0.99\n"), "utf-8"
    )
    strict = load(train(faq_project, silent))
    assert retriever(strict).threshold == 0.99
    assert strict.parse("毛毯的那个", NOW).answers == ()


def test_further_answers_are_offered_behind_a_likely_one(faq_project: Path) -> None:
    (faq_project / "config.yml").write_text(
        LIGHT.replace("FaqRetriever\n", "FaqRetriever\n    threshold: 0.0\n"), "utf-8"
    )
    answers = load(train(faq_project, silent)).parse("毛毯保修还是换货", NOW).answers
    assert {answer.key for answer in answers} >= {"faq/毛毯怎么保修", "faq/毛毯怎么换货"}
    assert len(answers) <= 3
    assert [answer.confidence for answer in answers] == sorted((each.confidence for each in answers), reverse=True)


@pytest.mark.parametrize("given", ["1.5", "-1", "sometimes"])
def test_a_threshold_that_is_none_is_told(tmp_path: Path, given: str) -> None:
    config = LIGHT.replace("FaqRetriever\n", f"FaqRetriever\n    threshold: {given}\n")
    with pytest.raises(BadProject, match="threshold"):
        train(write_project(tmp_path, config=config), silent)


def test_one_question_alone_is_answered(tmp_path: Path) -> None:
    nlu = NLU[: NLU.index("  - intent: faq/")]
    project = write_project(tmp_path, nlu, LIGHT)
    (project / "data" / "faq.csv").write_text("问题,答案\n能开发票吗,能\n", "utf-8")
    pipeline = load(train(project, silent))
    assert pipeline.parse("能开发票吗？", NOW).answers[0].key == "faq/能开发票吗"
    assert pipeline.parse("我要退款", NOW).answers == ()


def test_a_question_of_nothing_to_read_does_not_take_the_vectors_from_the_others(tmp_path: Path) -> None:
    config = "pipeline: [Normalizer, JiebaTokenizer, TfidfFeaturizer, SentenceEncoder, LinearIntentClassifier,"
    project = write_project(tmp_path, config=f"language: zh\n{config} FaqRetriever]\n")
    table = '- q: ["\\u200b"]\n  a: 什么也没问\n- q: [几点开门, 营业时间]\n  a: 九点\n'
    (project / "data" / "faq.yml").write_text(table, "utf-8")
    pipeline = load(train(project, silent))
    assert [one.dense for one in pipeline.components if isinstance(one, FaqRetriever)] == [True]
    assert pipeline.parse("你们什么时候开始营业", NOW).answers[0].key == "faq/几点开门"


@pytest.mark.parametrize("text", ["how much is shipping", "送料はいくらですか"])
def test_a_question_in_letters_that_no_example_has_is_answered_all_the_same(tmp_path: Path, text: str) -> None:
    pipeline = load(train(write_project(tmp_path, config="language: zh\n"), silent))
    assert not len(pipeline.read(text, NOW).features.columns)
    meaning = pipeline.parse(text, NOW)
    assert meaning.intent == "faq"
    assert meaning.answers[0].key == "faq/shipping_fee"
