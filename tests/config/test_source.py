"""What a bot's author is told of a mistake in a YAML file: file, line, what, how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from config.source import BadProject, Strict, check, environment, parse_yaml, read_yaml


class Response(Strict):
    text: str = ""
    wait_s: float = Field(0, ge=0)


class Domain(Strict):
    version: str = "3.1"
    responses: dict[str, list[Response]] = Field({})


def problems(text: str, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(BadProject) as caught:
        check(parse_yaml(text, Path("domain.yml"), env), Domain)
    return [str(problem) for problem in caught.value.problems]


def test_a_typo_in_a_key_is_named_with_its_line_and_the_near_miss() -> None:
    text = "version: '3.1'\nresponses:\n  utter_hello:\n  - txet: 您好\n"
    assert problems(text) == ["domain.yml:4: unknown key 'txet' — did you mean 'text'?"]


def test_a_key_that_is_nothing_like_any_lists_what_is_known() -> None:
    assert problems("zzz: 1\n") == ["domain.yml:1: unknown key 'zzz' — known here: responses, version"]


def test_a_wrong_value_is_named_with_its_line_and_what_was_written() -> None:
    text = "responses:\n  utter_a:\n  - text: a\n    wait_s: soon\n"
    (line,) = problems(text)
    assert line.startswith("domain.yml:4: wait_s: input should be a valid number")
    assert "you wrote 'soon'" in line


def test_a_wrong_secret_is_not_repeated() -> None:
    class Account(Strict):
        app_secret: int = 0

    with pytest.raises(BadProject) as caught:
        check(parse_yaml("app_secret: hush", Path("credentials.yml")), Account)
    assert "hush" not in str(caught.value)


def test_every_wrong_value_is_reported_not_only_the_first() -> None:
    text = "responses:\n  utter_a:\n  - wait_s: -1\n  utter_b:\n  - wait_s: -2\n"
    assert [line.split(": ")[0] for line in problems(text)] == ["domain.yml:3", "domain.yml:5"]


def test_a_key_written_twice_is_an_error() -> None:
    assert problems("version: '1'\nversion: '2'\n") == [
        "domain.yml:2: 'version' is written twice here — the first is on line 1; keep one"
    ]


def test_broken_yaml_says_where() -> None:
    (line,) = problems("responses:\n  utter_a: [1, 2\nversion: x\n")
    assert line.startswith("domain.yml:3: not valid YAML:")


def test_a_quote_that_ends_nowhere_is_told_where_it_begins() -> None:
    (line,) = problems('responses:\n  utter_a:\n  - text: "你好\n  utter_b:\n  - text: 再见\n')
    assert line.startswith("domain.yml:3: not valid YAML:")


def test_an_unset_variable_is_named_where_it_stands() -> None:
    assert problems("version: '${NOT_SET}'\n", env={}) == [
        "domain.yml:1: the environment variable NOT_SET is not set — set NOT_SET, or put it in the file .env beside it"
    ]


def test_variables_are_filled_in_inside_longer_texts_and_lists() -> None:
    source = parse_yaml("a: ['x${ONE}y', {b: '${TWO}'}]", Path("c.yml"), {"ONE": "1", "TWO": "2"})
    assert source.data == {"a": ["x1y", {"b": "2"}]}


def test_words_that_yaml_1_1_takes_for_booleans_dates_or_sexagesimals_stay_words() -> None:
    source = parse_yaml("[no, yes, on, off, 2026-11-22, 12:30, 0123, true, ~, 1.5, -3]", Path("x.yml"))
    assert source.data == ["no", "yes", "on", "off", "2026-11-22", "12:30", 123, True, None, 1.5, -3]


def test_merge_keys_work_and_are_no_duplicates() -> None:
    source = parse_yaml("base: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\n", Path("x.yml"))
    assert source.data["use"] == {"a": 1, "b": 3}


def test_a_missing_file_and_a_file_in_another_encoding_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadProject, match="no such file"):
        read_yaml(tmp_path / "domain.yml")
    (tmp_path / "gbk.yml").write_bytes("a: 你好".encode("gbk"))
    with pytest.raises(BadProject, match="save it as UTF-8"):
        read_yaml(tmp_path / "gbk.yml")


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "bom.yml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_yaml(tmp_path / "bom.yml").data == {"a": 1}


def test_the_projects_env_file_stands_behind_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("FROM_FILE=file\nFROM_BOTH=file\n")
    monkeypatch.setenv("FROM_BOTH", "process")
    env = environment(tmp_path)
    assert (env["FROM_FILE"], env["FROM_BOTH"]) == ("file", "process")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("ab你好 -:#'\"\n", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc你", min_size=1, max_size=4), inner),
    max_leaves=8,
)


@given(PLAIN)
def test_what_is_written_as_yaml_reads_back_and_every_path_has_a_line(data: object) -> None:
    text = yaml.safe_dump(data, allow_unicode=True)
    source = parse_yaml(text, Path("x.yml"))
    assert source.data == data
    last = text.count("\n") + 1
    assert all(1 <= line <= last for line in source.lines.values())
