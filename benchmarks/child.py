"""One training or one serving in a process of its own, so that its memory is its own; prints one JSON line.

python -m benchmarks.child train PROJECT
python -m benchmarks.child serve MODEL TEXTS.json
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NOW = datetime(2026, 11, 18, 10, tzinfo=UTC)
PARSES = 2000
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def run(*arguments: str | Path, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the child prints. Raises RuntimeError with its last words where it fails."""
    root = str(Path(__file__).parents[1])
    command = [sys.executable, "-m", "benchmarks.child", *map(str, arguments)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, env={**os.environ, **(env or {})})
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def peak_mb() -> int:
    """The most memory this process ever held. Not `ru_maxrss`, which on Linux a child inherits from its parent."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return round((int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024)


def trained(project: Path) -> dict[str, Any]:
    from nlu.training import train

    begun = time.perf_counter()
    folder = train(project, lambda phase, fraction: None)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "folder": str(folder),
        "seconds": round(time.perf_counter() - begun, 2),
        "peak_rss_mb": peak_mb(),
        "model_mb": round(size / 1e6, 2),
    }


def served(folder: Path, texts: list[str]) -> dict[str, Any]:
    from nlu.model import load

    begun = time.perf_counter()
    pipeline = load(folder)
    pipeline.parse(texts[0], NOW)
    loaded = time.perf_counter() - begun
    taken = []
    for i in range(PARSES):
        begun = time.perf_counter()
        pipeline.parse(texts[i % len(texts)], NOW)
        taken.append(1000 * (time.perf_counter() - begun))
    taken.sort()
    return {
        "load_s": round(loaded, 3),
        "parse_p50_ms": round(taken[PARSES // 2], 3),
        "parse_p99_ms": round(taken[PARSES * 99 // 100], 3),
        "serving_rss_mb": peak_mb(),
    }


if __name__ == "__main__":
    what, place, *rest = sys.argv[1:]
    texts_file = json.loads(Path(rest[0]).read_text("utf-8")) if rest else []
    print(json.dumps(trained(Path(place)) if what == "train" else served(Path(place), texts_file)))
