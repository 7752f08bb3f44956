"""`data split` and `data convert`: training data in two, and projects of Rasa 1 and 2 as Rasa 3 writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from bot.cli.options import project_option
from bot.convert import markdown
from bot.convert.config import rules_of, upgrade_config
from bot.convert.split import split
from bot.convert.yaml_text import dump
from config.source import BadProject, Problem, read_yaml
from flows.upgrade import triggers, upgrade_domain

OUT = "train_test_split"


@click.group("split")
def split_group() -> None:
    """Divide training data into a part to learn from and one to test with."""


@split_group.command("nlu")
@project_option
@click.option("--nlu", "-u", type=click.Path(exists=True, path_type=Path), help="File or folder.  [default: data/]")
@click.option("--training-fraction", default=0.8, show_default=True, type=click.FloatRange(0, 1), help="To learn from.")
@click.option("--random-seed", type=int, help="The same seed gives the same parts.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(OUT), show_default=True, help="Folder.")
def split_nlu(project: Path, nlu: Path | None, training_fraction: float, random_seed: int | None, out: Path) -> None:
    """Divide examples: each intent has its share in training_data.yml and test_data.yml."""
    sections: list[Any] = []
    responses: dict[str, Any] = {}
    for path in [*files(nlu or project / "data", "yml"), *files(project / "domain.yml", "yml")]:
        given = read_yaml(path).data
        if isinstance(given, dict):
            sections += given.get("nlu") or ()
            responses |= given.get("responses") or {}
    training, test = split(sections, responses, training_fraction, random_seed)
    for name, made in (("training_data.yml", training), ("test_data.yml", test)):
        _write(out / name, made)


@click.group()
def convert() -> None:
    """Write files of Rasa 1 and 2 in the format of Rasa 3."""


def _converter(name: str, help_text: str) -> Callable[[Callable[..., None]], click.Command]:
    def made(function: Callable[..., None]) -> click.Command:
        data = click.option(
            "--data", required=True, type=click.Path(exists=True, path_type=Path), help="File or folder."
        )
        out = click.option("--out", required=True, type=click.Path(path_type=Path), help="File or folder to write.")
        return convert.command(name, help=help_text)(data(out(function)))

    return made


@_converter("nlu", "Training data in Markdown, and responses for retrieval (responses.md), as YAML.")
def convert_nlu(data: Path, out: Path) -> None:
    for path, target in _targets(data, out, "md"):
        text = path.read_text("utf-8")
        if markdown.is_nlu(text):
            _write(target, markdown.nlu(text, path))
        elif (found := markdown.responses(text))["responses"] and all("/" in name for name in found["responses"]):
            _write(target, found)


@_converter("core", "Stories in Markdown as YAML.")
def convert_core(data: Path, out: Path) -> None:
    for path, target in _targets(data, out, "md"):
        text = path.read_text("utf-8")
        if not markdown.is_nlu(text) and (found := markdown.stories(text, path))["stories"]:
            _write(target, found)


@_converter("domain", "A domain of Rasa 1 or 2: mappings stand with the slots. What MappingPolicy did becomes rules.")
def convert_domain(data: Path, out: Path) -> None:
    for path, target in _targets(data, out, "yml"):
        given = _mapping(path)
        _write(target, upgrade_domain(given))
        _write_rules(target, rules_of(triggers(given)))


@_converter("config", "Policies that are no more, as RulePolicy, FallbackClassifier and rules.")
def convert_config(data: Path, out: Path) -> None:
    for path, target in _targets(data, out, "yml"):
        made, rules = upgrade_config(_mapping(path))
        _write(target, made)
        _write_rules(target, rules)


def _mapping(path: Path) -> dict[str, Any]:
    source = read_yaml(path)
    if not isinstance(source.data, dict):
        raise BadProject(Problem(str(path), 1, "a mapping is expected here", "begin with a key such as `intents:`"))
    return source.data


def files(path: Path, suffix: str) -> list[Path]:
    if path.is_file():
        return [path]
    endings = (".yml", ".yaml") if suffix == "yml" else (f".{suffix}",)
    return sorted(each for each in path.rglob("*") if each.suffix in endings)


def _targets(data: Path, out: Path, suffix: str) -> Iterator[tuple[Path, Path]]:
    """(file, what it becomes): `out` itself for one file, else a file of the same name in that folder."""
    for path in files(data, suffix):
        alone = data.is_file() and out.suffix in (".yml", ".yaml")
        inside = path.relative_to(data) if data.is_dir() else Path(path.name)
        yield path, out if alone else (out / inside).with_suffix(".yml")


def _write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump(data), "utf-8")
    click.echo(f"Wrote {path}")


def _write_rules(beside: Path, rules: list[Any]) -> None:
    if rules:
        _write(beside.with_name(f"{beside.stem}_rules.yml"), {"version": "3.1", "rules": rules})
