"""How soon a bot answers, how much memory it holds and how long it takes to understand a sentence: the first run
(trains), then warm starts. Prints JSON.

    python -m benchmarks.start [--project DIR] [--times 5] [--light]

`--light` leaves the sentence encoder out of the pipeline.

Seconds are counted from the start of the process to the first answer over REST; downloads and installation are not in
them. `rss_mb` is the resident memory of the serving process a second after its first answer. `parse_ms` is for
sentences that the bot was not trained on, each read three times, of which the quickest counts (other work on the
machine is not ours).
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.mood import HELD_OUT
from config.settings import DEFAULT_PROJECT
from nlu.model import latest, load
from nlu.mood.examples import read_examples


def answered(project: Path) -> tuple[float, float]:
    """Seconds to the first answer of a fresh process, and its resident memory in MB (0 where there is no /proc)."""
    began = time.perf_counter()
    command = [sys.executable, "-u", "-m", "bot", "run", "--project", str(project), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = next(found[1] for line in process.stdout if (found := re.search(r"(http://\S+)/chat", line)))
        body = json.dumps({"sender": "bench", "message": "你好"}).encode()
        request = urllib.request.Request(f"{url}/webhooks/rest/webhook", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)
        seconds = time.perf_counter() - began
        time.sleep(1)
        memory = resident_mb(process.pid)
        process.terminate()
    return seconds, memory


def parse_ms(project: Path, clock: Callable[[], float]) -> list[float]:
    """Milliseconds of each sentence, the quickest first; by the wall's clock, or by that of the CPU."""
    found = latest(project)
    assert found is not None
    pipeline, taken = load(found), list[float]()
    for text in (example.text for example in read_examples(HELD_OUT)):
        times = []
        for _ in range(3):
            began = clock()
            pipeline.parse(text, datetime.now(UTC))
            times.append(clock() - began)
        taken.append(1000 * min(times))
    return sorted(taken)


def without_encoder(project: Path) -> None:
    config = project / "config.yml"
    lines = config.read_text("utf-8").splitlines(keepends=True)
    config.write_text("".join(line for line in lines if "- name: SentenceEncoder" not in line), "utf-8")


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", type=Path, default=DEFAULT_PROJECT)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--light", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "bot"
        shutil.copytree(options.project, project, ignore=shutil.ignore_patterns(".yingda"))
        if options.light:
            without_encoder(project)
        first, _ = answered(project)
        warm = [answered(project) for _ in range(options.times)]
        taken, used = parse_ms(project, time.perf_counter), parse_ms(project, time.process_time)
    report = {
        "first_run_s": round(first, 2),
        "warm_start_s": round(statistics.median(seconds for seconds, _ in warm), 2),
        "rss_mb": round(statistics.median(memory for _, memory in warm)),
        "parse_ms": {"p50": round(statistics.median(taken), 2), "p99": round(taken[int(len(taken) * 0.99)], 2)},
        "parse_cpu_ms": {"p50": round(statistics.median(used), 2), "p99": round(used[int(len(used) * 0.99)], 2)},
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
