"""How characters sound: the one table of pinyin that typos, features and augmentation share.

The readings are pypinyin's, read out of its data file: importing the package keeps 47,000 phrases, 45 MB, in memory.
A *sound* is a reading without its tone in which what many speakers and input methods mix up is one: zh/z, ch/c, sh/s,
n/l, hu/f, and the endings ang/an, eng/en, ing/in.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import orjson

SYLLABLES_AT = 0xE000
"""Sounds are written as characters of the private use area, one each: a text stays as long as it was."""
_BMP = 0x10000
_TONES = {"\u0304", "\u0301", "\u030c", "\u0300"}
_POLYPHONES = (
    "行重长乐都还曾单朝藏传调度会着得地没车石便宿厦都仇柏秘燕盖解任华尉屏薄卜露了参差数称弹降强相血颤钻扎扇塞咽"
    "恶处当倒分供冠号和喝横荷间角教卷壳落埋模难宁铺曲散丧舍盛似宿提帖吐为吓鲜校兴削应与转种中柜浒瓦圈茄虾什尾蚌"
    "阿番咖嘉伽给系奇亲秘泊膀佛缝谷哈划晃几夹嚼劲看空勒俩量咯绿率笼溜蔓氏拾缩"
)
"""Those whose second reading is met in names and words; a rare reading of another only makes strangers sound alike."""


@cache
def readings() -> Mapping[str, tuple[str, ...]]:
    """Each character's readings with tone marks (`zhòng`), the usual one first."""
    package = find_spec("pypinyin")
    if package is None or not package.submodule_search_locations:  # pragma: no cover - a pinned requirement
        raise ModuleNotFoundError("pypinyin is missing: pip install -r requirements.txt")
    raw = orjson.loads(Path(package.submodule_search_locations[0], "pinyin_dict.json").read_bytes())
    listed = {chr(int(code)): tuple(said.split(",")) for code, said in raw.items() if int(code) < _BMP}
    return {char: said if char in _POLYPHONES else said[:1] for char, said in listed.items()}


def toneless(reading: str) -> str:
    """`lǚ` -> `lü`, `zhòng` -> `zhong`."""
    parts = unicodedata.normalize("NFD", reading)
    return unicodedata.normalize("NFC", "".join(part for part in parts if part not in _TONES))


@cache
def fold(syllable: str) -> str:
    """A toneless syllable as the careless say it."""
    folded = syllable
    if folded[:2] in ("zh", "ch", "sh"):
        folded = folded[0] + folded[2:]
    elif folded[0] == "n" and len(folded) > 1:
        folded = "l" + folded[1:]
    if folded.endswith(("ang", "eng", "ing")) and not folded.endswith("iang"):
        folded = folded[:-1]
    if folded[0] == "f":  # fa is hua, fu is hu, fei is hui, fen is hun
        folded = re.sub("^hu(u|e(?=[in]))", "hu", "hu" + folded[1:])
    return folded


@cache
def _spoken(char: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The char's readings: with tones, without, and folded; the first two and all empty for what is not Chinese."""
    said = readings().get(char, ())
    plain = frozenset(toneless(one) for one in said)
    return frozenset(said), plain, frozenset(fold(one) for one in plain)


SAME_TONE, SAME_SOUND, LIKE_SOUND, UNLIKE = 3, 2, 1, 0


def likeness(one: str, other: str) -> int:
    """How much two characters sound alike, by the readings that they share: SAME_TONE down to UNLIKE."""
    for level, mine, theirs in zip((SAME_TONE, SAME_SOUND, LIKE_SOUND), _spoken(one), _spoken(other), strict=True):
        if not mine.isdisjoint(theirs):
            return level
    return UNLIKE


@cache
def _table() -> dict[int, str]:
    """Code point -> the private character of its usual reading's sound."""
    codes: dict[str, str] = {}
    return {
        ord(char): codes.setdefault(fold(toneless(said[0])), chr(SYLLABLES_AT + len(codes)))
        for char, said in readings().items()
    }


@cache
def _more() -> Mapping[str, tuple[str, ...]]:
    """The private characters of a char's further sounds."""
    places = {fold(toneless(said[0])): _table()[ord(char)] for char, said in readings().items()}
    found = {}
    for char in sorted(_POLYPHONES):
        sounds = [places[sound] for one in readings().get(char, ()) if (sound := fold(toneless(one))) in places]
        found[char] = tuple(dict.fromkeys(sounds))[1:]
    return found


def sounded(text: str) -> str:
    """`text` with every Chinese character replaced by its sound; everything else stays. As long as `text`."""
    return text.translate(_table())


def wordings(text: str, most: int) -> tuple[str, ...]:
    """All that `text` may sound like, the usual reading first, at most `most`."""
    if _more().keys().isdisjoint(text):
        return (sounded(text),)
    found = [sounded(text)]
    for at, char in enumerate(text):
        more = _more().get(char, ())
        found = [*found, *(one[:at] + sound + one[at + 1 :] for sound in more for one in found)][:most]
    return tuple(found)


@cache
def _everyday() -> Mapping[str, tuple[str, ...]]:
    """Toneless syllable -> the characters of everyday writing that are read so."""
    found: dict[str, list[str]] = defaultdict(list)
    for char, said in sorted(readings().items()):
        if everyday(char):
            for syllable in sorted({toneless(one) for one in said}):
                found[syllable].append(char)
    return {syllable: tuple(chars) for syllable, chars in found.items()}


def everyday(char: str) -> bool:
    """Whether it is one of the 3,755 characters that GB 2312 counts as common."""
    try:
        code = char.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return len(code) == 2 and 0xB0 <= code[0] <= 0xD7


def homophones(char: str) -> tuple[str, ...]:
    """Everyday characters with a reading of `char`, but for the tone; itself left out."""
    syllables = sorted({toneless(one) for one in readings().get(char, ())})
    return tuple(dict.fromkeys(other for one in syllables for other in _everyday().get(one, ()) if other != char))
