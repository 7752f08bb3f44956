"""How long normalising and finding values takes, beside jionlp where installed. Prints JSON.

python -m benchmarks.rules [--seconds 2]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import logging
import time
from collections.abc import Callable
from datetime import datetime
from statistics import quantiles
from zoneinfo import ZoneInfo

from nlu.normalize import normalize
from nlu.rules import extract

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
)


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


def _jionlp() -> Callable[[str], object] | None:
    if importlib.util.find_spec("jionlp") is None:
        return None
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()):
        import jionlp
    return lambda text: jionlp.ner.extract_time(text, time_base=NOW.timestamp())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each is measured")
    seconds = parser.parse_args().seconds
    folded = {text: normalize(text) for text in TEXTS}
    runs: dict[str, Callable[[str], object] | None] = {
        "normalize": normalize,
        "extract_all_kinds": lambda text: extract(folded[text], NOW),
        "jionlp_times_only": _jionlp(),
    }
    report = {name: _report(run, seconds) if run else "not installed" for name, run in runs.items()}
    print(json.dumps(report, indent=2))


def _report(run: Callable[[str], object], seconds: float) -> dict[str, float]:
    p50, p99 = _microseconds(run, seconds)
    return {"p50_us": round(p50, 1), "p99_us": round(p99, 1)}


if __name__ == "__main__":
    main()
