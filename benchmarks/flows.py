"""How long the dialogue engine takes for a turn: `python -m benchmarks.flows [turns]` prints one line of JSON.

The talk is the sample bot of the flow tests: a refund with a question in between, a correction and a confirmation.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time

from adapters.message import Text
from flows.state import Heard
from tests.flows.talk import Talk, parse

TALK = (
    "你好",
    "我要退款",
    "DD1",
    "运费谁出",
    "质量不好",
    "不对，是DD2",
    "是的",
    "物流到哪了",
    "把那个订单退了",
    "算了",
)


async def measure(turns: int) -> dict[str, float]:
    talk = Talk()
    heard = [parse(line) for line in TALK]
    took: list[float] = []
    while len(took) < turns:
        for line, meaning in zip(TALK, heard, strict=True):
            turn = Heard(f"t{len(took)}", talk.address, Text(line), meaning, talk.at)
            start = time.perf_counter()
            outcome = await talk.engine.step(talk.dialogue, turn, talk.actions)
            took.append((time.perf_counter() - start) * 1e3)
            talk.dialogue = outcome.dialogue
    cuts = statistics.quantiles(took, n=100)
    return {
        "turns": len(took),
        "step_p50_ms": round(statistics.median(took), 4),
        "step_p90_ms": round(cuts[89], 4),
        "step_p99_ms": round(cuts[98], 4),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5000))))
