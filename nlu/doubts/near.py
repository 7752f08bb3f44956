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
    """Each sentence once, beside the earlier one that it is most like; those across intents first. Sentences that are
    the same but for blanks and punctuation are the business of `review`, and stand for each other here."""
    found: list[Doubt] = []
    intents = np.array([example.intent for example in read.examples])
    spelled = [essence(doc.normalized.text) for doc in read.docs]
    place = {text: i for i, text in reversed(list(enumerate(spelled)))}
    first = np.array([place[text] == i for i, text in enumerate(spelled)])
    for start, block in read.likenesses():
        for at, row in enumerate(block):
            i = start + at
            if first[i]:
                likeness = np.where(first[:i], row[:i], 0.0)
                across = intents[:i] != intents[i]
                weight = np.where(across, (likeness >= ACROSS) * (likeness + 1), (likeness >= WITHIN) * likeness)
                if weight.any():
                    found.append(_pair(read, i, int(weight.argmax()), float(weight.max())))
    return sorted(found, key=lambda doubt: -doubt.weight)


def _pair(read: Read, i: int, j: int, weight: float) -> Doubt:
    example, before = read.examples[i], read.examples[j]
    across = example.intent != before.intent
    there = f"'{few_words(example)}' of {example.intent} is nearly {cite(before)}"
    what = f"{there} of {before.intent}" if across else there
    mend = "keep it where it belongs, or make them differ" if across else "another wording would teach more"
    intents = (example.intent, before.intent) if across else (example.intent,)
    return Doubt("near", weight, example.file, example.line, what, mend, intents)
