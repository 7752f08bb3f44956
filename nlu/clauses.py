"""Several wishes in one message: 「查下余额，顺便转人工」 becomes a meaning with another one beside it.

Where a message may be cut is told by its form: words that announce something more (顺便, 另外, …) cut anywhere, mere
punctuation cuts only between two clauses that each ask for something. Whether it is cut is told by belief: each part
is read again by the components before this one, and must be believed as something else than its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

from pydantic import Field as Setting

from config.source import Strict
from nlu.component import Component, Corpus, Field, register
from nlu.doc import Doc
from nlu.meaning import FALLBACK_INTENT, Meaning, subject
from nlu.pipeline import blank

MOST_WISHES = 5
"""Who says more in one message tells a story, and is not understood any better in pieces."""

_SIGNS = "，,。.！!？?；;、…~ \n"
_ANNOUNCED = r"顺便|顺带|顺手|另外(?![一两几个的收付加])|此外|以及|对了|还有就是|再就是"
"""These announce another wish wherever they stand; the wish itself begins after them."""
_ADDED = (
    r"(?:还|也)(?:想|要|需要|得)(?![不多几])|还(?:请|帮我|麻烦)"
    r"|再(?:帮|给我|查|看|问|转|办|开|退|换|改|充|取消|催|申请|确认)|然后(?!呢|就[没不])"
)
"""So do these, but are a part of the wish."""
_FIRST_ONLY = r"还有|然后|同时|接着|最后|并且"
"""These mean something more at the beginning of a clause alone: 还有货吗, 同时下单 are about something else."""
_CUT = re.compile(
    rf"(?P<signs>[{_SIGNS}]*)(?P<word>{_ANNOUNCED}|{_ADDED})|(?P<edge>[{_SIGNS}]+)(?P<first>{_FIRST_ONLY})?"
)
_ENDS = re.compile(r"[。.！!？?；;…\n]")
_WORDS_BEFORE = re.compile(rf"^(?:{_ANNOUNCED}|还有|然后|同时|接着|最后|并且)?[{_SIGNS}]*")
_NUMBER_AROUND = re.compile(r"[0-9a-z][,.~ ][0-9a-z]")

_COURTESY = re.compile(
    r"(?:你好|您好|hi|hello|哈[喽啰罗]|嗨|喂|亲爱的|亲|在吗|在么|在不在|有人吗|(?:早上|上午|中午|下午|晚上)好|早|客服|请问一?下?"
    r"|打扰一?下?了?|麻烦[了您你]?一?下?|辛苦了?|[非常太]{0,2}(?:谢谢|感谢|多谢)(?:您们|你们|您|你)?[了啦]?|拜拜|再见|想?问一?下|咨询一?下"
    r"|那个|就是|好的?|嗯|行|可以|是的?|对的?|没错|ok|不用了?|不要了?|没有了?|不了?|知道了|明白了?|收到|没关系|没事"
    r"|[哦噢啊呀吧了哈呢的，,])++"
)
"""Greetings, thanks, yes and no: beside a wish they are none of their own."""
_CORRECTION = re.compile(r"^(?:不对|不是|错了|说错|搞错|我?说的?是|是(?!不是|否)|改成|应该是|而是)")
_GOES_ON = re.compile(
    r"^(?:因为|由于|毕竟|所以|不行就?|因此|但是?|不过|可是|然而|结果|而且|就是|比如|例如|或者?|还是|不然|否则|那就?算|的话|否|才|都|却|就|他|她|它|这|那(?!帮|我)|(?:可以|行|能|好|对)[不吗么嘛吧]?.{0,3}$)"
)
"""Such a clause belongs to the one before it."""
_CONDITION = re.compile(
    r"^(?:如果|要是|假如|万一|既然|虽然|再不|除非|只要|因为|由于|不管|当|等)|(?:的话|的时候|之后|以后|之前)$"
)
"""Such a clause belongs to the one after it."""
_ASKS = re.compile(
    r"[?？]|吗|么$|呢$|谁|什么|啥|怎么|怎样|咋|多少|几(?:点|天|块|号|个|时|元|次)|哪|如何|能不能|可不可以|能否|是否|有没有|会不会|要不要"
    r"|为何|多久|多长|是不是"
)
_WISHES = re.compile(
    r"^(?:我们?|咱们?|你们?|您|那|就|先|再|也|还|都|快|赶紧|赶快|马上|立刻|顺便|直接)*"
    r"(?:要(?!是)|想|需要|希望|请|帮|麻烦|给(?!了)|能(?!不)|可以|来(?!了)|查|看|问|退|换(?!了)|改|办|开|催|转|取消|投诉|申请|充|交|缴|找|联系|告诉"
    r"|介绍|推荐|订|定|预[订约]|买(?!的|了)|下单|寄|送|修|报|挂失|冻结|解[冻绑除]|绑定|注销|删|打开|播放?|放|设|提醒|关|停|续|升级|导航|搜|翻译|把|将"
    r"|重置|修改|更换|变更|开通|补|叫|接|领|算|发(?!了|的))"
)
_TOLD = re.compile(r"(?<!催)(?<!退)(?<!算)了$|太|很|非常|真的?是|一直|根本|还没|坏|差|烂")
"""Words of telling, not of asking: a reason for the wish beside it."""

_CERTAIN = {"announced": 3.0, "first": 1.5, "sentence": 1.2, "comma": 0.8}
"""How much the form of a cut weighs against the confidence in the whole."""


class ClauseOptions(Strict):
    threshold: float = Setting(0.5, ge=0, le=1)
    """The least confidence of a part that is a wish of its own."""


class Cut(NamedTuple):
    """Between two clauses: where the first ends and the second begins in the normalised text; `kind` of `_CERTAIN`."""

    end: int
    start: int
    kind: str


class Clause(NamedTuple):
    """A stretch of the normalised text, and the kind of the cut before it ('' for the first)."""

    start: int
    end: int
    kind: str


@register
@dataclass(frozen=True, slots=True)
class ClauseSplitter(Component):
    """Gives a message of several wishes its first one, and the others as `also`; any other message stays as it is,
    but that a greeting beside a wish does not count."""

    name: ClassVar[str] = "ClauseSplitter"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized", "intent"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"also"})
    options: ClassVar[type[Strict]] = ClauseOptions

    threshold: float
    readers: tuple[Component, ...] = field(default=(), repr=False)
    """What reads a part again: the components before this one, but for those that find entities alone."""

    @classmethod
    def train(cls, options: ClauseOptions, corpus: Corpus) -> Self:
        return cls(options.threshold)

    @classmethod
    def load(cls, options: ClauseOptions, folder: Path) -> Self:
        return cls(options.threshold)

    def save(self, folder: Path) -> None:
        """The threshold is in the manifest."""

    def after(self, components: tuple[Component, ...]) -> Self:
        return replace(self, readers=tuple(one for one in components if not one.assigns or one.assigns - {"entities"}))

    def __call__(self, doc: Doc) -> Doc:
        if doc.ranking and doc.ranking[0].confidence == 1.0:
            return doc  # known by heart
        clauses = _clauses(doc)
        if len(clauses) < 2:
            return doc
        spoken = [one for one in clauses if not is_courtesy(_text(doc, one))]
        wishes = _joined(doc, spoken)
        if not wishes or len(wishes) > MOST_WISHES or (len(wishes) == 1 and len(spoken) == len(clauses)):
            return doc
        return self._judged(doc, wishes)

    def _judged(self, doc: Doc, clauses: list[Clause]) -> Doc:
        readings = self._readings(doc, clauses)
        if len(readings) == 1:
            (alone,) = readings.values()
            return _instead(doc, alone) if self._believed(alone) and not _as_sure(doc, alone) else doc
        if not all(map(self._believed, readings.values())):
            return doc
        certain = min(_CERTAIN[clause.kind] for clause in list(readings)[1:])
        sure = doc.confidence if doc.intent != FALLBACK_INTENT else 0.0
        if prod(one.confidence for one in readings.values()) * certain < sure:
            return doc
        first, *others = (_meant(doc, clause, reading) for clause, reading in readings.items())
        taken = replace(_instead(doc, next(iter(readings.values()))), entities=first.entities)
        return replace(taken, also=tuple(others))

    def _believed(self, doc: Doc) -> bool:
        return doc.intent not in ("", FALLBACK_INTENT) and doc.confidence >= self.threshold

    def _readings(self, doc: Doc, clauses: Iterable[Clause]) -> Mapping[Clause, Doc]:
        """The clauses that are wishes of their own: what is not believed, and what repeats the wish before it, goes
        with that one."""
        found: dict[Clause, Doc] = {}
        for clause in clauses:
            reading = self._read(doc, clause)
            if found:
                last, before = next(reversed(found.items()))
                same = _what(reading) == _what(before)
                if same or not (self._believed(reading) and self._believed(before)):
                    del found[last]
                    clause = Clause(last.start, clause.end, last.kind)
                    reading = before if same else self._read(doc, clause)
            found[clause] = reading
        return found

    def _read(self, doc: Doc, clause: Clause) -> Doc:
        start, end = doc.normalized.span(clause.start, clause.end)
        part = replace(blank(doc.text[start:end], doc.now), priorities=doc.priorities)
        for component in self.readers:
            part = component(part)
        return part


def is_courtesy(text: str) -> bool:
    """Whether a normalised clause says nothing but a greeting, thanks, yes or no."""
    return _COURTESY.fullmatch(text.strip(_SIGNS)) is not None


def cuts(text: str) -> Iterator[Cut]:
    """Where a normalised text may be cut."""
    for match in _CUT.finditer(text):
        start, end = match.span()
        if match["word"]:
            yield Cut(start, match.start("word"), "announced")
        elif end < len(text) and not _NUMBER_AROUND.fullmatch(text[max(0, start - 1) : end + 1]):
            ended = "sentence" if _ENDS.search(match["edge"]) else "comma"
            yield Cut(start, match.end("edge"), "first" if match["first"] else ended)


def _clauses(doc: Doc) -> list[Clause]:
    """The text in pieces: no entity is cut, and the words that announce a piece are no part of it."""
    text = doc.normalized.text
    found: list[Clause] = []
    start, kind = 0, ""
    for cut in (*(one for one in _all_cuts(doc) if not _is_in_entity(doc, one)), Cut(len(text), len(text), "")):
        announced = _WORDS_BEFORE.match(text[start : cut.end])
        begin = start + (announced.end() if announced else 0)
        if begin < cut.end and (piece := text[begin : cut.end]).strip(_SIGNS):
            found.append(Clause(begin, begin + len(piece.rstrip(_SIGNS)), kind if found else ""))
            kind = cut.kind
        elif _CERTAIN.get(cut.kind, 0) > _CERTAIN.get(kind, 0):
            kind = cut.kind
        start = cut.start
    return found


def _all_cuts(doc: Doc) -> list[Cut]:
    """Those by signs and words, and those by blanks, which the normalised text no longer has."""
    text, starts, ends = doc.normalized.text, doc.normalized.starts, doc.normalized.ends
    found = list(cuts(text))
    blanks = {i for i in range(1, len(text)) if doc.text[ends[i - 1] : starts[i]].isspace()}
    blanks -= {i for cut in found for i in range(cut.end, cut.start + 1)}
    return sorted([*found, *(Cut(i, i, "sentence") for i in blanks)], key=lambda one: one.start)


def _is_in_entity(doc: Doc, cut: Cut) -> bool:
    at = doc.normalized.span(cut.start, cut.start)[0]
    return any(one.start < at < one.end for one in doc.entities)


def _text(doc: Doc, clause: Clause) -> str:
    return doc.normalized.text[clause.start : clause.end]


def _joined(doc: Doc, clauses: list[Clause]) -> list[Clause]:
    """Clauses that by their form belong together, as one; nothing where the text corrects something."""
    texts = [_text(doc, one) for one in clauses]
    if any(map(_CORRECTION.search, texts)):
        return []
    found = clauses[:1]
    for (before, text), clause in zip(pairwise(texts), clauses[1:], strict=True):
        if _go_together(before, text, clause.kind):
            found[-1] = Clause(found[-1].start, clause.end, found[-1].kind)
        else:
            found.append(clause)
    return found


def _go_together(before: str, text: str, kind: str) -> bool:
    if _GOES_ON.search(text) or _CONDITION.search(before):
        return True
    return kind in ("sentence", "comma") and not (_asks(before) and _asks(text))


def _asks(text: str) -> bool:
    """Whether a clause is a question or a wish by its form."""
    if _ASKS.search(text):
        return True
    return _WISHES.search(text) is not None and _TOLD.search(text) is None


def _what(doc: Doc) -> str:
    return subject(doc.intent, doc.answers)


def _as_sure(doc: Doc, part: Doc) -> bool:
    """Whether the whole is understood well enough without looking at the part alone."""
    return doc.intent != FALLBACK_INTENT and (_what(doc) == _what(part) or doc.confidence >= part.confidence)


def _instead(doc: Doc, part: Doc) -> Doc:
    """`doc` with what its part is taken for."""
    return replace(
        doc,
        intent=part.intent,
        confidence=part.confidence,
        ranking=part.ranking,
        answers=part.answers,
        familiarity=part.familiarity,
    )


def _meant(doc: Doc, clause: Clause, reading: Doc) -> Meaning:
    """The meaning of a clause: offsets index the whole text, entities are those of the whole that lie in it."""
    start, end = doc.normalized.span(clause.start, clause.end)
    meaning = reading.meaning("")
    return replace(
        meaning,
        entities=tuple(one for one in doc.entities if start <= one.start < end),
        tokens=tuple((start + a, start + b) for a, b in meaning.tokens),
    )
