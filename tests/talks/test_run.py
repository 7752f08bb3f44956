"""Running `.talk` files: green, red with a readable difference, and without a trace in the project."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.talk import LocalBot, Report, run_talks
from bot.talk.run import find_talks
from config.source import BadProject

BOOKING = """
- U: 我要订位
- B: 请问几位？
- "!": {flow: book, intent: book, slots: {people: null}}
- U: 4个人
- B: 订 4 位，对吗？
- U: "1"
- B: 订好了。
- "!": {called: [action_book], flow: null}
"""


def run(project: Path, tmp_path: Path, *talks: str) -> Report:
    files = [tmp_path / f"{i}.talk" for i in range(len(talks))]
    for file, text in zip(files, talks, strict=True):
        file.write_text(text, "utf-8")
    return run_talks(project, files)


def failure(project: Path, tmp_path: Path, text: str) -> str:
    (result,) = run(project, tmp_path, text).results
    assert result.failure is not None
    return str(result.failure).removeprefix(f"{tmp_path}/")


def test_a_talk_that_goes_as_written_is_green(trained: Path, tmp_path: Path) -> None:
    report = run(trained, tmp_path, BOOKING, BOOKING)
    assert report.ok, report.text()
    assert [result.turns for result in report.results] == [3, 3]
    assert "2 of 2 talks went as written" in report.text()


def test_what_actions_write_stays_out_of_the_project(trained: Path, tmp_path: Path) -> None:
    run(trained, tmp_path, BOOKING)
    assert not (trained / "booked.txt").exists()


def test_other_words_than_expected_are_shown_side_by_side_with_the_reason(trained: Path, tmp_path: Path) -> None:
    said = failure(trained, tmp_path, "- U: 你好\n- B: 您好\n- U: 我要订位\n- B: 几个人？\n")
    assert said.startswith("0.talk:3: U: 我要订位\n- B: 几个人？\n+ B: 请问几位？\n")
    assert "understood: book" in said
    assert "start_flow" in said


@pytest.mark.parametrize("bot", ["- B: 您好\n- B: 欢迎", "- B: null", "- B: /再见/", "- B: 您"])
def test_more_fewer_or_other_lines_are_red(trained: Path, tmp_path: Path, bot: str) -> None:
    assert "+ B: 您好" in failure(trained, tmp_path, f"- U: 你好\n{bot}\n")


@pytest.mark.parametrize(
    ("fact", "shown"),
    [
        ("slots: {people: 5}", "- people = 5\n+ people = 4.0"),
        ("called: [action_book]", "- action_book is called\n+ called: nothing"),
        ("flow: null", "- flow: None\n+ flow: book"),
        ("intent: greet", "- intent: greet\n+ intent: "),
        ("flags: [handoff]", "- flagged handoff\n+ flags: none"),
    ],
)
def test_a_fact_that_does_not_hold_is_red(trained: Path, tmp_path: Path, fact: str, shown: str) -> None:
    said = failure(trained, tmp_path, f'- U: 我要订位\n- U: 4个人\n- "!": {{{fact}}}\n')
    assert said.startswith("0.talk:3: U: 4个人\n  B: 订 4 位，对吗？")
    assert shown in said


def test_what_must_not_be_called_is_red_when_it_is(trained: Path, tmp_path: Path) -> None:
    talk = '- U: 我要订位\n- U: 4个人\n- U: 对\n- "!": {not_called: [action_book]}\n'
    assert "- action_book is not called" in failure(trained, tmp_path, talk)


def test_a_talk_stops_at_its_first_failure_and_the_others_go_on(trained: Path, tmp_path: Path) -> None:
    report = run(trained, tmp_path, "- U: 你好\n- B: 1\n- U: 你好\n- B: 2\n", BOOKING)
    assert [(result.turns, result.failure is None) for result in report.results] == [(1, False), (3, True)]
    assert not report.ok
    assert "1 of 2 talks went as written" in report.text()


def test_time_passes_only_where_a_talk_says_so(trained: Path, tmp_path: Path) -> None:
    away = '- U: 我要订位\n- wait: {}\n- U: "4"\n'
    staying = run(trained, tmp_path, away.format("10m") + '- "!": {flow: book, slots: {people: 4}}\n')
    leaving = run(trained, tmp_path, away.format("3h") + '- "!": {flow: null}\n')
    assert staying.ok, staying.text()
    assert leaving.ok, leaving.text()


def test_unreadable_talks_are_all_told_before_any_runs(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(BadProject) as bad:
        run(trained, tmp_path, "- B: 1\n", "- X: 1\n")
    assert len(bad.value.problems) == 2


def test_a_broken_project_is_told_by_the_names_of_its_own_files(trained: Path, tmp_path: Path) -> None:
    flows = trained / "data" / "flows.yml"
    sound = flows.read_text("utf-8")
    flows.write_text(sound.replace("then: book", "then: bok"), "utf-8")
    try:
        with pytest.raises(BadProject) as bad:
            run(trained, tmp_path, BOOKING)
    finally:
        flows.write_text(sound, "utf-8")
    assert [problem.file for problem in bad.value.problems] == [str(flows)]


def test_an_untrained_project_is_told_to_be_trained(tmp_path: Path) -> None:
    with pytest.raises(BadProject, match="nothing is trained yet — run: yingda train"):
        run(tmp_path, tmp_path, BOOKING)


def test_talks_are_found_in_the_projects_tests_and_in_named_folders(tmp_path: Path) -> None:
    for name in ("tests/b.talk", "tests/more/a.talk", "tests/notes.txt", "other/c.talk"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", "utf-8")
    assert [path.name for path in find_talks(tmp_path)] == ["b.talk", "a.talk"]
    assert [path.name for path in find_talks(tmp_path, [tmp_path / "other"])] == ["c.talk"]


async def test_a_client_sees_what_came_of_each_turn(trained: Path) -> None:
    async with LocalBot.open(trained) as bot:
        talk = bot.talk("wang")
        await talk.says("我要订位")
        talk.expects("请问几位？")
        assert (talk.flow, dict(talk.slots), talk.called) == ("book", {}, [])
        await talk.says("6位")
        talk.expects("/订 6 位/")
        assert talk.lines == ["订 6 位，对吗？\n1. 对\n2. 不对"]
        assert talk.slots["people"] == 6
        with pytest.raises(AssertionError, match="- B: 再见\n\\+ B: 订 6 位"):
            talk.expects("再见")


async def test_two_people_talk_at_the_same_time_without_mixing(trained: Path) -> None:
    async with LocalBot.open(trained) as bot:
        one, other = bot.talk("wang"), bot.talk("li")
        await asyncio.gather(one.says("我要订位"), other.says("你好"))
        one.expects("请问几位？")
        other.expects("您好")
        assert (one.flow, other.flow) == ("book", "")
