"""How unlikely it is that somebody who means a value writes something else: the cost of a slip, in nats.

Only slips that people, input methods and speech recognition make are told: a character that sounds or looks alike, one
left out, doubled or swapped with its neighbour, one other letter in a longer word. What says something else altogether
is no slip: 3号楼 is never 5号楼, 东门 never 西门.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from nlu.fuzzy.shapes import look_alikes
from nlu.fuzzy.sounds import LIKE_SOUND, SAME_SOUND, SAME_TONE, likeness

IMPOSSIBLE = 1e6
_SOUND_COST: Mapping[int, float] = {SAME_TONE: 4.5, SAME_SOUND: 5.0, LIKE_SOUND: 6.5}
_LOOKS_ALIKE = 6.0
OTHER = 12.0
"""One character for any other: no slip where what is written makes as much sense."""
_OTHER_LETTER = 7.0
_SWAPPED = 6.0
_DOUBLED = 6.0
_LEFT_OUT = 8.0
_PUT_IN = 10.0
_AGAIN = 0.75
"""A second slip is likelier than the first: who dictates, or does not look, does not look twice."""
LONG = 6
"""Characters that a value needs to be known with any one character wrong."""
_TELLING = (
    "0123456789〇零一二两三四五六七八九十百千万亿", "东西南北", "上中下", "前后", "左右", "男女", "大中小", "新老旧",
    "内外", "早午晚", "春夏秋冬", "买卖", "红橙黄绿青蓝紫黑白灰", "高低", "长短", "不无非未没否",
)  # fmt: skip
_TELLS = {char: group for group in _TELLING for char in group}


def slip(said: str, meant: str) -> float:
    """The cost of writing `said` for `meant`, which differ; IMPOSSIBLE where it is no slip."""
    if len(said) == len(meant):
        return min(_replaced(said, meant), _turned(said, meant))
    if len(said) == len(meant) - 1 and len(meant) >= 4:
        return min(_left_out(said, meant, at) for at in range(len(meant)))
    if len(said) == len(meant) + 1 and len(meant) >= 3:
        return min(_put_in(said, meant, at) for at in range(len(said)))
    return IMPOSSIBLE


def _replaced(said: str, meant: str) -> float:
    """Costs added up, the dearest in full. One character at most is neither like in sound nor in shape."""
    costs = sorted(
        (_char(one, other, len(meant)) for one, other in zip(said, meant, strict=True) if one != other), reverse=True
    )
    if not costs:
        return 0.0
    if len(costs) > 1 and costs[1] > _SOUND_COST[LIKE_SOUND]:
        return IMPOSSIBLE
    return costs[0] + _AGAIN * sum(costs[1:])


@cache
def _char(said: str, meant: str, size: int) -> float:
    if _TELLS.get(said) == _TELLS.get(meant, "") or said.isdigit() or meant.isdigit():
        return IMPOSSIBLE
    level = likeness(said, meant)
    if level:
        return _SOUND_COST[level]
    if said in look_alikes(meant):
        return _LOOKS_ALIKE
    if said.isascii() and meant.isascii():
        return _OTHER_LETTER if size >= 5 else IMPOSSIBLE
    if said.isascii() or meant.isascii() or size < LONG or said in _TELLS or meant in _TELLS:
        return IMPOSSIBLE
    return OTHER


def _turned(said: str, meant: str) -> float:
    """Two neighbours swapped, and nothing else."""
    different = [at for at, (one, other) in enumerate(zip(said, meant, strict=True)) if one != other]
    if len(different) != 2 or len(meant) < 3:
        return IMPOSSIBLE
    first, second = different
    swapped = second == first + 1 and said[first] == meant[second] and said[second] == meant[first]
    tells = any(char in _TELLS for char in said[first : second + 1])
    return _SWAPPED if swapped and not tells else IMPOSSIBLE


def _left_out(said: str, meant: str, at: int) -> float:
    if meant[at] in _TELLS or meant[at].isdigit():
        return IMPOSSIBLE
    # what lacks its end is another word more often than a slip
    edge = 4.0 if at in (0, len(meant) - 1) and not meant.isascii() else 0.0
    return _LEFT_OUT + edge + _AGAIN * _alike(said, meant[:at] + meant[at + 1 :])


def _put_in(said: str, meant: str, at: int) -> float:
    extra, rest = said[at], said[:at] + said[at + 1 :]
    if extra in _TELLS or extra.isdigit() or (extra.isascii() and not meant.isascii()):
        return IMPOSSIBLE
    if said[at - 1 : at] == extra:
        return _DOUBLED + _AGAIN * _alike(rest, meant)
    # before or behind the value it is the sentence's own
    inside = 0 < at < len(said) - 1
    return _PUT_IN + _AGAIN * _alike(rest, meant) if inside and len(meant) >= 4 else IMPOSSIBLE


def _alike(said: str, meant: str) -> float:
    """The cost beside another slip: of sounds alone."""
    costs = [_char(one, other, 0) for one, other in zip(said, meant, strict=True) if one != other]
    return sum(costs) if all(cost <= _SOUND_COST[LIKE_SOUND] for cost in costs) else IMPOSSIBLE
