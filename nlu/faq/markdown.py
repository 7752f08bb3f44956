"""FAQ pages in Markdown: a heading, or a line in bold, is a question; what stands under it is the answer, as it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from config.source import Problem
from nlu.faq.entries import Entry, Question, entry_of, wordings

_HEADING = re.compile(r" {0,3}(#{1,6})\s+(?P<text>.*?)(?:\s+#+)?\s*")
_BOLD = re.compile(r"\s*(?:[-*+]\s+|\d+[.)]\s+)?(\*\*|__)(?P<text>(?:(?!\1).)+)\1\s*")
_ASKS = re.compile(r"(?:问|q|question)\s*\d*\s*[:：.、]\s*", re.I)
_ANSWERS = re.compile(r"(?:答|a|answer)\s*[:：]\s*", re.I)
_SIMILAR = re.compile(r"[>\-*\s]*(?:相似问法?|相似问题|其他问法|similar)\s*[:：]\s*(?P<text>.+)", re.I)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_NUMBER = re.compile(r"\d+(?:\.\d+)*[.、)）]\s*")
BOLD_LEVEL = 7
"""A question in bold is beneath every heading."""


@dataclass(slots=True)
class _Section:
    """A heading or bold question and the lines under it; `parent`: there are further questions beneath it."""

    level: int
    title: str
    line: int
    body: list[str] = field(default_factory=list)
    similar: list[Question] = field(default_factory=list)
    category: str = ""
    parent: bool = False


def read_markdown(text: str, path: Path, problems: list[Problem]) -> list[Entry]:
    """Headings with questions beneath them are categories, and what they say is passed over."""
    found: list[Entry] = []
    for section in _sections(text):
        if section.parent:
            continue
        title = _ASKS.sub("", _NUMBER.sub("", section.title, count=1), count=1)
        asked = [*(Question(each, section.line) for each in wordings(title)), *section.similar]
        answer = _ANSWERS.sub("", "\n".join(section.body).strip(), count=1)
        entry = entry_of(asked, (answer,), path, section.line, category=section.category, problems=problems)
        if entry is not None:
            found.append(entry)
    return found


def _sections(text: str) -> list[_Section]:
    lines = text.replace("\r\n", "\n").split("\n")
    found: list[_Section] = []
    above: list[_Section] = []
    fence = ""
    for number, line in enumerate(lines[_front_matter(lines) :], _front_matter(lines) + 1):
        opened = _FENCE.match(line)
        if opened and (not fence or line.strip().startswith(fence)):
            fence = "" if fence else opened[1]
        level, title = (0, "") if fence else _title(line)
        if level:
            above = [each for each in above if each.level < level]
            for each in above:
                each.parent = True
            section = _Section(level, title, number, category=above[-1].title if above else "")
            above.append(section)
            found.append(section)
        elif above and not fence and (said := _SIMILAR.fullmatch(line)) and not any(map(str.strip, above[-1].body)):
            above[-1].similar += [Question(each, number) for each in wordings(said["text"])]
        elif above:
            above[-1].body.append(line)
    return found


def _title(line: str) -> tuple[int, str]:
    """(level, text) of a heading or of a question in bold; (0, '') of any other line."""
    heading = _HEADING.fullmatch(line)
    if heading and heading["text"]:
        return len(heading[1]), heading["text"].strip("*_ ")
    bold = _BOLD.fullmatch(line)
    # an answer may have lines in bold too: they ask nothing
    if bold and (bold["text"].rstrip().endswith(("?", "？")) or _ASKS.match(bold["text"])):
        return BOLD_LEVEL, bold["text"].strip()
    return 0, ""


def _front_matter(lines: list[str]) -> int:
    """How many lines a YAML block at the top takes, as site generators write it."""
    if lines and lines[0].strip() == "---":
        for number, line in enumerate(lines[1:], 2):
            if line.strip() == "---":
                return number
    return 0
