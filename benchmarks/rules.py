"""How right and how quick the rules are, beside jionlp's times where it is installed. Prints JSON.

python -m benchmarks.rules [--seconds 2]

Right: of the table in tests/nlu/rules/expressions.tsv, a text counts if exactly its entities are found, with span, type
and value. jionlp is asked for the times alone and judged more mildly: days by the day, moments by the minute they begin
in, wherever it says that they stand. The table also decides what two people may see differently (when the afternoon
begins, which year's feast is meant), and jionlp was not made to follow it.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import starmap
from statistics import quantiles
from zoneinfo import ZoneInfo

from adapters.message import Json
from nlu.normalize import normalize
from nlu.rules import extract
from tests.nlu.rules.expressions import Expression, read, read_table, score

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
TEXTS = (
    "我想查一下昨天的订单到哪了",
    "上周五下午三点下的单，怎么还没发货？？",
    "订单DD20240101001，手机13800138000，退我199块5",
    "帮我看看双十一买的东西什么时候到",
    "我要退貨，幾點能到賬",
    "晚上8点到10点送过来，别早了",
    "你好",
    "七天无理由退货怎么操作",
    "最近三个月的消费记录",
    "一百二十块钱的那个八折之后多少钱",
    "收件人王小明，广东深圳南山区科技园路1号",
    "第二个要两箱，每周三送",
)


# --- right ----------------------------------------------------------------------------------------------------

Stretch = tuple[datetime, datetime]
"""Its first and its last minute."""


def _stretch(value: Json) -> Stretch:
    first, last = (value["from"], value["to"]) if isinstance(value, dict) else (value, value)
    begin, end = datetime.fromisoformat(str(first)), datetime.fromisoformat(str(last))
    return begin, end if "T" in str(last) else end + timedelta(hours=23, minutes=59)


def _same(told: list[Stretch], right: list[Json]) -> bool:
    return len(told) == len(right) and all(starmap(_agrees, zip(told, right, strict=True)))


def _agrees(told: Stretch, value: Json) -> bool:
    """Days by the day, a moment by where it begins, a stretch of hours by both ends, give or take a minute."""
    right = _stretch(value)
    if "T" not in json.dumps(value):
        return [at.date() for at in told] == [at.date() for at in right]
    near = timedelta(minutes=1)
    return abs(told[0] - right[0]) <= near and (right[0] == right[1] or abs(told[1] - right[1]) <= near)


def _times_right(expressions: Iterable[Expression], told: Callable[[str], list[Stretch]]) -> str:
    judged = [
        _same(told(one.text), [value for type_, _, value in one.right if type_ == "time"])
        for one in expressions
        if one.type == "time"
    ]
    return f"{sum(judged)} of {len(judged)}"


def _own_times(text: str) -> list[Stretch]:
    return [_stretch(value) for type_, _, value in read(text) if type_ == "time"]


# --- quick ----------------------------------------------------------------------------------------------------


def _microseconds(run: Callable[[str], object], seconds: float) -> tuple[float, float]:
    """p50 and p99 of one call over the texts in turn."""
    for text in TEXTS:
        run(text)
    taken: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for text in TEXTS:
            start = time.perf_counter()
            run(text)
            taken.append((time.perf_counter() - start) * 1e6)
    cuts = quantiles(taken, n=100)
    return cuts[49], cuts[98]


def _report(run: Callable[[str], object], seconds: float) -> dict[str, float]:
    p50, p99 = _microseconds(run, seconds)
    return {"p50_us": round(p50, 1), "p99_us": round(p99, 1)}


# --- jionlp ---------------------------------------------------------------------------------------------------


def _jionlp(with_parsing: bool) -> Callable[[str], list[Stretch]] | None:
    if importlib.util.find_spec("jionlp") is None:
        return None
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()):
        import jionlp

    # a timestamp would be read in the machine's time zone
    base = {name: getattr(NOW, name) for name in ("year", "month", "day", "hour", "minute", "second")}

    def times(text: str) -> list[Stretch]:
        found = jionlp.ner.extract_time(text, time_base=base, with_parsing=with_parsing)
        kinds = ("time_point", "time_span")
        ends = [one["detail"]["time"] for one in found if with_parsing and one["type"] in kinds]
        return [stretch for first, last in ends if (stretch := _parsed(first, last)) is not None]

    return times


def _parsed(first: str, last: str) -> Stretch | None:
    """None where an end is open (inf)."""
    try:
        begin, end = (datetime.fromisoformat(words) for words in (first, last))
    except ValueError:
        return None
    return begin.replace(second=0), end.replace(second=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each is measured")
    seconds = parser.parse_args().seconds
    expressions = read_table()
    folded = {text: normalize(text) for text in TEXTS}
    finding, parsing = _jionlp(with_parsing=False), _jionlp(with_parsing=True)
    runs: dict[str, Callable[[str], object] | None] = {
        "normalize": normalize,
        "extract_all_kinds": lambda text: extract(folded[text], NOW),
        "jionlp_times_found": finding,
        "jionlp_times_with_values": parsing,
    }
    report = {
        "right": {name: f"{ok} of {count}" for name, (ok, count) in score(expressions).items()},
        "times_right": {
            "own": _times_right(expressions, _own_times),
            "jionlp": _times_right(expressions, parsing) if parsing else "not installed",
        },
        "quick": {name: _report(run, seconds) if run else "not installed" for name, run in runs.items()},
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
