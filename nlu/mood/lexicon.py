"""Words that tell the mood of a sentence, in lists, and what a text has of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path


def _read(path: Path) -> dict[str, str]:
    """Word -> kind, of lines `kind: word word ...`."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    pairs = [(kind, word) for kind, _, words in (line.partition(":") for line in lines) for word in words.split()]
    return {word: kind for kind, word in pairs}


NEGATORS = "不没别未无甭"
_NEGATED = re.compile(rf"(?:[{NEGATORS}]|不是|没有|不想|不算|不用|不着|不至于|没到)[太怎么很大再要什来给]{{0,2}}$")
_REACH = 4
"""So far before a word it may be denied."""
GLAD = "😄😊😁😀🙂🥰😍👍❤💕🌹🎉😘😃☺"
CROSS = "😡🤬😠💢😤👎🖕😒🙄"
SAD = "😔😢😭😞☹😟🥲"
WRY = "😅🙃👏🤣😂"
_MARKS: Mapping[str, re.Pattern[str]] = {
    "shout": re.compile(r"[!！]"),
    "shouts": re.compile(r"[!！]{2,}"),
    "ask": re.compile(r"[?？]"),
    "asks": re.compile(r"[?？!！]{2,}"),
    "glad": re.compile(f"[{GLAD}]"),
    "cross": re.compile(f"[{CROSS}]"),
    "sad": re.compile(f"[{SAD}]"),
    "wry": re.compile(f"[{WRY}]"),
    "you": re.compile("你们|您们|贵司|贵公司"),
    "intense": re.compile("太|非常|特别|极|超|简直|根本|到底|竟然|居然|还要"),
    "again": re.compile(
        "[天次回遍]都|每[天次回]|又|还[没不]|[一二两三四五六七八九十0-9]+[个]?(?:遍|次|回|天|周|星期|月|小时)"
    ),
    "rhetoric": re.compile("[吗呢吧啊][?？!！]|什么意思|凭什么|算什么|干什么"),
}
_KIND_OF = _read(Path(__file__).with_name("words.txt"))
_KINDS = tuple(dict.fromkeys(_KIND_OF.values()))
_ANY = re.compile("|".join(sorted(map(re.escape, _KIND_OF), key=len, reverse=True)))
NAMES: tuple[str, ...] = (*_KINDS, *(f"not {kind}" for kind in _KINDS), *_MARKS)
_PLACE = {name: i for i, name in enumerate(NAMES)}


def counts(text: str) -> list[float]:
    """How much of each of `NAMES` a normalised text has: 0, 1, or 1.5 for more than one."""
    found = [0.0] * len(NAMES)
    for match in _ANY.finditer(text):
        kind = _KIND_OF[match[0]]
        denied = _NEGATED.search(text, max(0, match.start() - _REACH), match.start())
        _add(found, _PLACE[f"not {kind}" if denied else kind])
    for name, mark in _MARKS.items():
        for _ in mark.findall(text)[:2]:
            _add(found, _PLACE[name])
    return found


def _add(found: list[float], place: int) -> None:
    found[place] = 1.0 if found[place] == 0.0 else 1.5
