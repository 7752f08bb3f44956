"""Entities by the bot's own patterns, word lists and built-in rules, and the synonyms of their values.

Chinese writes no blanks, so nothing here asks for a word boundary; but a run of Latin letters or digits is
never cut in two (`DD12` is not found in `ADD123`), and a value of two characters is not made of the halves of two
words (中通 of 集中通知).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from sys import intern
from typing import ClassVar, Self
from unicodedata import normalize as unicode_form

from pydantic import field_validator

from config.source import Strict, did_you_mean
from nlu.component import Component, Corpus, Field, register
from nlu.data import Example, NluData, Pattern
from nlu.doc import Doc
from nlu.fuzzy.gazetteer import Gazetteer, Near
from nlu.meaning import Entity
from nlu.normalize import normalize
from nlu.rules import KINDS, Rules, extract
from nlu.spans import TRAINED, Prioritised, add

_BOUNDARY = r"(?:(?<![A-Za-z0-9_])(?=[A-Za-z0-9_])|(?<=[A-Za-z0-9_])(?![A-Za-z0-9_]))"
_ESCAPE = re.compile(r"\\(.)|(\[(?:\\.|[^\]\\])*\])", re.DOTALL)


def compile_pattern(pattern: str, flags: re.RegexFlag) -> re.Pattern[str]:
    r"""`pattern` with a `\b` that also lies between a Han character and a Latin one: `\bDD\d+\b` is in 订单DD1到哪."""
    return re.compile(_ESCAPE.sub(lambda m: _BOUNDARY if m[1] == "b" else m[0], pattern), flags)


_SHORT = 2
"""Listed values of so few characters may stand in a text by chance."""


def _whole(text: str, start: int, end: int) -> bool:
    """No Latin word or number is cut at either end."""
    return not (_joined(text, start) or _joined(text, end))


def _joined(text: str, at: int) -> bool:
    if not 0 < at < len(text):
        return False
    left, right = text[at - 1], text[at]
    return (left.isascii() and left.isalnum()) and (right.isascii() and right.isalnum())


class RegexOptions(Prioritised):
    """As Rasa's RegexEntityExtractor: with `use_lookup_tables`, a LookupEntityExtractor joins the pipeline.

    `use_word_boundaries` is read but has no effect: Chinese has none.
    """

    case_sensitive: bool = False
    use_lookup_tables: bool = True
    use_regexes: bool = True
    use_word_boundaries: bool = True


@register
@dataclass(frozen=True, slots=True)
class RegexEntityExtractor(Component):
    """Finds the `regex` sections of the training data; the section's name is the entity.

    The value is the matched text in half width. A pattern with a group called `value` gives that group.
    """

    name: ClassVar[str] = "RegexEntityExtractor"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"entities"})
    options: ClassVar[type[Strict]] = RegexOptions

    patterns: tuple[tuple[str, re.Pattern[str]], ...]
    by_case: bool
    raw: tuple[Pattern, ...]

    @classmethod
    def of(cls, options: RegexOptions, patterns: Iterable[Pattern]) -> Self:
        kept = tuple(patterns) if options.use_regexes else ()
        flags = re.RegexFlag(0) if options.case_sensitive else re.IGNORECASE
        compiled = tuple((one.name, compile_pattern(one.pattern, flags)) for one in kept)
        return cls(compiled, options.case_sensitive, kept)

    @classmethod
    def train(cls, options: RegexOptions, corpus: Corpus) -> Self:
        return cls.of(options, corpus.data.patterns)

    @classmethod
    def load(cls, options: RegexOptions, folder: Path) -> Self:
        kept = json.loads((folder / "patterns.json").read_text("utf-8"))
        return cls.of(options, (Pattern(**one) for one in kept))

    def save(self, folder: Path) -> None:
        kept = [{"name": one.name, "pattern": one.pattern} for one in self.raw]
        (folder / "patterns.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")

    def __call__(self, doc: Doc) -> Doc:
        return add(doc, self._found(doc))

    def _found(self, doc: Doc) -> Iterator[Entity]:
        text = doc.text if self.by_case else doc.normalized.text
        for name, pattern in self.patterns:
            for match in pattern.finditer(text):
                group: int | str = "value" if "value" in pattern.groupindex and match["value"] else 0
                start, end = match.span(group)
                if start < end and _whole(text, start, end):
                    first, last = (start, end) if self.by_case else doc.normalized.span(start, end)
                    quote = doc.text[first:last]
                    yield Entity(name, quote, unicode_form("NFKC", quote), first, last, extractor=self.name)


class LookupOptions(Prioritised):
    from_examples: bool = True
    """Values marked in the examples are found too, not only those of `lookup` sections."""
    fuzzy: bool = True
    """Values are found in another spelling too: misspelt, misheard, or for short."""


@register
@dataclass(frozen=True, slots=True)
class LookupEntityExtractor(Component):
    """Finds the values of lookup tables and, unless switched off, the values marked in examples.

    The longest value wins. Where examples give one wording several entities, the most frequent is taken. The
    value is as the author wrote it. A role or group is told by the character before: 从[北京] is where from.
    What is written in another way (顺风快递 for 顺丰快递) is found with a confidence below 1.
    """

    name: ClassVar[str] = "LookupEntityExtractor"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"entities"})
    options: ClassVar[type[Strict]] = LookupOptions

    values: Mapping[str, tuple[str, str]]
    """Normalised wording -> (entity, the author's wording)."""
    roles: Mapping[str, tuple[str, str]]
    """The entity and the character before it -> (role, group)."""
    lengths: Mapping[str, tuple[int, ...]]
    """First character -> lengths of the wordings that begin with it, the longest first."""
    gazetteer: Gazetteer | None = field(default=None, repr=False, compare=False)
    as_said: frozenset[str] = frozenset()
    """What resembles a value in the author's own examples and is not marked there: it is just what people say."""

    @classmethod
    def of(
        cls,
        values: Mapping[str, tuple[str, str]],
        roles: Mapping[str, tuple[str, str]],
        gazetteer: Gazetteer | None = None,
        as_said: Iterable[str] = (),
    ) -> Self:
        lengths: dict[str, set[int]] = {}
        for wording in values:
            lengths.setdefault(wording[0], set()).add(len(wording))
        longest_first = {first: tuple(sorted(found, reverse=True)) for first, found in lengths.items()}
        return cls(values, roles, longest_first, gazetteer, frozenset(as_said))

    @classmethod
    def train(cls, options: LookupOptions, corpus: Corpus) -> Self:
        marked = _marked(corpus.data) if options.from_examples else {}
        listed = {
            key: (name, value)
            for name, values in sorted(corpus.data.lookups.items())
            for value in values
            if (key := normalize(value).text)
        }
        # 帝都 must be found before EntitySynonymMapper can make it 北京
        kinds = {value: found[0] for found in (*marked.values(), *listed.values()) for value in found[1:]}
        synonyms = {
            key: (kinds[value], wording)
            for wording, value in sorted(corpus.data.synonyms.items())
            if value in kinds and (key := normalize(wording).text)
        }
        values = {**synonyms, **marked, **listed}
        found = cls.of(values, _roles(corpus.data), Gazetteer.of(values) if options.fuzzy and values else None)
        return replace(found, as_said=frozenset(found._said(corpus.data.examples)))

    @classmethod
    def load(cls, options: LookupOptions, folder: Path) -> Self:
        kept = json.loads((folder / "values.json").read_text("utf-8"))
        # long lists repeat the same words: one copy of each will do
        values = {key: (intern(kind), key if value == key else value) for key, (kind, value) in kept["values"].items()}
        roles = {key: (role, group) for key, (role, group) in kept["roles"].items()}
        gazetteer = Gazetteer.load(folder, values, kept["forms"]) if kept["forms"] is not None else None
        return cls.of(values, roles, gazetteer, kept["as_said"])

    def save(self, folder: Path) -> None:
        kept = {
            "values": self.values,
            "roles": self.roles,
            "forms": self.gazetteer and self.gazetteer.forms,
            "as_said": sorted(self.as_said),
        }
        (folder / "values.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        if self.gazetteer is not None:
            self.gazetteer.save(folder)

    def __call__(self, doc: Doc) -> Doc:
        return add(doc, self._found(doc)) if self.values else doc

    def _found(self, doc: Doc) -> Iterator[Entity]:
        text = doc.normalized.text
        exact = [*self._exact(text)]
        near = [one for one in self._near(text, exact) if text[one.start : one.end] not in self.as_said]
        for at, end in exact:
            # a longer value that is misspelt around it says more
            if not any(one.start <= at and end <= one.end for one in near):
                yield self._entity(doc, at, end, text[at:end], 1.0)
        for one in near:
            yield self._entity(doc, one.start, one.end, one.meant, one.confidence)

    def _entity(self, doc: Doc, at: int, end: int, wording: str, confidence: float) -> Entity:
        kind, value = self.values[wording]
        first, last = doc.normalized.span(at, end)
        role, group = self.roles.get(_role_key(kind, doc.normalized.text[:at]), ("", ""))
        return Entity(kind, doc.text[first:last], value, first, last, role, group, self.name, confidence)

    def _near(self, text: str, exact: Sequence[tuple[int, int]]) -> list[Near]:
        return self.gazetteer.near(text, exact) if self.gazetteer is not None else []

    def _exact(self, text: str) -> Iterator[tuple[int, int]]:
        at = 0
        while at < len(text):
            size = self._size(text, at)
            if size:
                yield at, at + size
            at += size or 1

    def _size(self, text: str, at: int) -> int:
        for size in self.lengths.get(text[at], ()):
            # near the end the slice is shorter than asked for, and may be another, shorter wording
            fits = at + size <= len(text)
            if fits and text[at : at + size] in self.values and self._is_there(text, at, at + size):
                return size
        return 0

    def _is_there(self, text: str, start: int, end: int) -> bool:
        """Not half of a Latin word or a number, nor, if it is short, made of the halves of two Chinese words."""
        if not _whole(text, start, end):
            return False
        return self.gazetteer is None or end - start > _SHORT or not self.gazetteer.is_cut_out(text, start, end)

    def _said(self, examples: Iterable[Example]) -> Iterator[str]:
        own = () if self.gazetteer is None else (example for example in examples if not example.original)
        for example in own:
            normalized = normalize(example.text)
            for one in self._near(normalized.text, [*self._exact(normalized.text)]):
                start, end = normalized.span(one.start, one.end)
                if all(end <= marked.start or marked.end <= start for marked in example.entities):
                    yield normalized.text[one.start : one.end]


def _marked(data: NluData) -> dict[str, tuple[str, str]]:
    """Wordings marked in examples: those that are a word or longer; a single digit or letter says too little."""
    seen: dict[str, dict[str, int]] = {}
    wording: dict[str, str] = {}
    for example in data.examples:
        for entity in example.entities:
            key = normalize(entity.text).text
            if len(key) > 1 and not any(char.isdigit() for char in key):
                counts = seen.setdefault(key, {})
                counts[entity.type] = counts.get(entity.type, 0) + 1
                wording.setdefault(key, entity.text)
    return {key: (max(sorted(counts), key=lambda name: counts[name]), wording[key]) for key, counts in seen.items()}


def _role_key(kind: str, before: str) -> str:
    return f"{kind} {before[-1:] or '^'}"


def _roles(data: NluData) -> dict[str, tuple[str, str]]:
    """What the examples mark most often after each character; the first of equals."""
    seen: dict[str, Counter[tuple[str, str]]] = {}
    for example in data.examples:
        for entity in example.entities:
            key = _role_key(entity.type, normalize(example.text[: entity.start]).text)
            seen.setdefault(key, Counter())[(entity.role, entity.group)] += 1
    most = {key: counts.most_common(1)[0][0] for key, counts in seen.items()}
    return {key: told for key, told in sorted(most.items()) if any(told)}


DUCKLING = {
    "amount-of-money": "amount",
    "phone-number": "phone",
    "numeral": "number",
    "credit-card-number": "bank_card",
}


class RuleOptions(Prioritised):
    dimensions: tuple[str, ...] = ()
    """Which of the built-in entities to find; empty: all of them. Duckling's names are understood."""
    order_id: str = ""
    """What the bot's own order numbers look like: a regular expression; empty: the usual shapes."""

    @field_validator("dimensions")
    @classmethod
    def _are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        kinds = tuple(DUCKLING.get(name, name) for name in names)
        for kind in kinds:
            if kind not in KINDS:
                raise ValueError(f"no built-in entity '{kind}'; {did_you_mean(kind, KINDS)}")
        return kinds

    @field_validator("order_id")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"order_id is not a valid regular expression: {error}") from None
        return pattern


@register
@dataclass(frozen=True, slots=True)
class RuleEntityExtractor(Component):
    """Times, amounts, numbers, phone and order numbers and other values that need no training (`nlu/rules`)."""

    name: ClassVar[str] = "RuleEntityExtractor"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"entities"})
    options: ClassVar[type[Strict]] = RuleOptions

    rules: Rules

    @classmethod
    def of(cls, options: RuleOptions) -> Self:
        own = compile_pattern(options.order_id, re.IGNORECASE) if options.order_id else None
        return cls(Rules(frozenset(options.dimensions or KINDS), own))

    @classmethod
    def train(cls, options: RuleOptions, corpus: Corpus) -> Self:
        return cls.of(options)

    @classmethod
    def load(cls, options: RuleOptions, folder: Path) -> Self:
        return cls.of(options)

    def save(self, folder: Path) -> None:
        """Rules are not learned."""

    def __call__(self, doc: Doc) -> Doc:
        found = extract(doc.normalized, doc.now, self.rules)
        return add(doc, (replace(one, extractor=self.name) for one in found))


