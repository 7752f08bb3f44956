"""What a bot's author types, in the order of the README: init, train, parse, validate, test; and every mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot import __version__
from bot.cli import cli


def yingda(*words: str | Path, typed: str | None = None) -> Result:
    return CliRunner().invoke(cli, list(map(str, words)), input=typed)


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small bot that `init` copies, trained."""
    folder = tmp_path_factory.mktemp("cli") / "my-bot"
    assert yingda("init", folder).exit_code == 0
    trained = yingda("train", "--project", folder)
    assert trained.exit_code == 0, trained.output
    assert "Model " in trained.stdout
    return folder


@pytest.fixture
def broken(bot: Path, tmp_path: Path) -> Path:
    """A copy of the bot's files to break."""
    folder = tmp_path / "broken"
    assert yingda("init", folder).exit_code == 0
    return folder


def test_the_version_is_printed() -> None:
    assert yingda("version").stdout.strip() == __version__
    assert __version__ in yingda("--version").stdout


def test_init_says_what_comes_next_and_never_writes_over_anything(tmp_path: Path) -> None:
    done = yingda("init", tmp_path / "new")
    assert f"yingda run --project {tmp_path / 'new'}" in done.stdout
    again = yingda("init", tmp_path / "new")
    assert (again.exit_code, "not empty" in again.stderr) == (2, True)


def test_training_again_without_a_change_does_nothing(bot: Path) -> None:
    assert "Nothing has changed" in yingda("train", "--project", bot).stdout
    assert len(yingda("models", "--project", bot).stdout.splitlines()) == 1


def test_parse_shows_the_meaning_of_a_text(bot: Path) -> None:
    meaning = json.loads(yingda("parse", "--project", bot, "你好").stdout)
    assert meaning["text"] == "你好"
    assert meaning["ranking"][0]["confidence"] <= 1


def test_parse_reads_lines_of_text_and_of_json(bot: Path) -> None:
    done = yingda("parse", "--project", bot, typed='你好\n\n{"text": "再见"}\n')
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["你好", "再见"]
    wrong = yingda("parse", "--project", bot, typed='{"txt": 1}\n')
    assert (wrong.exit_code, "line 1 is no JSON object" in wrong.stderr) == (2, True)


def test_the_copied_bot_has_nothing_to_mend_and_its_talks_pass(bot: Path) -> None:
    checked = yingda("validate", "--project", bot)
    assert (checked.exit_code, checked.stdout) == (0, "Nothing to mend.\n")
    talks = yingda("test", "stories", "--project", bot)
    assert talks.exit_code == 0, talks.output


def test_an_intent_that_the_domain_does_not_know_is_said(broken: Path) -> None:
    data = broken / "data" / "nlu.yml"
    data.write_text(data.read_text("utf-8").replace("intent: greet", "intent: gret", 1), "utf-8")
    checked = yingda("validate", "--project", broken)
    assert checked.exit_code == 1
    assert "the intent 'gret' is not listed in the domain — did you mean 'greet'?" in checked.stdout


def test_a_talk_that_fails_shows_where_and_exits_with_1(bot: Path, tmp_path: Path) -> None:
    talk = tmp_path / "wrong.talk"
    talk.write_text("- U: 你好\n- B: 这句话机器人不会说\n", encoding="utf-8")
    done = yingda("test", "stories", "--project", bot, talk)
    assert done.exit_code == 1
    assert "wrong.talk:1" in done.stdout


