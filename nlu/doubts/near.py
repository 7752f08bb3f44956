"""Sentences that are nearly the same: across intents they contradict each other, within one they teach nothing new."""

from __future__ import annotations

import numpy as np

from nlu.doubts.doubt import Doubt, cite, few_words
from nlu.doubts.likeness import Read
from nlu.features import essence

ACROSS = 0.72
WITHIN = 0.86
"""How alike two sentences must be (1: the same) to be told, in two intents and in one."""


def near_duplicates(read: Read) -> list[Doubt]:
    """Each pair once, at the later sentence; those across intents first. Sentences that are the same but for blanks and
    punctuation are the business of `review`."""
    found: list[Doubt] = []
    intents = np.array([example.intent for example in read.examples])
    spelled = np.array([essence(doc.normalized.text) for doc in read.docs])
    for start, block in read.likenesses():
        for at, row in enumerate(block):
            i = start + at
            alike = np.where(intents[:i] == intents[i], row[:i] >= WITHIN, row[:i] >= ACROSS)
            alike &= spelled[:i] != spelled[i]
            found += [_pair(read, i, int(j), float(row[j])) for j in np.flatnonzero(alike)]
    return sorted(found, key=lambda doubt: -doubt.weight)


def _pair(read: Read, i: int, j: int, likeness: float) -> Doubt:
    example, before = read.examples[i], read.examples[j]
    across = example.intent != before.intent
    there = f"'{few_words(example)}' of {example.intent} is nearly {cite(before)}"
    what = f"{there} of {before.intent}" if across else there
    mend = "keep it where it belongs, or make them differ" if across else "another wording would teach more"
    intents = (example.intent, before.intent) if across else (example.intent,)
    return Doubt("near", likeness + across, example.file, example.line, what, mend, intents)
