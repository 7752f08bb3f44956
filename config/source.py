"""A project's YAML files, read once, every value knowing its line.

A bot's author is told `file:line: what is wrong — how to mend it`, never a stack trace: `read_yaml` gives
plain data plus a map from path to line, `check` lays a typed pydantic model over it, and whatever is wrong
anywhere in the project is gathered in one `BadProject`.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

Loc = tuple[str | int, ...]
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a project, said in one line for the person who will mend it."""

    file: str
    line: int
    what: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" + (f" — {self.mend}" if self.mend else "")


class BadProject(Exception):
    """The project cannot be used; `problems` says where and how to mend it (exit code 2)."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Source:
    """One YAML document: plain `data`, and the 1-based line of every path in it."""

    path: Path
    data: Any
    lines: Mapping[Loc, int] = field(repr=False)

    def line(self, loc: Sequence[str | int] = ()) -> int:
        """The line of `loc`, or of its nearest ancestor; parts that are no key (union tags) are passed over."""
        known: Loc = ()
        for part in loc:
            if (*known, part) in self.lines:
                known = (*known, part)
        return self.lines.get(known, 1)

    def problem(self, loc: Sequence[str | int], what: str, mend: str = "") -> Problem:
        return Problem(str(self.path), self.line(loc), what, mend)


class Strict(BaseModel):
    """Base of every project-file model: immutable, and an unknown key is an error that names the near miss."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            known = {field.alias or name for name, field in cls.model_fields.items()}
            for key in value:
                if key not in known and key not in cls.model_fields:
                    context = {"key": str(key), "mend": did_you_mean(str(key), known)}
                    raise PydanticCustomError("unknown_key", "unknown key '{key}'", context)
        return value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """「did you mean 'x'?」 for a typo, else the list of what is known."""
    names = sorted(map(str, known))
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known here: {', '.join(names)}" if names else ""


def read_yaml(path: Path, env: Mapping[str, str] | None = None) -> Source:
    """Read one YAML 1.2 file; with `env`, `${NAME}` in strings is substituted from it.

    Raises `BadProject` for a missing file, a syntax error, a duplicate key or an unset variable.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadProject(Problem(str(path), 1, "no such file")) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadProject(Problem(str(path), 1, f"cannot be read: {error}", "save it as UTF-8")) from None
    return parse_yaml(text, path, env)


def parse_yaml(text: str, path: Path, env: Mapping[str, str] | None = None) -> Source:
    """As `read_yaml`, of a text that is already there; `path` only names it in problems."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Loc, int] = {(): 1}
        problems: list[Problem] = []
        data = _plain(loader, node, (), lines, problems, str(path)) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if error.context == "while scanning a quoted scalar":  # it ends nowhere: what is to be mended is its beginning
            mark = error.context_mark
        raise BadProject(
            Problem(
                str(path),
                mark.line + 1 if mark else 1,
                f"not valid YAML: {error.problem or error.context}",
                "check the indentation, quotes and colons here",
            )
        ) from None
    except yaml.YAMLError as error:
        raise BadProject(Problem(str(path), 1, f"not valid YAML: {' '.join(str(error).split())}")) from None
    finally:
        loader.dispose()
    source = Source(path, data, lines)
    if env is not None:
        source = Source(path, _substitute(data, (), source, env, problems), lines)
    if problems:
        raise BadProject(problems)
    return source


def check(source: Source, model: type[ModelT], loc: Loc = ()) -> ModelT:
    """The data at `loc` as a `model`; raises `BadProject` with one problem per wrong value."""
    data = source.data
    for part in loc:
        data = data[part]
    try:
        return model.model_validate({} if data is None else data)
    except ValidationError as error:
        raise BadProject(_problem(source, loc, detail) for detail in error.errors()) from None


