"""rjieba and jieba are the same tokenizer: equal words, equal parts of speech, equal models."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import jieba.posseg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nlu import dictionary
from nlu.cutting import Cutter, JiebaCutter, RustCutter, cutter, native
from nlu.normalize import normalize
from tests.nlu.small_shop import write_project

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
USER_WORDS = (
    "t恤衫",
    "快递a",
    "12.5折",
    "优惠大礼包",
    "我要退款啊",
    "x-1",
    "a_b",
    "c++",
    "会员卡",
    "顺丰",
    "王小明的店",
)
RUST = native()

pytestmark = pytest.mark.skipif(
    RUST is None and not os.environ.get("CI"), reason="rjieba is not installed: pip install -r requirements.txt"
)


@cache
def both(words: tuple[str, ...] = ()) -> tuple[Cutter, Cutter]:
    assert RUST is not None, "requirements.txt installs rjieba"
    return RustCutter(RUST, words), JiebaCutter(words)


@cache
def texts() -> tuple[str, ...]:
    """Lines with Chinese: of the sample bots, of the tests, of the docs, and of the data sets that lie beside."""
    files = [
        file
        for folder, kinds in (
            ("config", ("*.yml", "*.py", "*.md")),
            ("tests", ("*.py", "*.talk", "*.yml")),
            ("docs", ("*.md",)),
        )
        for kind in kinds
        for file in sorted((ROOT / folder).rglob(kind))
        if ".yingda" not in file.parts
    ]
    lines = {line.strip() for file in files for line in file.read_text("utf-8").splitlines()}
    return tuple(sorted(line for line in lines if re.search("[\u4e00-\u9fff]", line)))


def differences(words: tuple[str, ...], of: tuple[str, ...]) -> list[str]:
    rust, slow = both(words)
    spellings = {text for line in of for text in (line, normalize(line).text)}
    return [text for text in sorted(spellings) if rust.cut(text) != slow.cut(text)]


def test_the_corpus_is_one() -> None:
    assert len(texts()) > 2000
    assert any("退款" in text for text in texts())


@pytest.mark.parametrize("words", [(), USER_WORDS], ids=["no words of its own", "words of its own"])
def test_both_cut_and_tag_every_line_that_we_have_alike(words: tuple[str, ...]) -> None:
    assert differences(words, texts()[::3]) == []


@pytest.mark.full
def test_both_cut_every_line_alike() -> None:
    assert differences(USER_WORDS, texts()) == []


def test_both_cut_the_data_sets_alike() -> None:
    if not SHARED.is_dir():
        pytest.skip("the data sets of ../shared are not here")
    lines = [line for file in sorted(SHARED.glob("*/*.jsonl")) for line in file.read_text("utf-8").splitlines()[:300]]
    assert differences((), tuple(str(json.loads(line).get("text", "")) for line in lines)) == []


SIGNS = "abcDX0123.-_%+#& \n\t,。！？@/😀é𠀀㐀々〇٣我要退款订单快递顺丰会员卡的了是在恤衫折查询中国人民银行什么时候到"


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(SIGNS), st.sampled_from(USER_WORDS)), max_size=14).map("".join))
@example("DD2024-01")
@example("a_b.c 1.2.3 12%的")
@example("\r\n\r \u3000")
def test_both_cut_any_text_alike(text: str) -> None:
    rust, slow = both(USER_WORDS)
    found = rust.cut(text)
    assert found == slow.cut(text) or _repeats(text)
    assert "".join(word for word, *_ in found) == text
    assert all(text[start:end] == word for word, start, end, _ in found)


def _repeats(text: str) -> bool:
    """人人人顺: 人/人人 and 人人/人 are equally likely, and the last bit of a sum decides."""
    return re.search(r"(.)\1\1", text) is not None


def test_every_word_of_jiebas_dictionary_is_in_rjiebas_with_its_part_of_speech() -> None:
    assert RUST is not None
    rust, tags = RUST(), dictionary.tags()
    assert len(tags) > 340_000
    assert [word for word in tags if not rust.has_word(word)] == []
    some = random.Random(7).sample(sorted(tags), 20_000)
    assert [word for word in some if (cut := rust.tag(word))[1:] == [] and cut[0][1] != tags[word]] == []


def test_suggested_frequencies_are_the_same_and_so_are_the_cuts_they_lead_to() -> None:
    assert RUST is not None
    for word in ("优惠大礼包", "查订单", "顺丰速运", "我要退", "今天天气"):
        rust, slow = RUST(), dictionary.tokenizer((), 1)
        suggested = slow.suggest_freq(word)
        assert abs(rust.suggest_freq(word) - suggested) <= 1
        rust.add_word(word, suggested, "n")
        slow.add_word(word, suggested)
        text = f"请问{word}怎么样了"
        assert rust.cut(text) == slow.lcut(text)


def test_parts_of_speech_are_those_of_jieba_posseg_where_it_has_the_word() -> None:
    tagger = jieba.posseg.POSTokenizer(dictionary.tokenizer((), 1))
    text = "北京的顾客昨天买了两件红色衣服"
    assert [(word, tag) for word, _, _, tag in cutter(()).cut(text)] == [tuple(pair) for pair in tagger.cut(text)]


def test_the_part_of_speech_of_an_unknown_word_is_told_by_its_letters_and_digits() -> None:
    for one in both(("优惠大礼包",)):
        tags = {word: tag for word, _, _, tag in one.cut("优惠大礼包 dd2024 3.5 12% 😀 。")}
        assert tags == {"优惠大礼包": "nz", " ": "x", "dd2024": "eng", "3.5": "m", "12%": "m", "😀": "x", "。": "x"}


def test_a_word_of_one_cutter_is_unknown_to_another() -> None:
    for mine, other in zip(both(("优惠大礼包",)), both(), strict=True):
        assert [word for word, *_ in mine.cut("领优惠大礼包")] == ["领", "优惠大礼包"]
        assert "优惠大礼包" not in [word for word, *_ in other.cut("领优惠大礼包")]


LIGHT = """
language: zh
pipeline:
  - name: Normalizer
  - name: JiebaTokenizer
  - name: TfidfFeaturizer
  - name: LinearIntentClassifier
"""
TRAIN = """
import sys
if sys.argv[2] == "jieba":
    sys.modules["rjieba"] = None  # as where it is not installed
from pathlib import Path
from nlu import cutting
cutting.native.cache_clear()
assert (cutting.native() is None) == (sys.argv[2] == "jieba")
from nlu.training import train
folder = train(Path(sys.argv[1]), lambda phase, fraction: None)
print(folder)
"""


def test_a_model_is_the_same_whichever_is_installed(tmp_path: Path) -> None:
    models = []
    for kind in ("rjieba", "jieba"):
        project = tmp_path / kind
        write_project(project, config=LIGHT)
        command = [sys.executable, "-c", TRAIN, str(project), kind]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr
        models.append(Path(done.stdout.split()[-1]))
    files = [sorted(path.relative_to(model) for path in model.rglob("*") if path.is_file()) for model in models]
    assert files[0] == files[1]
    for file in files[0]:
        if file.name != "manifest.json":
            assert (models[0] / file).read_bytes() == (models[1] / file).read_bytes(), file
