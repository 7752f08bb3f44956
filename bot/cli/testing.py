"""`test`: what the bot understands, measured, and how it talks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bot import __version__
from bot.cli.learn import progress, trained
from bot.cli.options import project_option, settings_for
from bot.cli.stories import test_stories
from config.source import BadProject, Problem, read_yaml
from nlu.evaluation.measure import Wanted, measure, measure_beside, measure_file, trained_by
from nlu.evaluation.page import About
from nlu.evaluation.report import Report
from nlu.evaluation.saving import save
from nlu.evaluation.words import Language
from nlu.model import load, models, models_folder
from nlu.pipeline import Pipeline
from nlu.recipe import plan


@click.group()
def test() -> None:
    """Test the bot: what it understands, and how it talks."""


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of `test nlu`, once they are known to go together."""

    folds: int
    held_out: Path | None
    curve: bool
    few_shot: bool
    out_of_scope: bool
    compare: Path | None
    compare_model: str

    def check(self) -> None:
        """Raises `UsageError` for options that exclude each other."""
        if self.held_out and (self.curve or self.few_shot or self.out_of_scope):
            raise click.UsageError("--curve, --few-shot and --out-of-scope train anew on parts of the data: no --file")
        if self.compare and self.compare_model:
            raise click.UsageError("compare with another config.yml or with another model, not with both")
        if self.compare_model and not self.held_out:
            raise click.UsageError(
                "models have seen your data in training: give --compare-model sentences that they have not, by --file"
            )


@test.command("nlu")
@project_option
@click.option("--folds", default=5, show_default=True, type=click.IntRange(2, 20), help="Cross-validation folds.")
@click.option("--file", "held_out", type=_FILE, help="Test on this nlu.yml instead of cross-validating.")
@click.option("--curve", is_flag=True, help="Also: accuracy against the share of the data.")
@click.option("--few-shot", is_flag=True, help="Also: accuracy with 5, 10 and 20 examples per intent.")
@click.option("--out-of-scope", is_flag=True, help="Also: are texts about none of the intents recognised?")
@click.option("--all", "everything", is_flag=True, help="All three.")
@click.option("--compare", type=_FILE, help="Beside the pipeline of this other config.yml.")
@click.option("--compare-model", default="", metavar="VERSION", help="Beside this trained model; needs --file.")
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True, help="Of the HTML page.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), show_default="PROJECT/.yingda/reports",
              help="Folder for the report.")  # fmt: skip
def test_nlu(
    project: Path, everything: bool, curve: bool, few_shot: bool, out_of_scope: bool, language: Language,
    out: Path | None, folds: int, held_out: Path | None, compare: Path | None, compare_model: str,
) -> None:  # fmt: skip
    """Measure the understanding: intents, entities, answers, confidence, speed.

    Saved as a page to send (nlu_report.html), as numbers (nlu_report.json) and as a picture (nlu_confusion.png).
    """
    parts = (curve or everything, few_shot or everything, out_of_scope or everything)
    asked = Asked(folds, held_out, *parts, compare, compare_model)
    asked.check()
    report = _on_file(project, asked, held_out) if held_out else _crosswise(project, asked)
    click.echo(report.table())
    now = datetime.now(ZoneInfo(settings_for(project).timezone))
    name = project.resolve().name
    how = About(name, "file", held_out.name, now, __version__) if held_out else (
        About(name, "folds", str(folds), now, __version__)
    )  # fmt: skip
    for path in save(report, out or project / ".yingda" / "reports", how, language):
        click.echo(f"saved {path}")


def _crosswise(project: Path, asked: Asked) -> Report:
    other = plan(read_yaml(asked.compare)) if asked.compare else None
    names = ("config.yml", asked.compare.name if asked.compare else "")
    wanted = Wanted(asked.folds, asked.curve, asked.few_shot, asked.out_of_scope, other, names)
    with progress("Testing") as tell:
        return measure(project, wanted, tell)


def _on_file(project: Path, asked: Asked, path: Path) -> Report:
    mine = trained(project)
    if asked.compare_model:
        return measure_beside(mine, _model(project, asked.compare_model), (mine.version, asked.compare_model), path)
    if asked.compare:
        with progress("Training") as tell:
            other = trained_by(project, plan(read_yaml(asked.compare)), tell)
        return measure_beside(mine, other, (mine.version, asked.compare.name), path)
    return measure_file(mine, path)


def _model(project: Path, version: str) -> Pipeline:
    folder = models_folder(project) / version
    if folder not in models(project):
        known = ", ".join(path.name for path in models(project))
        raise BadProject(
            Problem(str(models_folder(project)), 1, f"there is no model '{version}'", f"there are: {known}")
        )
    return load(folder)


test.add_command(test_stories)
