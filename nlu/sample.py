"""What the intents are learned from: all examples, but of a long FAQ a part. Ten thousand questions would drown the
other intents, and make each training last as long as they take."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from nlu.data import Example, NluData

MANY = 600
"""Of a retrieval intent with more examples than this so many are learned from."""
DRIFT = 0.1
"""While less than this share of them has changed, the intents need not be learned anew."""


def core(data: NluData) -> NluData:
    """`data` with at most MANY examples of each retrieval intent, one of each answer before a second of any, and the
    answers to those. Which ones they are depends on their words alone: an edit elsewhere changes nothing."""
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in data.examples:
        if example.retrieval:
            by_label[example.label].append(example)
    long = {label: _some(mine) for label, mine in by_label.items() if len(mine) > MANY}
    if not long:
        return data
    examples = tuple(one for one in data.examples if one.label not in long or id(one) in long[one.label])
    asked = {one.intent for one in examples if one.retrieval}
    return replace(data, examples=examples, answers={key: text for key, text in data.answers.items() if key in asked})


def _some(examples: Sequence[Example]) -> set[int]:
    """The `id`s of the chosen; those with marked entities are always among them."""
    by_key: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_key[example.intent].append(example)
    for mine in by_key.values():
        mine.sort(key=lambda one: _dice(one.text))
    rounds = ((turn, _dice(key), one) for key, mine in by_key.items() for turn, one in enumerate(mine))
    ordered = [one for _, _, one in sorted(rounds, key=lambda each: each[:2])]
    return {id(one) for one in (*ordered[:MANY], *(one for one in examples if one.entities))}


def _dice(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def marks(data: NluData) -> tuple[str, ...]:
    """One short digest for each retrieval example and each answer that the intents are learned from, sorted; which
    answer is whose makes no difference to them."""
    asked = (f"{one.label}\0{one.text}" for one in data.examples if one.retrieval)
    said = (f"{key.partition('/')[0]}\0\0{text}" for key, text in data.answers.items())
    return tuple(sorted({_dice(each)[:12] for each in (*asked, *said)}))


def much_the_same(now: Iterable[str], before: Sequence[str]) -> bool:
    return len({*now} ^ {*before}) <= DRIFT * len(before)
