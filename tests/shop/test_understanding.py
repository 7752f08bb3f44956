"""How well the sample shop understands what it was not trained on."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.talk import LocalBot
from config.source import read_yaml
from flows.domain import load_domain
from flows.review import review as review_flows
from nlu.data import read_data
from nlu.model import latest, load
from nlu.normalize import normalize
from nlu.pipeline import Pipeline
from nlu.review import review as review_nlu
from tests.shop.conftest import CONFIG

SHOP = CONFIG / "shop"
OUT_OF_SCOPE = "out_of_scope"
HELD_OUT: dict[str, list[str]] = read_yaml(Path(__file__).parent / "paraphrases.yml").data
PARAPHRASES = [(intent, text) for intent, texts in HELD_OUT.items() if intent != OUT_OF_SCOPE for text in texts]
NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.fixture(scope="module")
def pipeline(shop: Path) -> Pipeline:
    folder = latest(shop)
    assert folder is not None
    return load(folder)


def test_paraphrases_are_understood(pipeline: Pipeline) -> None:
    wrong = [
        (text, intent, heard) for intent, text in PARAPHRASES if (heard := pipeline.parse(text, NOW).intent) != intent
    ]
    assert len(wrong) <= 0.1 * len(PARAPHRASES), wrong


def test_an_identity_card_is_no_firms_tax_number(pipeline: Pipeline) -> None:
    """Nor are the 个人 of 五个人 the title of an invoice: slots would be filled with them unasked."""
    told = {
        text: [(one.type, one.value) for one in pipeline.parse(text, NOW).entities]
        for text in ("身份证号是110105199003070011", "税号91110105MA01ABCD12", "五个人用")
    }
    assert not any(kind in ("tax_no", "invoice_title") for text in told if "税" not in text for kind, _ in told[text])
    assert told["税号91110105MA01ABCD12"] == [("tax_no", "91110105MA01ABCD12")]


def test_every_intent_is_understood_more_often_than_not(pipeline: Pipeline) -> None:
    right: dict[str, list[bool]] = defaultdict(list)
    for intent, text in PARAPHRASES:
        right[intent].append(pipeline.parse(text, NOW).intent == intent)
    assert {intent: hits for intent, hits in right.items() if sum(hits) < 0.7 * len(hits)} == {}


async def test_what_is_out_of_scope_is_mostly_not_answered_by_a_guess(shop: Path) -> None:
    async with LocalBot.open(shop) as bot:
        guessed = []
        for i, text in enumerate(HELD_OUT[OUT_OF_SCOPE]):
            talk = bot.talk(f"stranger-{i}")
            await talk.says(text)
            if talk.turn is None or "fallback" not in talk.turn.flags:
                guessed.append((text, talk.lines))
    assert len(guessed) <= 0.3 * len(HELD_OUT[OUT_OF_SCOPE]), guessed


def test_the_held_out_texts_are_enough_and_not_in_the_training_data() -> None:
    assert all(len(texts) >= 8 for texts in HELD_OUT.values())
    assert len(HELD_OUT[OUT_OF_SCOPE]) >= 40
    trained = {normalize(example.text).text for example in read_data(SHOP).examples}
    assert not trained.intersection(normalize(text).text for texts in HELD_OUT.values() for text in texts)


def test_every_intent_has_many_examples_of_its_own() -> None:
    examples = read_data(SHOP).examples
    counts = Counter(example.label for example in examples)
    assert len(counts) >= 20
    assert {label: count for label, count in counts.items() if count < 30} == {}
    assert set(counts) == load_domain(SHOP).intents


def test_every_question_has_several_wordings_and_an_answer() -> None:
    counts = Counter(example.intent for example in read_data(SHOP).examples if example.retrieval)
    responses = load_domain(SHOP).responses
    assert sum(key.startswith("faq/") for key in counts) >= 40
    assert {key: count for key, count in counts.items() if count < 3} == {}
    assert {key for key in counts if f"utter_{key}" not in responses} == set()


@pytest.mark.parametrize("project", ["shop", "template"])
def test_a_review_finds_nothing_to_mend(project: str) -> None:
    doubts = review_nlu(read_data(CONFIG / project))
    assert [*doubts.conflicts, *doubts.remarks] == []
    assert review_flows(CONFIG / project) == []
