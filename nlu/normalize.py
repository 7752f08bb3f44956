"""One spelling for what users type in many: width, script, case, blanks and repeated marks, with the way back.

`normalize` folds full width to half (，！ become , !), traditional script to simplified (Taiwan's words too),
upper case to lower, drops blanks that Chinese does not need, and leaves one mark of several (！！！). Spellings of the
net and of dialects (木有, 咋, 唔该) become the standard ones, faces out of characters one emoji, and a text of emoji
alone their words. Other emoji, superscripts and fractions stay as they are. `Normalized.span` leads from a place in
the folded text back to the user's own characters, so that entities always quote the original.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

from opencc import OpenCC

from nlu.faces import EMOJI, face, says
from nlu.spellings import LONG_DRAWN, SPELLING, STARTS, shortened, standard


@dataclass(frozen=True, slots=True)
class Normalized:
    """`text[i]` came from `original[starts[i]:ends[i]]`; both sequences are as long as `text` and never fall."""

    text: str
    original: str
    starts: Sequence[int]
    ends: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """`text[start:end]` as offsets of the original; an empty stretch stays empty."""
        if start >= end:
            at = self.starts[start] if start < len(self.text) else len(self.original)
            return at, at
        return self.starts[start], self.ends[end - 1]

    def quote(self, start: int, end: int) -> str:
        """The user's own characters for `text[start:end]`."""
        first, last = self.span(start, end)
        return self.original[first:last]


_Piece = tuple[str, int, int]
"""What stands for `text[start:end]` of the text before the pass."""

_ROUNDS = 5
"""One pass can make work for another (a dropped mark joins two letters); nobody needed more than three."""


def normalize(text: str) -> Normalized:
    """The folded text with its way back. Never raises; folding what is folded changes nothing."""
    done = Normalized(text, text, range(len(text)), range(1, len(text) + 1))
    for _ in range(_ROUNDS):
        before = done.text
        for run in _PASSES:
            done = run(done)
        if done.text == before:
            break
    return done


# --- from one text to the next ------------------------------------------------------------------------------


def _same_length(done: Normalized, text: str) -> Normalized:
    return Normalized(text, done.original, done.starts, done.ends)


def _rebuilt(done: Normalized, pieces: Iterable[_Piece]) -> Normalized:
    text: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for piece, start, end in pieces:
        first, last = done.span(start, end)
        text.append(piece)
        starts += [first] * len(piece)
        ends += [last] * len(piece)
    return Normalized("".join(text), done.original, starts, ends)


def _edited(done: Normalized, edit: re.Pattern[str], to: Callable[[re.Match[str]], str]) -> Normalized:
    """Every match of `edit` replaced; nothing is rebuilt where nothing matches."""
    if not edit.search(done.text):
        return done
    pieces: list[_Piece] = []
    at = 0
    for match in edit.finditer(done.text):
        pieces += [(done.text[i], i, i + 1) for i in range(at, match.start())]
        pieces.append((to(match), match.start(), match.end()))
        at = match.end()
    pieces += [(done.text[i], i, i + 1) for i in range(at, len(done.text))]
    return _rebuilt(done, pieces)


# --- characters ---------------------------------------------------------------------------------------------

_KEPT_FORMS = ("<super>", "<sub>", "<fraction>")
"""10² is not 102 and 1½ is not 11/2: these say something that plain digits would falsify."""
_ZERO_WIDTH_JOINER = "\u200d"  # holds emoji families together


@cache
def _fold(char: str) -> str:
    """One character's plain form: empty for what nobody sees, several letters for a ligature."""
    if "\ud800" <= char <= "\udfff":
        return "\ufffd"  # half a surrogate pair cannot be written as UTF-8 and would fail later on
    if char.isspace():
        return " "
    if unicodedata.category(char) in ("Cc", "Cf") and char != _ZERO_WIDTH_JOINER:
        return ""
    if char == "…" or unicodedata.decomposition(char).startswith(_KEPT_FORMS):
        return char
    plain = unicodedata.normalize("NFKC", char)
    if " " in plain:  # a free-standing accent would become a blank and a mark
        return char
    return plain.lower()


def _characters(done: Normalized) -> Normalized:
    pieces = [_fold(char) for char in done.text]
    text = "".join(pieces)
    if text == done.text:
        return done
    if len(text) == len(pieces) and "" not in pieces:
        return _same_length(done, text)
    return _rebuilt(done, ((piece, i, i + 1) for i, piece in enumerate(pieces) if piece))


def _accents(done: Normalized) -> Normalized:
    """A letter and its combining marks in the composed form."""
    if unicodedata.is_normalized("NFC", done.text):
        return done
    bounds = [i for i, char in enumerate(done.text) if not i or not unicodedata.combining(char)]
    clusters = zip(bounds, [*bounds[1:], len(done.text)], strict=True)
    return _rebuilt(done, ((unicodedata.normalize("NFC", done.text[a:b]), a, b) for a, b in clusters))


