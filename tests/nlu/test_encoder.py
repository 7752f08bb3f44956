"""Sentence vectors: what they bring, that they are made once, and what happens without them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from config.source import BadProject
from nlu.encoders import open_encoder
from nlu.encoders.cache import encode_all
from nlu.model import latest, load
from nlu.training import train

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DATA = """
nlu:
  - intent: ask_refund
    examples: |
      - 我要退款
      - 申请退货退钱
      - 这个东西不想要了
  - intent: ask_delivery
    examples: |
      - 我的包裹到哪里了
      - 什么时候能送到
      - 帮我查一下物流
  - intent: faq/invoice
    examples: |
      - 可以开发票吗
      - 发票怎么开
  - intent: faq/hours
    examples: |
      - 你们几点上班
      - 营业时间是什么时候
"""
WITHOUT = "pipeline: [JiebaTokenizer, TfidfFeaturizer, LinearIntentClassifier, FaqRetriever]"


class Counted:
    """The real encoder, and which texts it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: list[str]) -> np.ndarray:
        self.asked += texts
        return open_encoder("use-m3").encode(texts)


def project(folder: Path, config: str = "language: zh\n") -> Path:
    (folder / "data").mkdir()
    (folder / "data" / "nlu.yml").write_text(DATA, "utf-8")
    (folder / "config.yml").write_text(config, "utf-8")
    train(folder, lambda phase, fraction: None)
    return folder


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("dense"))


@pytest.mark.parametrize(
    ("text", "intent"),
    [("把钱还给我", "ask_refund"), ("快递走到什么地方啦", "ask_delivery"), ("奥特曼的货运进度", "ask_delivery")],
)
def test_words_that_no_example_has_are_understood(bot: Path, text: str, intent: str) -> None:
    folder = latest(bot)
    assert folder is not None
    assert load(folder).read(text, NOW).ranking[0].name == intent


def test_an_answer_is_found_by_what_is_meant(bot: Path) -> None:
    folder = latest(bot)
    assert folder is not None
    doc = load(folder).read("报销要用的票据能给吗", NOW)
    assert doc.answers[0].key == "faq/invoice"


def test_vectors_are_alike_for_like_texts_and_of_length_one() -> None:
    rows = open_encoder("use-m3").encode(["我要退款", "请把钱退给我", "今天天气不错"])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2


def test_what_was_encoded_once_is_not_encoded_again(tmp_path: Path) -> None:
    cache, first, second = tmp_path / "cache.npz", Counted(), Counted()
    before = encode_all(first, ["甲", "乙", "甲"], cache, lambda done: None)
    after = encode_all(second, ["乙", "丙"], cache, lambda done: None)
    assert (first.asked, second.asked) == (["甲", "乙"], ["丙"])
    assert np.array_equal(before["乙"].vector, after["乙"].vector)


def test_a_cache_that_was_cut_off_is_made_again(tmp_path: Path) -> None:
    cache = tmp_path / "cache.npz"
    encode_all(Counted(), ["甲"], cache, lambda done: None)
    cache.write_bytes(cache.read_bytes()[:40])
    again = Counted()
    encode_all(again, ["甲"], cache, lambda done: None)
    assert again.asked == ["甲"]


def test_equal_data_gives_equal_vectors_whether_cached_or_not(tmp_path: Path) -> None:
    folder = project(tmp_path)
    first = latest(folder)
    train(folder, lambda phase, fraction: None)
    second = latest(folder)
    assert first is not None
    assert second is not None
    one, other = (load(model).read("我想退货", NOW) for model in (first, second))
    assert np.array_equal(one.sentence, other.sentence)
    assert one.ranking == other.ranking


def test_a_pipeline_without_it_works_by_words_alone(tmp_path: Path) -> None:
    folder = latest(project(tmp_path, WITHOUT))
    assert folder is not None
    doc = load(folder).read("发票怎么开呀", NOW)
    assert not len(doc.sentence)
    assert doc.answers[0].key == "faq/invoice"


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    config = "pipeline:\n  - name: JiebaTokenizer\n  - name: SentenceEncoder\n    model: use-m4\n"
    with pytest.raises(BadProject, match=r"no encoder 'use-m4'; choose one of use-m3, e5-small-zh"):
        project(tmp_path, config)


def test_a_list_without_a_model_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(BadProject, match=r"config\.yml:1: .*at least 1 item"):
        project(tmp_path, "pipeline: [JiebaTokenizer, {name: SentenceEncoder, model: []}]")