def _problem(source: Source, base: Loc, detail: ErrorDetails) -> Problem:
    loc = (*base, *detail["loc"])
    context = detail.get("ctx", {})
    if detail["type"] == "unknown_key":
        return source.problem((*loc, context["key"]), detail["msg"], context["mend"])
    if detail["type"] == "missing":
        return source.problem(loc, f"'{loc[-1]}' is missing", "add it")
    name = next((str(part) for part in reversed(loc) if isinstance(part, str) and part in _parts(source)), "")
    return source.problem(loc, f"{name}: {said(detail)}" if name else said(detail), _given(name, detail["input"]))


def said(detail: ErrorDetails) -> str:
    """What pydantic found, in its words, or in a validator's own without 「Value error」 before them."""
    what = detail["msg"].removeprefix("Value error, ")
    if detail["type"] in ("model_type", "model_attributes_type", "dataclass_type"):  # they name a class of ours
        what = "keys with values are expected here ('key: value', with a blank behind an ASCII colon)"
    return what[0].lower() + what[1:]


def _given(name: str, value: Any) -> str:
    if not isinstance(value, str | int | float) or re.search(r"secret|token|key|password", name):
        return ""
    return f"you wrote {value!r}" if len(str(value)) <= 60 else ""


def _parts(source: Source) -> set[str | int]:
    return {part for loc in source.lines for part in loc}


class _Loader(yaml.CSafeLoader):
    """YAML 1.2's scalars, as Rasa reads them: only true/false are booleans; no dates, octals or sexagesimals."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def _plain(
    loader: yaml.CSafeLoader,
    node: yaml.Node,
    loc: Loc,
    lines: dict[Loc, int],
    problems: list[Problem],
    file: str,
) -> Any:
    lines.setdefault(loc, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(loader, item, (*loc, i), lines, problems, file) for i, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return _scalar(loader, node)
    before = len(node.value)
    seen: dict[Any, int] = {}
    for key_node, _ in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = _scalar(loader, key_node)
        if key in seen:
            problems.append(
                Problem(
                    file,
                    key_node.start_mark.line + 1,
                    f"'{key}' is written twice here",
                    f"the first is on line {seen[key]}; keep one",
                )
            )
        seen.setdefault(key, key_node.start_mark.line + 1)
    loader.flatten_mapping(node)
    result: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = _scalar(loader, key_node)
        if before == len(node.value):
            lines[(*loc, key)] = key_node.start_mark.line + 1
        result[key] = _plain(loader, value_node, (*loc, key), lines, problems, file)
    return result


def _scalar(loader: yaml.CSafeLoader, node: yaml.Node) -> Any:
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.constructor.ConstructorError(None, None, "a key must be a plain word", node.start_mark)
    if node.tag == "tag:yaml.org,2002:int":
        return int(node.value, 0 if node.value[:2].lower() in ("0x", "0o") else 10)
    if node.tag == "tag:yaml.org,2002:float":
        return float(re.sub(r"^([-+]?)\.(inf|nan)$", r"\1\2", node.value.lower()))
    return loader.construct_object(node)


_VARIABLE = re.compile(r"\$\{(\w+)\}")


def _substitute(data: Any, loc: Loc, source: Source, env: Mapping[str, str], problems: list[Problem]) -> Any:
    if isinstance(data, dict):
        return {key: _substitute(value, (*loc, key), source, env, problems) for key, value in data.items()}
    if isinstance(data, list):
        return [_substitute(item, (*loc, i), source, env, problems) for i, item in enumerate(data)]
    if not isinstance(data, str):
        return data
    for name in _VARIABLE.findall(data):
        if name not in env:
            problems.append(
                source.problem(
                    loc,
                    f"the environment variable {name} is not set",
                    f"set {name}, or put it in the file .env beside it",
                )
            )
    return _VARIABLE.sub(lambda match: env.get(match[1], ""), data)


def environment(project: Path) -> dict[str, str]:
    """The process's environment over `.env` in the project, over `.env` in the working folder."""
    from_file: dict[str, str] = {}
    for folder in (Path.cwd(), project):
        if (folder / ".env").is_file():
            from_file |= _dotenv(folder / ".env")
    return {**from_file, **os.environ}


def _dotenv(path: Path) -> dict[str, str]:
    return {key: value for key, value in dotenv_values(path).items() if value is not None}