# --- blanks and marks ---------------------------------------------------------------------------------------

_DIGIT, _HAN_DIGIT = "0-9a-z", "〇零一二两三四五六七八九"
_BLANKS = re.compile(
    rf"^ +| +$"
    # between a figure and a Chinese digit the blank is all that parts two numbers: 订单123 三天了
    rf"|(?<=[{_DIGIT}])(?P<one> +)(?=[{_HAN_DIGIT}])|(?<=[{_HAN_DIGIT}])(?P<two> +)(?=[{_DIGIT}])"
    r"|(?<=[^\x00-\u1fff]) +| +(?=[^\x00-\u1fff])|(?P<three> {2,})"
)
_MARKS = re.compile(r"([!?,;:~.。、…·—])\1+")


def _blanks(done: Normalized) -> Normalized:
    if " " not in done.text:
        return done
    return _edited(done, _BLANKS, lambda match: " " if match.lastgroup else "")


def _marks(done: Normalized) -> Normalized:
    return _edited(done, _MARKS, lambda match: match[1])


# --- script -------------------------------------------------------------------------------------------------

_ACCOUNT = re.compile("(?<![蚊营床罗])帐(?![篷蓬幕子])")
"""帳 becomes 帐, but the account of 帳號 and 帳單 is written 账 today."""

_STRETCH = re.compile(r"[^\x00-\u1fff]{1,40}|[\x00-\u1fff]+", re.S)
"""What is aligned at a time. Aligning is cubic in the length: a page of traditional script would take minutes."""


@cache
def _converter(name: str) -> OpenCC:
    return OpenCC(name)


def _script(done: Normalized) -> Normalized:
    """Traditional to simplified, only where there is something traditional: the word table would otherwise turn
    a mainlander's 程序 into 进程."""
    if done.text.isascii():
        return done
    if _converter("t2s").convert(done.text) == done.text:
        return done
    pieces = [piece for match in _STRETCH.finditer(done.text) for piece in _simplified(match[0], match.start())]
    return _rebuilt(done, pieces)


def _simplified(text: str, at: int) -> Iterable[_Piece]:
    """The pieces of `text`, which begins at `at`: letter by letter, but for words that are others in Taiwan."""
    letters = _converter("t2s").convert(text)
    words = _ACCOUNT.sub("账", _converter("tw2sp").convert(text))
    same = len(letters) == len(text)
    if len(words) == len(text) and (words == letters or not same):
        return ((word, at + i, at + i + 1) for i, word in enumerate(words))
    return ((piece, at + a, at + b) for piece, a, b in _aligned(letters if same else text, words))


def _aligned(before: str, after: str) -> Iterable[_Piece]:
    """`after` cut into pieces that each stand for a stretch of `before`, letter by letter where lengths agree."""
    for a, b, c, d in _changes(SequenceMatcher(None, before, after, autojunk=False).get_opcodes()):
        if b - a == d - c:
            yield from ((after[c + i], a + i, a + i + 1) for i in range(d - c))
        else:
            yield after[c:d], a, b


def _changes(codes: Sequence[tuple[str, int, int, int, int]]) -> Iterable[tuple[int, int, int, int]]:
    """(from, to) before and (from, to) after. 滑鼠 -> 鼠标 is one change, though 鼠 stands in both."""
    at = 0
    while at < len(codes):
        tag, a, b, c, d = codes[at]
        after_next = codes[at + 2 : at + 3]
        if after_next and {tag, after_next[0][0]} == {"delete", "insert"} and codes[at + 1][2] - codes[at + 1][1] == 1:
            at, b, d = at + 2, after_next[0][2], after_next[0][4]
        yield a, b, c, d
        at += 1


# --- spellings and faces ------------------------------------------------------------------------------------

_SPEECH = re.compile(r"\w")


def _faces(done: Normalized) -> Normalized:
    if _HAS_FACE.isdisjoint(done.text):
        return done
    pattern, emoji = face(_fold)
    return _edited(done, pattern, lambda match: emoji[match["face"] or match["name"]])


_HAS_FACE = frozenset("_[()^-=→←┭¯")
"""Every face and every name has one of these."""


def _pictures(done: Normalized) -> Normalized:
    """A text that has no word but pictures."""
    if done.text.isascii() or _SPEECH.search(done.text):
        return done
    return _edited(done, EMOJI, says)


def _spellings(done: Normalized) -> Normalized:
    respelt = done if STARTS.isdisjoint(done.text) else _edited(done, SPELLING, standard)
    return _edited(respelt, LONG_DRAWN, shortened)


_PASSES: tuple[Callable[[Normalized], Normalized], ...] = (
    _characters,
    _faces,
    _accents,
    _blanks,
    _script,
    _marks,
    _spellings,
    _pictures,
)
