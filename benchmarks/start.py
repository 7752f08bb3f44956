"""How soon a bot answers and how much memory it holds: the first run (trains), then warm starts. Prints JSON.

    python -m benchmarks.start [--project DIR] [--times 5]

Seconds are counted from the start of the process to the first answer over REST; downloads and installation are not in
them. `rss_mb` is the resident memory of the serving process a second after its first answer.
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
from pathlib import Path

from config.settings import DEFAULT_PROJECT


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


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", type=Path, default=DEFAULT_PROJECT)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "bot"
        shutil.copytree(options.project, project, ignore=shutil.ignore_patterns(".yingda"))
        first, _ = answered(project)
        warm = [answered(project) for _ in range(options.times)]
    report = {
        "first_run_s": round(first, 2),
        "warm_start_s": round(statistics.median(seconds for seconds, _ in warm), 2),
        "rss_mb": round(statistics.median(memory for _, memory in warm)),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