def test_the_understanding_is_measured_and_saved(bot: Path, tmp_path: Path) -> None:
    done = yingda("test", "nlu", "--project", bot, "--folds", "2", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert {path.name for path in tmp_path.iterdir()} == {"nlu_report.html", "nlu_report.json", "nlu_confusion.png"}
    assert "Testing" in done.stderr
    report = json.loads((tmp_path / "nlu_report.json").read_text("utf-8"))
    assert report["about"] | {"at": ""} == {
        "bot": "my-bot", "how": "folds", "detail": "2", "at": "", "release": __version__
    }  # fmt: skip
    assert report["curve"] == []


LIGHT = "language: zh\npipeline:\n" + "".join(
    f"  - name: {name}\n"
    for name in ("Normalizer", "JiebaTokenizer", "TfidfFeaturizer", "LinearIntentClassifier", "FallbackClassifier")
)


def test_everything_there_is_to_measure_can_be_asked_for(bot: Path, broken: Path, tmp_path: Path) -> None:
    (broken / "config.yml").write_text(LIGHT, "utf-8")
    other = tmp_path / "other.yml"
    other.write_text(LIGHT.replace("TfidfFeaturizer", "TfidfFeaturizer\n  - name: SentenceEncoder"), "utf-8")
    out = tmp_path / "out"
    words = ("--folds", "2", "--all", "--compare", other, "--language", "en", "--out", out)
    done = yingda("test", "nlu", "--project", broken, *words)
    assert done.exit_code == 0, done.output
    report = json.loads((out / "nlu_report.json").read_text("utf-8"))
    assert [point["size"] for point in report["few_shot"]] == [5, 10, 20]
    assert report["curve"][-1]["size"] == 1.0
    assert 0 <= report["strangers"]["auroc"]["mean"] <= 1
    assert (report["comparison"]["first"], report["comparison"]["second"]) == ("config.yml", "other.yml")
    assert "other.yml beside config.yml" in done.stdout
    assert 'lang="en"' in (out / "nlu_report.html").read_text("utf-8")


def test_trained_models_are_compared_on_sentences_that_neither_has_seen(bot: Path, tmp_path: Path) -> None:
    held_out = tmp_path / "heldout.yml"
    held_out.write_text("nlu:\n  - intent: greet\n    examples: |\n      - 哈喽哈喽\n      - 喂在不在\n", "utf-8")
    version = yingda("models", "--project", bot).stdout.split()[0]
    words = ("test", "nlu", "--project", bot, "--out", tmp_path / "out", "--file", held_out)
    done = yingda(*words, "--compare-model", version)
    assert done.exit_code == 0, done.output
    assert f"{version} beside {version}, 2 sentences: level" in done.stdout
    assert json.loads((tmp_path / "out" / "nlu_report.json").read_text("utf-8"))["about"]["detail"] == "heldout.yml"
    unknown = yingda(*words, "--compare-model", "20200101")
    assert (unknown.exit_code, f"there are: {version}" in unknown.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--compare-model", "x"), "by --file"),
        (("--file", "{held}", "--curve"), "no --file"),
        (("--file", "{held}", "--compare", "{held}", "--compare-model", "x"), "not with both"),
    ],
)
def test_measurements_that_exclude_each_other_are_told(
    bot: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    held = tmp_path / "held.yml"
    held.write_text("nlu: []\n", "utf-8")
    done = yingda("test", "nlu", "--project", bot, *(word.format(held=held) for word in words))
    assert (done.exit_code, said in " ".join(done.stderr.split())) == (2, True)


@pytest.mark.parametrize(
    ("file", "before", "after", "line"),
    [
        ("data/flows.yml", "steps:", "stpes:", "did you mean 'steps'?"),
        ("domain.yml", "responses:", "respones:", "did you mean 'responses'?"),
        ("config.yml", "JiebaTokenizer", "JeibaTokenizer", "JiebaTokenizer"),
        ("data/nlu.yml", "examples:", "exampels:", "did you mean 'examples'?"),
    ],
)
def test_a_typo_in_any_file_is_one_line_with_its_place(
    broken: Path, file: str, before: str, after: str, line: str
) -> None:
    path = broken / file
    text = path.read_text("utf-8")
    assert before in text
    number = text[: text.index(before)].count("\n") + 1
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    done = yingda("train", "--project", broken)
    assert done.exit_code == 2
    first = done.stderr.splitlines()[0]
    assert first.startswith(f"{path}:{number}: ")
    assert line in first
    assert "Traceback" not in done.output


def test_a_folder_that_is_no_bot_is_said_so(tmp_path: Path) -> None:
    nowhere = yingda("train", "--project", tmp_path / "nowhere")
    assert (nowhere.exit_code, "yingda init" in nowhere.stderr) == (2, True)
    empty = yingda("train", "--project", tmp_path)
    assert (empty.exit_code, "has no domain.yml" in empty.stderr) == (2, True)


def test_what_needs_a_model_says_how_to_get_one(broken: Path) -> None:
    done = yingda("parse", "--project", broken, "你好")
    assert done.exit_code == 2
    assert f"yingda train --project {broken}" in done.stderr


def test_a_misspelt_command_names_what_there_is() -> None:
    done = yingda("trian")
    assert (done.exit_code, "train" in done.stderr) == (2, True)


def test_a_misspelt_setting_stops_with_the_near_miss(bot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINGDA_TIMEZON", "Asia/Tokyo")
    done = yingda("parse", "--project", bot, "你好")
    assert (done.exit_code, "did you mean 'YINGDA_TIMEZONE'?" in done.stderr) == (2, True)


def test_what_a_pipeline_of_rasa_becomes_is_told(broken: Path) -> None:
    config = "language: zh\npipeline:\n- name: WhitespaceTokenizer\n- name: mine.Spelling\n- name: DIETClassifier\n"
    (broken / "config.yml").write_text(config, "utf-8")
    for words in (("train",), ("validate",)):
        said = yingda(*words, "--project", broken)
        assert said.exit_code == 0, said.output
        assert "custom component 'mine.Spelling' is left out" in said.stderr
        assert "DIETClassifier      -> LinearIntentClassifier" in said.stderr


def test_doubtful_data_is_listed_for_people_and_for_machines(bot: Path, broken: Path) -> None:
    listed = yingda("data", "review", "--project", bot)
    assert listed.exit_code == 0, listed.output
    data = broken / "data" / "nlu.yml"
    data.write_text(data.read_text("utf-8") + "  - intent: goodbye\n    examples: |\n      - 你好！！\n", "utf-8")
    found = yingda("data", "review", "--project", broken, "--kind", "conflict")
    assert found.exit_code == 1
    last = len(data.read_text("utf-8").splitlines())
    assert f"{data}:{last}: '你好！！' is an example of goodbye here" in found.stdout
    rows = json.loads(yingda("data", "review", "--project", broken, "--json").stdout)
    assert (rows[0]["kind"], rows[0]["line"]) == ("conflict", last)
    nothing = yingda("data", "review", "--project", bot, "--kind", "conflict")
    assert (nothing.exit_code, nothing.stdout) == (0, "Nothing doubtful.\n")
