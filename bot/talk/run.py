"""Runs a project's `.talk` files, each with a customer of its own, and reports what went otherwise."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.message import Text
from bot.talk.client import LocalBot, TalkClient, agree, difference, load_newest
from bot.talk.script import Facts, Line, Script, read_script
from bot.turn import Turn
from config.settings import load_settings
from config.source import BadProject, Problem, environment

SUFFIX = ".talk"


@dataclass(frozen=True, slots=True)
class Failure:
    """Where a talk went otherwise than written; `what` shows expected (-) and said (+), and why the bot said so."""

    file: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class TalkResult:
    """How one talk went: it stops at the first failure."""

    path: Path
    turns: int
    seconds: float
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Report:
    results: tuple[TalkResult, ...]

    @property
    def ok(self) -> bool:
        return all(result.failure is None for result in self.results)

    def text(self) -> str:
        """A line for each talk, the failures in full, and a summary."""
        lines = [
            f"{'ok  ' if each.failure is None else 'FAIL'} {each.path} ({each.turns} turns)" for each in self.results
        ]
        failures = [str(each.failure) for each in self.results if each.failure]
        passed = len(self.results) - len(failures)
        seconds = sum(each.seconds for each in self.results)
        summary = f"{passed} of {len(self.results)} talks went as written ({seconds:.1f} s)"
        return "\n".join([*lines, *(f"\n{failure}" for failure in failures), "", summary])


def find_talks(project: Path, files: Sequence[Path] = ()) -> list[Path]:
    """`files` (folders are searched), or all under the project's `tests/`."""
    wanted = files or [project / "tests"]
    return sorted(
        {talk for path in wanted for talk in (path.rglob(f"*{SUFFIX}") if path.is_dir() else [path])},
        key=str,
    )


def run_talks(project: Path, files: Sequence[Path] = ()) -> Report:
    """Run `files`, or every talk of the project. Raises `BadProject` for talks or a project that cannot be read."""
    return asyncio.run(talks_of(project, files))


async def talks_of(project: Path, files: Sequence[Path] = ()) -> Report:
    scripts = _read_all(find_talks(project, files))
    timezone = load_settings(environment(project)).timezone
    pipeline = load_newest(project)
    with tempfile.TemporaryDirectory(prefix="yingda-project-") as folder:
        # what actions write beside actions.py must neither be found nor left behind by a test
        copy = Path(folder) / project.name
        shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".yingda", "__pycache__"))
        try:
            async with LocalBot.open(copy, pipeline=pipeline, timezone=timezone) as bot:
                results = [await _run(bot, script, f"{i}-{script.path.stem}") for i, script in enumerate(scripts)]
        except BadProject as bad:
            raise BadProject(_moved(bad, copy, project)) from None
    return Report(tuple(results))


def _read_all(paths: Sequence[Path]) -> list[Script]:
    scripts: list[Script] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            scripts.append(read_script(path))
        except BadProject as bad:
            problems.extend(bad.problems)
    if problems:
        raise BadProject(problems)
    return scripts


def _moved(bad: BadProject, copy: Path, project: Path) -> list[Problem]:
    """The same problems, named in the files that the author knows."""
    return [replace(each, file=each.file.replace(str(copy), str(project))) for each in bad.problems]


async def _run(bot: LocalBot, script: Script, user: str) -> TalkResult:
    talk, started = bot.talk(user), time.perf_counter()
    failure: Failure | None = None
    for line in script.lines:
        talk.wait(line.wait)
        await talk.says(line.said.text if isinstance(line.said, Text) else line.said)
        failure = judge(script.path, line, talk)
        if failure is not None:
            break
    return TalkResult(script.path, talk.messages, time.perf_counter() - started, failure)


def judge(path: Path, line: Line, talk: TalkClient) -> Failure | None:
    """What is otherwise than `line` wants after the last turn of `talk`, if anything."""
    asked = f"U: {line.said.text if isinstance(line.said, Text) else line.said}"
    if line.bot is not None and not agree([text for text, _ in line.bot], talk.replies):
        wanted = [text for text, _ in line.bot]
        return Failure(path, line.line, f"{asked}\n{difference(wanted, talk.lines)}\n{_why(talk.turn)}")
    for facts, at in line.facts:
        wrong = list(_otherwise(facts, talk))
        if wrong:
            said = [f"  B: {each}" for each in talk.lines]
            return Failure(path, at, "\n".join([asked, *said, *wrong, _why(talk.turn)]))
    return None


def _otherwise(facts: Facts, talk: TalkClient) -> Iterator[str]:
    for name, value in facts.slots.items():
        if talk.slots.get(name) != value:
            yield f"- {name} = {value!r}\n+ {name} = {talk.slots.get(name)!r}"
    for name in facts.called:
        if name not in talk.called:
            yield f"- {name} is called\n+ called: {', '.join(talk.called) or 'nothing'}"
    for name in facts.not_called:
        if name in talk.called:
            yield f"- {name} is not called\n+ called: {', '.join(talk.called)}"
    if "flow" in facts.model_fields_set and (facts.flow or "") != talk.flow:
        yield f"- flow: {facts.flow}\n+ flow: {talk.flow or None}"
    intent = talk.turn.meaning.intent if talk.turn and talk.turn.meaning else ""
    if facts.intent is not None and facts.intent != intent:
        yield f"- intent: {facts.intent}\n+ intent: {intent}"
    flags = talk.turn.flags if talk.turn else ()
    for flag in facts.flags:
        if flag not in flags:
            yield f"- flagged {flag}\n+ flags: {', '.join(flags) or 'none'}"


def _why(turn: Turn | None) -> str:
    """How the bot came to say so, for whoever has to mend it."""
    if turn is None:
        return ""
    meaning = turn.meaning
    entities = ", ".join(f"{each.type}={each.value}" for each in meaning.entities) if meaning else ""
    understood = (
        f"{meaning.intent or 'no intent'} {meaning.confidence:.2f} {entities}".strip() if meaning else "nothing"
    )
    return "\n".join([f"  understood: {understood}", *(f"  {each.what}: {each.why}" for each in turn.trace)])
