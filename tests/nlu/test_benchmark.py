"""`benchmarks/nlu.py` on any folder of sentences: it runs as it is called, and what it reads is what the files say."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.floors import _labels, _spans, floor, pycrfsuite
from benchmarks.published import known
from benchmarks.sets import _apart, as_read, marked, read_examples, write_project
from benchmarks.understanding import with_encoder
from nlu.data import Example, NluData, read_data, read_marks
from nlu.meaning import Entity
from nlu.recipe import read_recipe

ROOT = Path(__file__).parents[2]
CITIES, VERBS = (
    ("北京", "上海", "广州", "三亚"),
    {"weather/find": "天气", "ticket": "机票", "hotel": "酒店", "food": "美食"},
)


def lines() -> list[dict[str, Any]]:
    return [
        {
            "text": text,
            "intent": intent,
            "entities": [{"start": at, "end": at + 2, "value": city, "entity": "city/name"}],
        }
        for intent, word in VERBS.items()
        for shape in ("{0}{1}", "看看{0}的{1}", "我想问{0}{1}怎么样", "{0}有什么{1}", "[{0}]{1}呢")
        for city in CITIES
        if (at := (text := shape.format(city, word)).index(city)) >= 0
    ]


def write(folder: Path, **files: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    for name, rows in files.items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")
    return folder


def run(*words: str | Path) -> tuple[dict[str, Any], str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "nlu.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_a_folder_of_sentences_is_measured_beside_the_floor(tmp_path: Path) -> None:
    rows = lines()
    folder = write(tmp_path / "cities", train=rows[::2], test=rows[1::2])
    found, table = run("--data", folder, "--model", "none", "--few-shot", "--far", folder)
    ours = found["yingda"]
    assert (found["set"], found["train"], found["test"], found["intents"]) == ("cities", 40, 40, 4)
    assert 0.5 < ours["accuracy"] <= 1
    assert 0 <= ours["sentence"] <= ours["accuracy"]
    assert set(ours["few_shot"]) == {"10", "5"}
    assert ours["far_auroc"] == 0.5, "the set itself is not strange"
    assert 0 <= ours["near_auroc"]["mean"] <= 1
    assert ours["peak_rss_mb"] > 50
    assert ours["second_train_s"] > 0
    assert ours["parse_p50_ms"] <= ours["parse_p99_ms"]
    assert found["floor"]["accuracy"] > 0.5
    assert "intent accuracy" in table
    assert "floor, here" in table


def test_questions_with_answers_are_measured_by_the_first_and_the_first_three(tmp_path: Path) -> None:
    asked = {
        1: ("运费多少", "邮费谁出", "包邮吗"),
        2: ("怎么开发票", "发票抬头", "要专票"),
        3: ("几天到", "多久送达", "到货时间"),
    }
    rows = [{"query": query, "answer_id": answer} for answer, queries in asked.items() for query in queries]
    folder = write(tmp_path / "faq", train=rows, test=[{"query": "运费是多少呢", "answer_id": 1}])
    found, table = run(folder, "--model", "none")
    assert (found["yingda"]["top1"], found["yingda"]["top3"], found["floor"]["top1"]) == (1.0, 1.0, 1.0)
    assert "near_auroc" not in found["yingda"]
    assert "right answer first" in table


def test_a_bot_is_measured_with_other_encoders_without_touching_it(tmp_path: Path) -> None:
    examples = tuple(Example(row["text"], row["intent"].replace("/", ".")) for row in lines())
    write_project(tmp_path, NluData(examples), "use-m3")
    before = (tmp_path / "config.yml").read_text("utf-8")
    found, table = run("--project", tmp_path, "--model", "none")
    assert list(found["models"]) == ["none"]
    assert found["models"]["none"]["accuracy"] > 0.5
    assert "cross-validated" in table
    assert (tmp_path / "config.yml").read_text("utf-8") == before
    assert not (tmp_path / ".yingda" / "models").exists()


def test_an_encoder_is_put_where_its_line_would_be(tmp_path: Path) -> None:
    write_project(tmp_path, NluData(), "none")
    recipe = read_recipe(tmp_path)
    names = [step.name for step in with_encoder(recipe, ["use-m3"]).steps]
    assert names.index("SentenceEncoder") == names.index("LinearIntentClassifier") - 1
    assert with_encoder(with_encoder(recipe, ["use-m3"]), []) == recipe


def test_what_is_written_as_a_project_is_what_was_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "cities", train=lines())
    examples = read_examples(folder / "train.jsonl")
    assert {one.intent for one in examples} == {"weather.find", "ticket", "hotel", "food"}
    write_project(tmp_path / "bot", NluData(tuple(examples)), "none")
    kept = read_data(tmp_path / "bot").examples
    assert [(one.text, one.intent, [(e.type, e.text, e.start) for e in one.entities]) for one in kept] == [
        (one.text, one.intent, [(e.type, e.text, e.start) for e in one.entities]) for one in as_read(examples)
    ]
    assert len({one.line for one in kept}) == len(kept)


@given(st.text(max_size=30), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=4))
def test_any_sentence_can_be_marked(text: str, spans: list[tuple[int, int]]) -> None:
    entities = [Entity("kind", text[start:end], "", start, end) for start, end in spans if end <= len(text)]
    example = Example(text, "a", _apart(entities))
    shown, found = read_marks(marked(example))
    assert len(shown) == len(text)
    assert [(one.start, one.end) for one in found] == [(one.start, one.end) for one in example.entities]


def test_a_malformed_line_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "bad", train=[lines()[0], {"txt": 1}])
    with pytest.raises(ValueError, match=r"train\.jsonl:2: "):
        read_examples(folder / "train.jsonl")


def test_a_set_is_known_by_its_size_or_its_name() -> None:
    by_size, by_name = known("any-name", 1501, 646), known("SMP2020-ecdt", 1, 1)
    assert by_size is not None
    assert by_size.rasa == {"accuracy": 93.3}
    assert by_name is not None
    assert by_name.best["sentence"] == 80.76
    assert known("mine", 10, 10) is None


def test_labels_of_characters_give_the_spans_back() -> None:
    one = Example("从北京到上海", "go", (Entity("city", "北京", "北京", 1, 3), Entity("city", "上海", "上海", 4, 6)))
    assert list(_spans(_labels(one))) == [(1, 3, "city"), (4, 6, "city")]
    assert list(_spans(["B-a", "B-a", "I-a", "I-b"])) == [(0, 1, "a"), (1, 3, "a"), (3, 4, "b")]
    rows = [replace_entity(row) for row in lines()]
    if pycrfsuite is None and not os.environ.get("CI"):
        pytest.skip("python-crfsuite is not installed: pip install -r requirements.txt")
    assert floor(rows, rows)["slot_f1"] == 1.0


def replace_entity(row: dict[str, Any]) -> Example:
    [one] = row["entities"]
    entity = Entity(one["entity"], one["value"], one["value"], one["start"], one["end"])
    return Example(row["text"], row["intent"].replace("/", "."), (entity,))


BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def _names(module: str) -> set[str]:
    """What a module of benchmarks/ defines or imports, without running it."""
    tree = ast.parse((BENCHMARKS / f"{module}.py").read_text("utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    imported = {
        one.asname or one.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for one in node.names
    }
    return defined | stored | imported


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_takes_from_others_only_what_they_have(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("benchmarks."):
            assert {one.name for one in node.names} <= _names(str(node.module).removeprefix("benchmarks."))
