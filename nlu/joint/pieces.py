"""From labels of characters to labels of a transformer's pieces, and back to spans."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nlu.sequence import OUTSIDE

IMPOSSIBLE = -1e4
_SINGLE = r"[\u3400-\u9fff\uf900-\ufaff0-9]"
"""Characters that are cut off one by one: entities begin and end between any two of them."""


class Piece(NamedTuple):
    """The piece in row `row` of the states stands for `text[start:end]`."""

    row: int
    start: int
    end: int


def pieces(tokens: Any, text: str, prefix: int) -> list[Piece]:
    """Those of the `tokenizers.Encoding` of a prefix of that length and `text` which stand for something in `text`."""
    found = []
    for row, ((start, end), special) in enumerate(zip(tokens.offsets, tokens.special_tokens_mask, strict=True)):
        first, last = max(0, start - prefix), end - prefix
        while first < last and text[first].isspace():
            first += 1
        if not special and first < last:
            found.append(Piece(row, first, last))
    return found


def cut_singly(tokenizer: Any) -> Any:
    """The tokenizer, which now cuts off each Chinese character and digit: a piece of several, as SentencePiece makes
    them, may lie across the border of an entity."""
    told = json.loads(tokenizer.to_str())
    before = told["pre_tokenizer"]
    steps = before["pretokenizers"] if before and before["type"] == "Sequence" else [before] if before else []
    single = {"type": "Split", "pattern": {"Regex": _SINGLE}, "behavior": "Isolated", "invert": False}
    told["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [*steps, single]}
    return type(tokenizer).from_str(json.dumps(told))


def crossed(found: Sequence[Piece], labels: Sequence[str]) -> bool:
    """Whether an entity begins or ends inside one of the pieces."""
    return any(
        label[0] == "B" or (label == OUTSIDE) != (labels[at - 1] == OUTSIDE)
        for _, start, end in found
        for at, label in enumerate(labels[start + 1 : end], start + 1)
    )


def label_names(labels: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Outside first, then beginning and inside of each kind; empty where no text has an entity."""
    kinds = sorted({label[2:] for one in labels for label in one if label != OUTSIDE})
    return (OUTSIDE, *(f"{part}-{kind}" for kind in kinds for part in "BI")) if kinds else ()


def best_path(scores: NDArray[np.floating[Any]], names: Sequence[str]) -> list[int]:
    """The labels (one a row) of the highest sum in which nothing goes on that was not begun (Viterbi 1967)."""
    if not len(scores):
        return []
    may = _may_follow(names)
    at = scores[0] + np.array([IMPOSSIBLE if name[0] == "I" else 0.0 for name in names])
    back = []
    for row in scores[1:]:
        ways = at[:, None] + may
        back.append(ways.argmax(0))
        at = ways.max(0) + row
    path = [int(at.argmax())]
    for step in reversed(back):
        path.append(int(step[path[-1]]))
    return path[::-1]


def _may_follow(names: Sequence[str]) -> NDArray[np.float64]:
    """(from, to): 0, or so little that it is never taken."""
    kinds = np.array([name[2:] for name in names])
    inside = np.array([name[0] == "I" for name in names])
    wrong = inside[None, :] & (kinds[:, None] != kinds[None, :])
    return np.where(wrong, IMPOSSIBLE, 0.0)


def character_labels(places: Sequence[tuple[int, int]], labels: Sequence[str], length: int) -> list[str]:
    """The label of each character of a text, of those of its pieces; blanks inside an entity belong to it."""
    told = [OUTSIDE] * length
    at = 0
    for (start, end), label in zip(places, labels, strict=True):
        if label == OUTSIDE:
            at = end
            continue
        going_on = f"I-{label[2:]}"
        if label[0] == "I" and at and told[at - 1][2:] == label[2:]:
            told[at:start] = [going_on] * (start - at)
        told[start:end] = [label, *[going_on] * (end - start - 1)]
        at = end
    return told
