"""What `validate` says about training data."""

from __future__ import annotations

from pathlib import Path

from config.source import parse_yaml
from nlu.data import collect
from nlu.recipe import plan
from nlu.review import Review, review, unlisted_entities, unread


def of(*sections: str) -> Review:
    return review(collect([parse_yaml("nlu:\n" + "".join(sections), Path("data/nlu.yml"))]))


def intent(name: str, *examples: str) -> str:
    return f"  - intent: {name}\n    examples: |\n" + "".join(f"      - {example}\n" for example in examples)


FINE = ("我要退款", "退钱给我", "怎么退款", "申请退款", "把钱退了")


def test_good_data_is_passed_over_in_silence() -> None:
    assert of(intent("refund", *FINE)) == Review()


def test_one_sentence_in_two_intents_is_a_conflict_whatever_its_spelling() -> None:
    found = of(intent("refund", *FINE), intent("greet", "你好", "在吗", "嗨", "早", "我要退款！！"))
    [conflict] = found.conflicts
    assert str(conflict).startswith("data/nlu.yml:15: ")
    assert "refund at nlu.yml:4" in str(conflict)


def test_one_sentence_under_two_answers_is_a_conflict() -> None:
    assert len(of(intent("faq/a", *FINE), intent("faq/b", "我要退款")).conflicts) == 1


def test_a_sentence_written_twice_is_remarked() -> None:
    found = of(intent("refund", *FINE, "我要退 款"))
    assert not found.conflicts
    assert [str(remark) for remark in found.remarks] == [
        "data/nlu.yml:9: '我要退 款' is already at nlu.yml:4 — remove one"
    ]


def test_an_intent_with_few_examples_is_remarked() -> None:
    assert "only 1 example" in str(of(intent("refund", "我要退款")).remarks[0])


def test_a_wording_marked_as_two_entities_is_a_conflict_but_for_roles() -> None:
    marked = intent("go", "去[北京](city)", "到[北京](place)", "飞一下", "走吧走吧", "出发去玩")
    assert "marked as place here and as city" in str(of(marked).conflicts[0])
    roles = intent("go", '去[北京]{"entity":"city","role":"to"}', '从[北京]{"entity":"place","role":"from"}', *FINE[:3])
    assert not of(roles).conflicts


def test_a_synonym_that_says_two_things_is_remarked() -> None:
    synonym = "  - synonym: 北平\n    examples: |\n      - 帝都\n"
    found = of(intent("go", '去[帝都]{"entity":"city","value":"北京"}', *FINE), synonym)
    assert "stands for '北京' here, and elsewhere for '北平'" in str(found.remarks[-1])


def test_an_entity_that_the_domain_does_not_list_is_remarked() -> None:
    path = Path("nlu.yml")
    data = collect([parse_yaml("nlu:\n" + intent("order", "来份[水煮鱼](dihs)"), path)])
    (problem,) = unlisted_entities(data, {"dish"})
    assert str(problem) == "nlu.yml:4: the entity 'dihs' is not listed in the domain — did you mean 'dish'?"
    assert not unlisted_entities(data, ())


def test_data_that_no_component_reads_is_remarked() -> None:
    data = collect([parse_yaml("nlu:\n" + intent("faq/fee", "包邮吗"), Path("nlu.yml"))])
    names = ("JiebaTokenizer", "TfidfFeaturizer", "LinearIntentClassifier")
    text = "pipeline:\n" + "".join(f"- name: {name}\n" for name in names)
    told = [str(p) for p in unread(data, plan(parse_yaml(text, Path("config.yml"))), Path("config.yml"))]
    assert told == [
        "config.yml:1: nothing in the pipeline reads the questions and answers under data/ — add '- name: FaqRetriever'"
    ]
    text += "- name: FaqRetriever\n"
    assert not unread(data, plan(parse_yaml(text, Path("config.yml"))), Path("config.yml"))
