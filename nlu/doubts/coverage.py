"""What the examples do not cover: intents that are small beside others or say one thing only, entities that are hardly
marked, known values that stand unmarked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from nlu.data import Example, NluData
from nlu.doc import Doc
from nlu.doubts.doubt import Doubt, cite, few_words
from nlu.normalize import normalize
from nlu.review import FEW

OUTWEIGHED = 8
"""An intent with so many times fewer examples than the middle one is drowned; with so many times more it drowns."""
ALIKE = 0.6
"""From this share of equal beginnings or single words on, examples are one wording with other fillings."""
ENOUGH = 8
"""Intents of fewer examples are not judged for their variety."""
SHORT = 5
LONGEST_VALUE = 30


def coverage(data: NluData, docs: Sequence[Doc]) -> list[Doubt]:
    """`docs[i]` is `data.examples[i]` as the pipeline reads it. The worst first."""
    groups: dict[str, list[tuple[Example, Doc]]] = defaultdict(list)
    for example, doc in zip(data.examples, docs, strict=True):
        groups[example.intent].append((example, doc))
    found = [*_balance(groups), *_variety(groups), *_single_words(groups), *_entities(data)]
    return sorted(found, key=lambda doubt: -doubt.weight)


def unmarked(data: NluData) -> list[Doubt]:
    """Values that are marked elsewhere or listed, and stand in an example without a mark; longer ones first."""
    kinds = _known_values(data)
    marked = {entity.type for example in data.examples for entity in example.entities}
    known = {value: kind for value, kind in kinds.items() if kind in marked}
    found = [doubt for example in data.examples for doubt in _bare(example, known)]
    return sorted(found, key=lambda doubt: -doubt.weight)


def _bare(example: Example, kinds: Mapping[str, str]) -> Iterator[Doubt]:
    text = normalize(example.text)
    taken = [(entity.start, entity.end) for entity in example.entities]
    # a list may have a hundred thousand values: a sentence has fewer stretches
    stretches = {text.text[at : at + size] for size in range(2, LONGEST_VALUE + 1) for at in range(len(text.text))}
    for value in sorted(kinds.keys() & stretches, key=lambda value: (-len(value), value)):
        at = text.text.index(value)
        start, end = text.span(at, at + len(value))
        if any(start < stop and begin < end for begin, stop in taken):
            continue
        taken.append((start, end))
        word = example.text[start:end]
        yield Doubt(
            "unmarked",
            float(len(value)),
            example.file,
            example.line,
            f"'{word}' has no mark in '{few_words(example)}', and is {kinds[value]} elsewhere",
            f"write [{word}]({kinds[value]}), or leave it where it means something else here",
            (example.intent,),
        )


def _known_values(data: NluData) -> dict[str, str]:
    """Normalised value -> its type, where only one type has it; single characters say too little."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for kind, listed in data.lookups.items():
        for value in listed:
            kinds[normalize(value).text].add(kind)
    for example in data.examples:
        for entity in example.entities:
            kinds[normalize(entity.text).text].add(entity.type)
    return {value: min(names) for value, names in kinds.items() if len(names) == 1 and 2 <= len(value) <= LONGEST_VALUE}


Groups = Mapping[str, Sequence[tuple[Example, Doc]]]


def _balance(groups: Groups) -> Iterator[Doubt]:
    for kind in (False, True):
        # an answer wants fewer questions than an intent wants examples
        yield from _balance_of({name: mine for name, mine in groups.items() if mine[0][0].retrieval is kind})


def _balance_of(groups: Groups) -> Iterator[Doubt]:
    middle = median(map(len, groups.values())) if groups else 0.0
    for name, mine in groups.items():
        if len(mine) * OUTWEIGHED <= middle and len(mine) >= FEW:
            what = f"intent '{name}' has {len(mine)} examples, the middle intent {middle:g}"
            yield _about(mine, 2.0, what, f"write about {middle / 2:.0f}, or it will be overlooked")
        elif len(mine) >= OUTWEIGHED * middle:
            what = f"intent '{name}' has {len(mine)} examples, the middle intent {middle:g}"
            yield _about(mine, 1.5, what, "split it, or give the others more")


def _variety(groups: Groups) -> Iterator[Doubt]:
    for name, mine in groups.items():
        if len(mine) < ENOUGH:
            continue
        start, count = Counter(doc.normalized.text[:2] for _, doc in mine).most_common(1)[0]
        if count >= ALIKE * len(mine):
            what = f"{count} of {len(mine)} examples of '{name}' begin with '{start}'"
            yield _about(mine, 1 + count / len(mine), what, "begin as customers do: with a greeting, the goods, a verb")
        if max(len(doc.normalized.text) for _, doc in mine) <= SHORT:
            what = f"no example of '{name}' is longer than {SHORT} characters"
            yield _about(mine, 1.2, what, "add whole sentences: customers write them too")


def _single_words(groups: Groups) -> Iterator[Doubt]:
    """Words that a single example of all the data has: what is learned of them hangs on that one sentence."""
    seen: Counter[str] = Counter()
    for mine in groups.values():
        for _, doc in mine:
            seen.update(_words(doc))
    for name, mine in groups.items():
        words = sorted({word for _, doc in mine for word in _words(doc)})
        single = [word for word in words if seen[word] == 1]
        if len(mine) >= ENOUGH and len(single) >= ALIKE * len(words):
            what = f"{len(single)} of {len(words)} words of '{name}' occur in one example only"
            yield _about(mine, len(single) / len(words), what, f"use them again in other sentences: {_some(single)}")


def _words(doc: Doc) -> set[str]:
    return {token.text for token in doc.tokens if token.text.isalpha() and len(token.text) > 1}


def _entities(data: NluData) -> Iterator[Doubt]:
    marks: dict[str, list[Example]] = defaultdict(list)
    for example in data.examples:
        for entity in example.entities:
            marks[entity.type].append(example)
    for kind, examples in marks.items():
        if len(examples) < FEW:
            what = f"entity '{kind}' is marked only {len(examples)} time{'s' if len(examples) > 1 else ''}"
            first, beside = examples[0], tuple(cite(one) for one in examples[:2])
            mend = f"mark it in at least {FEW} sentences of different shape"
            yield Doubt("coverage", 1.8, first.file, first.line, what, mend, (first.intent,), beside)
    texts = "\n".join(normalize(example.text).text for example in data.examples)
    for kind, values in data.lookups.items():
        missing = [value for value in values if normalize(value).text not in texts]
        first = data.examples[0]
        if len(missing) == len(values):
            what = f"no value of the lookup '{kind}' occurs in any example"
            yield Doubt("coverage", 1.4, first.file, 1, what, f"write sentences with some: {_some(missing)}")


def _some(words: Sequence[str], most: int = 5) -> str:
    return ", ".join(words[:most]) + (" …" if len(words) > most else "")


def _about(mine: Sequence[tuple[Example, Doc]], weight: float, what: str, mend: str) -> Doubt:
    first = mine[0][0]
    return Doubt("coverage", weight, first.file, first.line, what, mend, (first.intent,))
