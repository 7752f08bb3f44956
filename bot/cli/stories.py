"""`test stories`: a bot's talks (`.talk`), and its test stories in Rasa's format."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bot.cli.learn import check_project, trained
from bot.cli.options import project_option, settings_for
from bot.talk import run_talks
from flows.domain import yaml_files
from flows.mixed import is_rasa
from flows.rasa.engine import load_rasa_engine
from flows.rasa.stories import Story
from flows.rasa.testing import Parse, Report, failed_yaml, read_tests, run_tests

SUFFIX = ".talk"
FAILED = "failed_test_stories.yml"


@click.command("stories")
@project_option
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), show_default="PROJECT/.yingda/reports",
              help="Folder for failed_test_stories.yml and story_report.json.")  # fmt: skip
@click.option("--intents-as-written", is_flag=True, help="Take each message for what the story says that it means.")
def test_stories(project: Path, files: tuple[Path, ...], out: Path | None, intents_as_written: bool) -> None:
    """Run the bot's talks (tests/*.talk) and Rasa's test stories (tests/*.yml), or FILES."""
    talks = [path for path in files if path.is_dir() or path.suffix == SUFFIX]
    ok = True
    if talks or (not files and (not is_rasa(project) or _has_talks(project))):
        trained(project)
        report = run_talks(project, talks)
        click.echo(report.text())
        ok = report.ok
    if is_rasa(project):
        ok = _test_rasa(project, files, out or project / ".yingda" / "reports", by_heart=intents_as_written) and ok
    sys.exit(0 if ok else 1)


def _has_talks(project: Path) -> bool:
    return any((project / "tests").glob(f"**/*{SUFFIX}"))


def _test_rasa(project: Path, files: tuple[Path, ...], out: Path, *, by_heart: bool) -> bool:
    chosen = [path for path in files if path.suffix in (".yml", ".yaml") or path.is_dir()]
    if files and not chosen:
        return True
    check_project(project)
    stories = [story for path in chosen or [project] for story in _tests(path, given=bool(chosen))]
    if not stories:
        return True
    engine = load_rasa_engine(project)
    report = run_tests(engine, stories, None if by_heart else _parser(project))
    click.echo(_told(report))
    out.mkdir(parents=True, exist_ok=True)
    (out / FAILED).write_text(failed_yaml(report), "utf-8")
    (out / "story_report.json").write_text(json.dumps(report.to_dict(), ensure_ascii=False, indent=1), "utf-8")
    if report.passed < len(report.tested):
        click.echo(f"saved {out / FAILED}")
    return report.passed == len(report.tested)


def _tests(path: Path, *, given: bool) -> list[Story]:
    if not given and not any(yaml_files(path / "tests")):
        return []
    return read_tests(path)


def _parser(project: Path) -> Parse:
    pipeline = trained(project)
    now = datetime.now(ZoneInfo(settings_for(project).timezone))
    return lambda text: pipeline.parse(text, now)


def _told(report: Report) -> str:
    lines = []
    for each in report.tested:
        lines.append(f"{'ok  ' if each.passed else 'FAIL'} {each.file}:{each.line} {each.story}")
        if not each.passed:
            miss = next(line.miss for line in each.lines if line.miss)
            lines.append(f"     {miss.kind}: expected {miss.expected}, predicted {miss.found or 'nothing'}")
    told = f"{report.passed} of {len(report.tested)} stories passed"
    return "\n".join([*lines, f"{told}; {report.right} of {report.actions} actions as expected."])
