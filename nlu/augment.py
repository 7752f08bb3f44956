"""More wordings of the training examples, made by rule: other words for the same, slips of the hand, fillers, another
order, the other script. Off unless config.yml has an `augmentation:` block.

They are learned from and never judged by: `nlu.training.fit` makes them of the examples that it is given, so that
cross-validation makes them of its training part alone. What is marked as an entity stays whole; only a synonym of the
bot's own takes its place, with the same value.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Literal, NamedTuple

from opencc import OpenCC
from pydantic import Field as Setting

from config.source import Strict
from nlu.component import SEED
from nlu.data import Example
from nlu.features import essence
from nlu.fuzzy.ordinary import mandarin
from nlu.fuzzy.shapes import look_alikes
from nlu.fuzzy.sounds import everyday, homophones
from nlu.meaning import Entity
from nlu.normalize import normalize

Kind = Literal["synonyms", "homophones", "shapes", "fillers", "order", "script"]


class Augmentation(Strict):
    """The `augmentation` block of config.yml."""

    copies: int = Setting(2, ge=0, le=20)
    """At most so many made-up wordings of each example; 0 makes none."""
    kinds: tuple[Kind, ...] = ("synonyms", "homophones", "shapes", "fillers", "order")
    """How they are made. `script`, traditional, is for a pipeline that does not fold it."""
    seed: int = SEED
    """Another seed makes others."""


class _Piece(NamedTuple):
    """A stretch of an example: words, or what is marked as `entities`."""

    text: str
    entities: tuple[Entity, ...] = ()


Pieces = list[_Piece]
_TRIES = 4
"""Attempts at each copy: many rules do not fit many sentences."""

_SAME = """
怎么=如何=怎样 能不能=可不可以=能否 可以吗=行吗=好吗 什么时候=何时=几时 多少钱=什么价钱=几块钱 为什么=为何
我想要=我想=我要 帮我=给我=替我 麻烦=劳驾 查一下=查询一下=看一下=查查 快递=包裹=物流 退款=退钱 修改=更改
取消=撤销 购买=买 现在=目前=这会儿 马上=立刻=赶紧 坏了=用不了了=出问题了 丢了=不见了 谢谢=多谢=感谢 您好=你好
需要=要 东西=商品 告诉我=跟我说 有没有=有无 是不是=是否 怎么样=如何 非常=很=特别 可是=但是=不过 因为=由于
还没=还没有 地方=位置 便宜=实惠 收到=拿到 打电话=致电 联系不上=找不到 客服=客服人员 账号=账户 忘了=忘记了
"""
"""Words of service talk that say the same in any sentence."""
_BEFORE = ("请问", "那个", "嗯", "额", "就是", "哎", "麻烦问下", "我问一下", "话说")
_AFTER = ("啊", "呀", "呢", "哈", "哦", "啦", "来着")
_CLAUSES = "，,；;。 "


def augment(examples: Sequence[Example], options: Augmentation, synonyms: Mapping[str, str]) -> Iterator[Example]:
    """Made-up wordings; each has the intent, file and line of its original, whose text it keeps as `original`.

    `synonyms` are the bot's, wording -> value. None says what an example or another of these says already.
    """
    seen = {said for example in examples for said in (example.text, _said(example.text))}
    rules = _rules(synonyms)
    for example in examples if options.kinds else ():
        # every example has dice of its own: what becomes of it does not hang on the others
        dice = random.Random(f"{options.seed} {example.intent} {example.text}".encode("utf-8", "surrogatepass"))
        for copy in range(options.copies):
            for attempt in range(_TRIES):
                kind = options.kinds[(copy + attempt + dice.randrange(len(options.kinds))) % len(options.kinds)]
                made = _joined(example, rules[kind](_pieces(example), dice))
                # another script says the same, and is wanted for that
                said = made.text if kind == "script" else _said(made.text)
                if said not in seen:
                    seen.add(said)
                    yield made
                    break


def _said(text: str) -> str:
    return essence(normalize(text).text)


Rule = Callable[[Pieces, random.Random], Pieces]


def _rules(synonyms: Mapping[str, str]) -> Mapping[Kind, Rule]:
    own: dict[str, list[str]] = {}
    for wording, value in sorted(synonyms.items()):
        own.setdefault(value, []).append(wording)
    return {
        "synonyms": lambda pieces, dice: _synonym(pieces, dice, own),
        "homophones": lambda pieces, dice: _slip(pieces, dice, homophones),
        "shapes": lambda pieces, dice: _slip(pieces, dice, lambda char: sorted(look_alikes(char))),
        "fillers": _filler,
        "order": _order,
        "script": _script,
    }


def _pieces(example: Example) -> Pieces:
    """Entities that share a stretch share a piece."""
    pieces: Pieces = []
    at = 0
    for entity in sorted(example.entities, key=lambda one: (one.start, -one.end)):
        if pieces and entity.end <= at:
            if (entity.start, entity.end) == (at - len(pieces[-1].text), at):
                pieces[-1] = _Piece(pieces[-1].text, (*pieces[-1].entities, entity))
            continue
        if entity.start > at:
            pieces.append(_Piece(example.text[at : entity.start]))
        pieces.append(_Piece(example.text[entity.start : entity.end], (entity,)))
        at = entity.end
    return [*pieces, _Piece(example.text[at:])] if at < len(example.text) else pieces


def _joined(example: Example, pieces: Pieces) -> Example:
    text = ""
    entities: list[Entity] = []
    for piece in pieces:
        start, end = len(text), len(text) + len(piece.text)
        text += piece.text
        entities += [replace(one, text=piece.text, start=start, end=end) for one in piece.entities]
    return replace(example, text=text, entities=tuple(entities), original=example.text)


# --- the rules: each returns the pieces as they are where it does not fit --------------------------------------


@cache
def _groups() -> Mapping[str, tuple[str, ...]]:
    groups = [tuple(group.split("=")) for group in _SAME.split()]
    return {word: tuple(other for other in group if other != word) for group in groups for word in group}


def _synonym(pieces: Pieces, dice: random.Random, own: Mapping[str, Sequence[str]]) -> Pieces:
    choices: list[tuple[int, _Piece]] = []
    for at, piece in enumerate(pieces):
        if piece.entities:
            values = {str(one.value) for one in piece.entities}
            others = own.get(min(values), ()) if len(values) == 1 else ()
            choices += [(at, piece._replace(text=other)) for other in others if other != piece.text]
        else:
            choices += [(at, _Piece(text)) for text in _reworded(piece.text)]
    return _with(pieces, *dice.choice(choices)) if choices else pieces


def _reworded(text: str) -> Iterator[str]:
    for start, end in mandarin().cut(text):
        for other in _groups().get(text[start:end], ()):
            yield text[:start] + other + text[end:]


def _slip(pieces: Pieces, dice: random.Random, others: Callable[[str], Sequence[str]]) -> Pieces:
    places = [
        (at, i) for at, piece in enumerate(pieces) if not piece.entities for i, char in enumerate(piece.text)
        if everyday(char) and others(char)
    ]  # fmt: skip
    if not places:
        return pieces
    at, i = dice.choice(places)
    text = pieces[at].text
    return _with(pieces, at, _Piece(text[:i] + dice.choice(others(text[i])) + text[i + 1 :]))


def _filler(pieces: Pieces, dice: random.Random) -> Pieces:
    if dice.random() < 0.5:
        return [_Piece(dice.choice(_BEFORE)), *pieces]
    last = pieces[-1] if pieces else _Piece("")
    if last.entities:
        return [*pieces, _Piece(dice.choice(_AFTER))]
    bare = last.text.rstrip("。！？!?.~～ ")
    return _with(pieces, -1, _Piece(bare + dice.choice(_AFTER) + last.text[len(bare) :])) if pieces else pieces


def _order(pieces: Pieces, dice: random.Random) -> Pieces:
    """Two clauses change places, or two words that stand beside each other."""
    words = [word for piece in pieces for word in _words(piece)]
    stops = [at for at, word in enumerate(words) if word.text in _CLAUSES]
    if stops and 0 < (stop := dice.choice(stops)) < len(words) - 1:
        return [*words[stop + 1 :], words[stop], *words[:stop]]
    if len(words) < 3:
        return pieces
    at = dice.randrange(len(words) - 1)
    return [*words[:at], words[at + 1], words[at], *words[at + 2 :]]


def _words(piece: _Piece) -> Iterable[_Piece]:
    return [piece] if piece.entities else [_Piece(piece.text[a:b]) for a, b in mandarin().cut(piece.text)]


_HALF = re.compile("[\ud800-\udfff]")
"""Half an emoji, which cannot be written as UTF-8."""


@cache
def _to_traditional() -> OpenCC:
    return OpenCC("s2t")


def _script(pieces: Pieces, dice: random.Random) -> Pieces:
    return [piece._replace(text=_to_traditional().convert(_HALF.sub("\ufffd", piece.text))) for piece in pieces]


def _with(pieces: Pieces, at: int, piece: _Piece) -> Pieces:
    return [piece if other is pieces[at] else other for other in pieces]
