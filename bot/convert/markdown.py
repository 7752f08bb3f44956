"""Training data and stories of Rasa 1, which are Markdown, as YAML of Rasa 3.

https://legacy-docs-v1.rasa.com/nlu/training-data-format/ and https://legacy-docs-v1.rasa.com/core/stories/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from config.source import BadProject, Problem

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SECTION = re.compile(r"##\s*(?P<kind>intent|synonym|regex|lookup)\s*:\s*(?P<name>.+?)\s*")
_OLD_MARK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<entity>[^):]+)(?::(?P<value>[^)]*))?\)")
_STEP = re.compile(r"(?P<name>[^{\s:]+)\s*(?P<given>\{.*\})?\s*")


def is_nlu(text: str) -> bool:
    return any(_SECTION.fullmatch(line.strip()) for line in _COMMENT.sub("", text).splitlines())


def nlu(text: str, path: Path) -> dict[str, Any]:
    """`nlu.md` as data for YAML. Raises `BadProject` for a line outside of any section."""
    sections: list[dict[str, Any]] = []
    found: list[str] = []
    problems: list[Problem] = []

    def end() -> None:
        if sections:
            sections[-1]["examples"] = "".join(f"- {each}\n" for each in found)
        found.clear()

    for number, line in _lines(text):
        heading = _SECTION.fullmatch(line)
        if heading:
            end()
            sections.append({heading["kind"]: heading["name"]})
        elif not sections:
            problems.append(Problem(str(path), number, f"no section holds '{line[:40]}'", "begin with ## intent:name"))
        else:
            found.append(_example(line[1:].strip() if line[0] in "-*+" else line, "lookup" in sections[-1], path))
    end()
    if problems:
        raise BadProject(problems)
    return {"version": "3.1", "nlu": [each for each in sections if each["examples"]]}


def _example(text: str, is_lookup: bool, path: Path) -> str:
    """A file of values becomes the values; `[北京](city:beijing)` is written in the new way."""
    listed = path.parent / text
    if is_lookup and text.endswith(".txt") and listed.is_file():
        values = [line.strip() for line in listed.read_text("utf-8").splitlines() if line.strip()]
        return "\n- ".join(values)
    return _OLD_MARK.sub(_mark, text)


def _mark(match: re.Match[str]) -> str:
    if match["value"] is None:
        return match[0]
    said = json.dumps({"entity": match["entity"], "value": match["value"]}, ensure_ascii=False)
    return f"[{match['text']}]{said}"


def responses(text: str) -> dict[str, Any]:
    """`responses.md` of a ResponseSelector: `* faq/hours` and below it `- 九点到六点`."""
    found: dict[str, list[dict[str, str]]] = {}
    name = ""
    for _, line in _lines(text):
        if line.startswith("*"):
            name = f"utter_{line[1:].strip()}"
        elif line.startswith("-") and name:
            found.setdefault(name, []).append({"text": line[1:].strip().replace("\\n", "\n")})
    return {"version": "3.1", "responses": found}


def stories(text: str, path: Path) -> dict[str, Any]:
    """`stories.md`, or a test story with the customer's words behind the intent. Raises `BadProject`."""
    found: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for number, line in _lines(text):
        if line.startswith("##"):
            found.append({"story": line.lstrip("#").strip(), "steps": []})
            continue
        try:
            step = _step(line)
        except ValueError:
            problems.append(
                Problem(str(path), number, f"no step of a story: '{line[:40]}'", "write * intent or - action")
            )
            continue
        if not found:
            problems.append(Problem(str(path), number, "a step before any story", "begin with ## name of the story"))
        else:
            found[-1]["steps"].append(step)
    if problems:
        raise BadProject(problems)
    return {"version": "3.1", "stories": [each for each in found if each["steps"]]}


def _step(line: str) -> dict[str, Any]:
    """Raises ValueError."""
    rest = line[1:].strip()
    match line[0]:
        case ">":
            return {"checkpoint": rest}
        case "*":
            options = [_said(each.strip()) for each in re.split(r"\s+OR\s+", rest)]
            return options[0] if len(options) == 1 else {"or": options}
        case "-":
            return _done(rest)
    raise ValueError(line)


def _said(text: str) -> dict[str, Any]:
    head, colon, words = text.partition(": ")
    step = _STEP.fullmatch(head if colon and "{" not in head else text)
    if step is None:
        raise ValueError(text)
    said: dict[str, Any] = {"intent": step["name"].removeprefix("/")}
    if colon and "{" not in head:
        return {"user": _OLD_MARK.sub(_mark, words.strip()), **said}
    given = json.loads(step["given"] or "{}")
    return {**said, "entities": [{name: value} for name, value in given.items()]} if given else said


def _done(text: str) -> dict[str, Any]:
    step = _STEP.fullmatch(text)
    if step is None:
        raise ValueError(text)
    given = json.loads(step["given"] or "{}")
    match step["name"]:
        case "slot":
            return {"slot_was_set": [{name: value} for name, value in given.items()]}
        case "form" | "active_loop":
            return {"active_loop": given.get("name")}
    return {"action": step["name"]}


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(number, line) of what is neither empty nor a comment."""
    plain = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    for number, line in enumerate(plain.splitlines(), 1):
        if line.strip():
            yield number, line.strip()
