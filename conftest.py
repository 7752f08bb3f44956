"""Root of the test run: the closing table of seconds per folder."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import Any

_SECONDS: Counter[str] = Counter()


def pytest_runtest_logreport(report: Any) -> None:
    path = PurePosixPath(report.nodeid.split("::")[0])
    _SECONDS[str(path.parent if path.parent.name != "tests" else path)] += report.duration


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.write_line("")
    for place, seconds in sorted(_SECONDS.items(), key=lambda item: -item[1]):
        terminalreporter.write_line(f"{seconds:8.1f} s  {place}")
    terminalreporter.write_line(f"{sum(_SECONDS.values()):8.1f} s  in all")
