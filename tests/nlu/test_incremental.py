"""What has not changed is not learned again; and whatever happens, the last whole model stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nlu import sample
from nlu.data import Example, NluData
from nlu.model import is_stale, latest, load, models_folder, read_manifest
from nlu.training import train
from tests.nlu.small_shop import NOW, silent, write_project
from tests.nlu.test_models import LIGHT, content

CLASSIFIER, RETRIEVER = "03-LinearIntentClassifier", "07-FaqRetriever"
TABLE = "".join(f"- q: [第{i}种商品怎么保养, 保养第{i}种商品]\n  a: 第{i}种答案\n" for i in "一二三四五六七八九十")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = write_project(tmp_path, config=LIGHT)
    (folder / "data" / "faq.yml").write_text(TABLE, "utf-8")
    return folder


def part(folder: Path, step: str) -> dict[str, bytes]:
    return {name: data for name, data in content(folder).items() if name.startswith(step)}


def trained_steps(project: Path) -> set[str]:
    """Train, and tell which steps learned something: the others are not even asked for their progress."""
    asked: set[str] = set()
    before = latest(project)
    folder = train(project, silent)
    now = read_manifest(folder)
    old = read_manifest(before) if before else None
    for (name, _), mark in zip(now.steps, now.fingerprints, strict=True):
        if old is None or mark not in old.fingerprints:
            asked.add(name)
    return asked


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_a_changed_answer_leaves_the_intents_as_they_are(project: Path) -> None:
    first = train(project, silent)
    edit(project / "data" / "faq.yml", "第三种答案", "用软布擦")
    assert trained_steps(project) == {"FaqRetriever"}
    second = latest(project)
    assert second is not None
    assert second != first
    assert part(second, CLASSIFIER) == part(first, CLASSIFIER)
    assert part(second, RETRIEVER) != part(first, RETRIEVER)
    assert not is_stale(project, second)


def test_a_new_question_is_answered_though_the_intents_have_not_been_learned_anew(project: Path) -> None:
    first = train(project, silent)
    (project / "data" / "faq.yml").write_text(TABLE + "- q: 我要退款但是没有发票\n  a: 没有发票也能退\n", "utf-8")
    assert trained_steps(project) == {"FaqRetriever"}
    assert load(first).parse("我要退款但是没有发票", NOW).intent == "refund"
    last = latest(project)
    assert last is not None
    meaning = load(last).parse("我要退款，但是没有发票！", NOW)
    assert (meaning.intent, meaning.confidence) == ("faq", 1.0)
    assert meaning.answers[0].key == "faq/我要退款但是没有发票"


def test_an_intents_sentence_stays_the_intents_own_beside_the_same_question(project: Path) -> None:
    (project / "data" / "faq.yml").write_text(TABLE + "- q: 我要退款\n  a: 在订单页申请\n", "utf-8")
    edit(project / "data" / "nlu.yml", "- 退一下款", "- 我要退一下款")
    meaning = load(train(project, silent)).parse("我要退款", NOW)
    assert meaning.intent in ("faq", "refund")
    assert meaning.answers[0].confidence == 1.0


def test_a_changed_intent_gives_the_model_that_learning_everything_gives(project: Path) -> None:
    train(project, silent)
    edit(project / "data" / "nlu.yml", "- 嗨", "- 嗨嗨嗨")
    assert {"TfidfFeaturizer", "LinearIntentClassifier"} < trained_steps(project)
    again = latest(project)
    assert again is not None
    assert content(again) == content(train(project, silent, anew=True))


def test_a_faq_that_has_become_another_is_learned_by_the_intents_too(project: Path) -> None:
    train(project, silent)
    (project / "data" / "faq.yml").write_text(TABLE.replace("保养", "退换"), "utf-8")
    assert "LinearIntentClassifier" in trained_steps(project)
    again = latest(project)
    assert again is not None
    assert content(again) == content(train(project, silent, anew=True))


def test_small_changes_add_up(project: Path) -> None:
    train(project, silent)
    learned = []
    for i in "一二三四五六七八九":
        edit(project / "data" / "faq.yml", f"第{i}种商品怎么保养", f"第{i}种商品怎么修")
        learned.append("LinearIntentClassifier" in trained_steps(project))
    assert not learned[0]
    assert any(learned)


def test_an_option_of_one_step_trains_that_step(project: Path) -> None:
    train(project, silent)
    edit(project / "config.yml", "  - name: FaqRetriever\n", "  - name: FaqRetriever\n    top: 2\n")
    assert trained_steps(project) == {"FaqRetriever"}


@pytest.mark.parametrize("left", [b"", b"{"])
def test_a_damaged_last_model_is_not_built_upon(project: Path, left: bytes) -> None:
    whole = train(project, silent)
    wanted = content(whole)
    (whole / CLASSIFIER / "classifier.json").write_bytes(left)
    assert content(train(project, silent)) == wanted


def test_the_last_trained_model_is_the_latest_even_where_the_clock_was_set_back(project: Path) -> None:
    def at(second: int) -> Callable[[], datetime]:
        return lambda: datetime(2026, 1, 1, 12, 0, second, tzinfo=UTC)

    for i, second in enumerate((30, 30, 30, 10)):
        edit(project / "data" / "nlu.yml", "- 嗨" + "呀" * i, "- 嗨" + "呀" * (i + 1))
        assert latest(project) != (folder := train(project, silent, at(second)))
        assert latest(project) == folder


@pytest.mark.parametrize("phase", ["LinearIntentClassifier", "saving"])
def test_a_training_that_is_killed_leaves_the_old_model(project: Path, phase: str) -> None:
    old = train(project, silent)
    wanted = content(old)
    edit(project / "data" / "nlu.yml", "- 嗨", "- 嗨嗨嗨")
    command = [sys.executable, "-m", "nlu.training", str(project)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            if json.loads(line).get("phase") == phase:
                os.kill(child.pid, signal.SIGKILL)
                break
    assert child.returncode == -signal.SIGKILL
    assert latest(project) == old
    assert content(old) == wanted
    assert is_stale(project, old)
    assert load(train(project, silent)).parse("嗨嗨嗨", NOW).intent == "greet"


def test_what_a_killed_training_left_is_cleared_away_later(project: Path) -> None:
    draft = models_folder(project) / ".draft-abc"
    draft.mkdir(parents=True)
    fresh = models_folder(project) / ".draft-now"
    fresh.mkdir()
    os.utime(draft, (0, 0))
    train(project, silent)
    assert not draft.exists()
    assert fresh.exists()


def faq_of(answers: int, wordings: int) -> NluData:
    examples = [Example(f"问题{a}说法{w}", f"faq/{a}") for a in range(answers) for w in range(wordings)]
    own = [Example(f"你好{i}", "greet") for i in range(10)]
    return NluData((*own, *examples), answers={f"faq/{a}": f"答{a}" for a in range(answers)})


def test_of_a_long_faq_the_intents_learn_from_a_part_with_as_many_answers_as_can_be() -> None:
    data = sample.core(faq_of(500, 3))
    asked = [one.intent for one in data.examples if one.retrieval]
    assert len(asked) == sample.MANY
    assert len(set(asked)) == 500
    assert set(data.answers) == set(asked)
    assert sum(not one.retrieval for one in data.examples) == 10
    assert sample.core(faq_of(100, 3)) == faq_of(100, 3)


def test_the_part_stays_nearly_the_same_where_the_faq_grows() -> None:
    before, after = sample.marks(sample.core(faq_of(1000, 2))), sample.marks(sample.core(faq_of(1010, 2)))
    assert before != after
    assert sample.much_the_same(after, before)
    assert not sample.much_the_same(sample.marks(sample.core(faq_of(300, 2))), before)


def test_nothing_is_learned_where_nothing_has_changed(project: Path) -> None:
    first = train(project, silent)
    assert trained_steps(project) == set()
    second = latest(project)
    assert second is not None
    assert content(second) == content(first)