class SynonymOptions(Strict):
    """EntitySynonymMapper has no settings."""


@register
@dataclass(frozen=True, slots=True)
class EntitySynonymMapper(Component):
    """Replaces the value of an entity by what the `synonym` sections and marks say it stands for."""

    name: ClassVar[str] = "EntitySynonymMapper"
    requires: ClassVar[frozenset[Field]] = frozenset({"entities"})
    assigns: ClassVar[frozenset[Field]] = frozenset()
    options: ClassVar[type[Strict]] = SynonymOptions

    synonyms: Mapping[str, str]

    @classmethod
    def train(cls, options: SynonymOptions, corpus: Corpus) -> Self:
        return cls({normalize(wording).text: value for wording, value in sorted(corpus.data.synonyms.items())})

    @classmethod
    def load(cls, options: SynonymOptions, folder: Path) -> Self:
        return cls(json.loads((folder / "synonyms.json").read_text("utf-8")))

    def save(self, folder: Path) -> None:
        (folder / "synonyms.json").write_text(json.dumps(self.synonyms, ensure_ascii=False), "utf-8")

    def __call__(self, doc: Doc) -> Doc:
        if not self.synonyms or not doc.entities:
            return doc
        return replace(doc, entities=tuple(map(self._mapped, doc.entities)))

    def _mapped(self, entity: Entity) -> Entity:
        # what a rule made of a learned entity's words must not hide them from the author's own table
        for said in (entity.text, entity.value) if entity.extractor in TRAINED else (entity.value,):
            value = self.synonyms.get(normalize(said).text) if isinstance(said, str) else None
            if value is not None:
                return replace(entity, value=value)
        return entity
