"""States of a transformer's pieces: they stand where their characters stand, and are made once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from config.source import BadProject
from nlu.component import Corpus
from nlu.data import Example, NluData
from nlu.encoder import SentenceEncoder, SentenceEncoderOptions
from nlu.encoders.adding import add
from nlu.encoders.cache import encode_all
from nlu.encoders.onnx_encoder import OnnxEncoder
from nlu.encoders.opening import USE_M3, open_encoder, resolve
from nlu.model import is_stale, latest, load, read_manifest
from nlu.normalizer import Normalizer
from nlu.pipeline import blank
from nlu.training import train
from tests.nlu.small_shop import silent, write_project
from tests.nlu.test_transformer import CONFIG, by_hand, folder_of, weights

NOW = datetime(2026, 11, 18, 10, tzinfo=UTC)
TEXTS = ["一丁七", "丁丁", "不", ""]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of random weights, with a prefix as e5 has it."""
    folder = add(str(folder_of(tmp_path_factory.mktemp("models") / "tiny", CONFIG)))
    kept = json.loads((folder / "encoder.json").read_text())
    (folder / "encoder.json").write_text(json.dumps(kept | {"prefix": "七: "}))
    return folder


class Counted(OnnxEncoder):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.asked: list[str] = []

    def states(self, text: str) -> tuple[np.ndarray, object]:
        self.asked.append(text)
        return super().states(text)


def test_each_state_stands_where_its_characters_stand_and_the_prefix_nowhere(tiny: Path) -> None:
    vector, states = OnnxEncoder(tiny).read("一丁七")
    assert states.spans == ((0, 1), (1, 2), (2, 3))
    exact = by_hand(weights(), [6, 0, 3, 4, 6])[2:]
    cosines = (states.rows * exact).sum(1) / np.linalg.norm(states.rows, axis=1) / np.linalg.norm(exact, axis=1)
    assert cosines.min() > 0.97, cosines
    assert np.array_equal(vector, OnnxEncoder(tiny).encode(["一丁七"])[0])


def test_one_pass_gives_vector_and_states_and_both_are_kept(tiny: Path, tmp_path: Path) -> None:
    first, second, third = Counted(tiny), Counted(tiny), Counted(tiny)
    cache = tmp_path / "cache" / "tiny.npz"
    before = encode_all(first, TEXTS, cache, lambda done: None, states=TEXTS)
    after = encode_all(second, [*TEXTS, "七七"], cache, lambda done: None, states=[*TEXTS, "七七"])
    assert (first.asked, second.asked) == (TEXTS, ["七七"])
    for text in TEXTS:
        assert np.array_equal(before[text].vector, after[text].vector)
        assert np.array_equal(before[text].states.rows, after[text].states.rows)
        assert before[text].states.spans == after[text].states.spans
    assert len(after["丁丁"].states.spans) == 2
    bare = encode_all(third, TEXTS, cache, lambda done: None)
    assert third.asked == []
    assert not bare["丁丁"].states.spans


def test_states_are_kept_only_where_a_later_component_wants_them(tiny: Path, tmp_path: Path) -> None:
    docs = tuple(Normalizer()(blank(text, NOW)) for text in TEXTS)
    data = NluData(tuple(Example(text, "x") for text in TEXTS))
    options = SentenceEncoderOptions(model=(USE_M3, str(tiny)))
    plain = SentenceEncoder.train(options, Corpus(tmp_path, data, docs))
    assert not plain(docs[0]).states.spans
    assert not list(tmp_path.rglob("*-states.npz"))
    wanted = SentenceEncoder.train(options, Corpus(tmp_path, data, docs, wanted=frozenset({"states"})))
    kept, served = wanted(docs[0]), wanted.served()(docs[0])
    assert kept.states.spans == served.states.spans == ((0, 1), (1, 2), (2, 3))
    assert np.array_equal(kept.states.rows, served.states.rows)
    assert np.array_equal(kept.sentence, plain(docs[0]).sentence)


def test_an_encoder_without_states_gives_none(tmp_path: Path) -> None:
    found = encode_all(open_encoder(resolve(USE_M3, tmp_path)), ["热"], tmp_path / "m3.npz", float, states=["热"])
    assert not found["热"].states.spans
    assert len(list(tmp_path.iterdir())) == 1


# --- another encoder under the same name

PIPELINE = "language: zh\npipeline: [Normalizer, JiebaTokenizer, TfidfFeaturizer, {name: SentenceEncoder, model: tiny},"
PIPELINE += " MoodAnalyzer, LinearIntentClassifier, FaqRetriever]\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    add(str(folder_of(tmp_path / "tiny", CONFIG)))
    return write_project(tmp_path, config=PIPELINE)


def replace_encoder(project: Path) -> None:
    folder = project / "tiny"
    named = load_file(str(folder / "model.safetensors"))
    save_file({name: value[::-1].copy() for name, value in named.items()}, str(folder / "model.safetensors"))
    (folder / "model.onnx").unlink()
    add(str(folder))


def test_another_encoder_in_the_same_folder_is_learned_by_anew(project: Path) -> None:
    first = read_manifest(train(project, silent))
    replace_encoder(project)
    again = read_manifest(train(project, silent))
    assert again.contents != first.contents
    for cached in (project / ".yingda" / "cache").iterdir():
        cached.unlink()
    assert again.contents == read_manifest(train(project, silent, anew=True)).contents


def test_a_model_is_stale_where_its_encoder_has_become_another(project: Path) -> None:
    folder = train(project, silent)
    assert not is_stale(project, folder)
    replace_encoder(project)
    assert is_stale(project, folder)


def test_a_model_is_not_served_with_another_encoder_than_it_was_trained_with(project: Path) -> None:
    folder = train(project, silent)
    replace_encoder(project)
    with pytest.raises(BadProject, match=r"another encoder than the one .* train again: yingda train"):
        load(folder)


def test_a_model_whose_encoder_is_not_here_says_how_to_get_it_and_is_not_stale(project: Path) -> None:
    folder = train(project, silent)
    (project / "tiny").rename(project / "away")
    assert not is_stale(project, folder)
    with pytest.raises(BadProject, match="SentenceEncoder: there is no encoder 'tiny'; choose one of"):
        load(folder)


def test_a_project_may_move_with_its_encoder(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    said = load(train(project, silent)).parse("我要退", NOW)
    moved = project.rename(tmp_path_factory.mktemp("elsewhere") / "shop")
    newest = latest(moved)
    assert newest is not None
    assert load(newest).parse("我要退", NOW) == said
