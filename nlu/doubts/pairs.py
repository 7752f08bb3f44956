"""Pairs of intents that are taken for each other, with the sentences that show it and a hint what to do."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from nlu.doubts.doubt import Doubt, cite
from nlu.doubts.likeness import Read
from nlu.doubts.suspects import Crosswise

FEWEST = 3
"""Sentences that must be confused before a pair is told."""
MERGE = 0.3
"""From this share on two intents are hardly two."""
SHOWN = 4


def confusing_pairs(read: Read, judged: Crosswise) -> list[Doubt]:
    """The most confused first: by the sentences of both that are taken for the other."""
    wrong: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i in np.flatnonzero(judged.guesses != judged.labels).tolist():
        a, b = sorted((int(judged.labels[i]), int(judged.guesses[i])))
        wrong[a, b].append(i)
    sizes = np.bincount(judged.labels, minlength=len(judged.names))
    found = [
        _pair(read, judged, a, b, rows, len(rows) / int(sizes[a] + sizes[b]))
        for (a, b), rows in wrong.items()
        if len(rows) >= FEWEST
    ]
    return sorted(found, key=lambda doubt: -doubt.weight)


def _pair(read: Read, judged: Crosswise, a: int, b: int, rows: Sequence[int], share: float) -> Doubt:
    first, second = judged.names[a], judged.names[b]
    margins = judged.margins
    worst = sorted(rows, key=lambda i: -margins[i])
    example = read.examples[worst[0]]
    mend = (
        "merge them and ask back, or say in every example what only one of them means"
        if share >= MERGE
        else "write examples of both with the words that tell them apart"
    )
    return Doubt(
        "confusing",
        len(rows) * (0.5 + share),
        example.file,
        example.line,
        f"{first} and {second}: {len(rows)} sentences ({share:.0%}) are taken for the other",
        f"{mend} ({_differing(read, first, second)})",
        (first, second),
        tuple(f"{read.examples[i].intent}: {cite(read.examples[i])}" for i in worst[:SHOWN]),
    )


def _differing(read: Read, first: str, second: str, most: int = 4) -> str:
    """The words that most examples of one have and few of the other."""
    one, two = _words(read, first), _words(read, second)
    words = (first, _typical(one, two, most)), (second, _typical(two, one, most))
    return "; ".join(f"{name}: {' '.join(found) or 'none'}" for name, found in words)


def _words(read: Read, intent: str) -> Counter[str]:
    """In how many examples of the intent each word occurs."""
    found: Counter[str] = Counter()
    for example, doc in zip(read.examples, read.docs, strict=True):
        if example.intent == intent:
            found.update({token.text for token in doc.tokens if token.text.isalnum() and len(token.text) > 1})
    return found


def _typical(mine: Counter[str], other: Counter[str], most: int) -> list[str]:
    ranked = sorted(mine, key=lambda word: (other[word] - mine[word], word))
    return [word for word in ranked if mine[word] > 1 + other[word]][:most]
