"""Reading `.talk` files: what may stand there, and what is said of what may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.message import Event, Image, Text
from bot.talk import Script, read_script
from config.source import BadProject


def script(tmp_path: Path, text: str) -> Script:
    path = tmp_path / "a.talk"
    path.write_text(text, "utf-8")
    return read_script(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(BadProject) as bad:
        script(tmp_path, text)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in bad.value.problems]


def test_what_the_bot_says_belongs_to_what_was_said_before(tmp_path: Path) -> None:
    first, second = script(tmp_path, "- U: 你好\n- B: 您好\n- B: /几位/\n- U: 4\n").lines
    assert (first.said, first.line, first.bot) == (Text("你好"), 1, (("您好", 2), ("/几位/", 3)))
    assert (second.said, second.line, second.bot) == (Text("4"), 4, None)


def test_silence_is_written_as_null(tmp_path: Path) -> None:
    (line,) = script(tmp_path, "- U: 你好\n- B: null\n").lines
    assert line.bot == ()


def test_waits_add_up_before_the_next_message(tmp_path: Path) -> None:
    lines = script(tmp_path, "- U: 1\n- wait: 30s\n- wait: 1.5h\n- U: 2\n- wait: 2d\n- U: 3\n").lines
    assert [line.wait for line in lines] == [0, 30 + 5400, 172_800]


def test_other_content_than_text_may_be_sent(tmp_path: Path) -> None:
    lines = script(tmp_path, "- U: {kind: image, url: u}\n- U: {kind: event, name: subscribe}\n").lines
    assert [line.said for line in lines] == [Image(url="u"), Event("subscribe")]


def test_facts_know_which_keys_were_written(tmp_path: Path) -> None:
    (line,) = script(tmp_path, '- U: 1\n- "!": {flow: null, slots: {a: 1}}\n').lines
    ((facts, at),) = line.facts
    assert (facts.model_fields_set, facts.flow, facts.slots, at) == ({"flow", "slots"}, None, {"a": 1}, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a.talk:1: a talk is a list of lines"),
        ("U: 你好", "a.talk:1: a talk is a list of lines"),
        ("- B: 您好", "a.talk:1: nobody has said anything yet"),
        ("- U: 你好\n- Bot: 您好", "a.talk:2: unknown key 'Bot' — known here: !, B, U, wait"),
        ("- U: 你好\n- {B: 您好, U: 再见}", "a.talk:2: a line has one key"),
        ("- U: 你好\n- B: [您好]", "a.talk:2: what the bot says is text"),
        ("- U: 你好\n- B: /您(好/", "a.talk:2: not a regular expression"),
        ("- U: 你好\n- wait: soon", "a.talk:2: not a time: 'soon'"),
        ("- U: {kind: picture}", "a.talk:1: not something that can be sent"),
        ('- U: 你好\n- "!": {slot: {a: 1}}', "a.talk:2: unknown key 'slot' — did you mean 'slots'?"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(said)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "- B: 1\n- U: 2\n- wait: x\n- C: 3\n")) == 3
