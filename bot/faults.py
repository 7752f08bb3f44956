"""Named points at which a process can be made to die, so that the delivery protocol's promises can be tested.

`YINGDA_FAULT=name:n` kills the process with SIGKILL when it reaches the point `name` for the n-th time. Without the
variable a point is one attribute look-up and a comparison with None.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import Final

VARIABLE: Final = "YINGDA_FAULT"

POINTS: Final = (
    "before_accept",
    "after_accept",
    "after_take",
    "after_parse",
    "call_started",
    "call_performed",
    "call_noted",
    "before_commit",
    "half_committed",
    "after_commit",
    "after_claim",
    "before_send",
    "after_send",
    "after_finish",
)
"""Every point, in the order in which a turn passes them. Tests walk this list. `half_committed` is there only where a
commit is two writes."""

BESIDE: Final = ("broadcast_batch",)
"""Points that no message passes: people of a broadcast are let in, and it is not noted yet."""

_hook: Callable[[str], None] | None = None


def reach(point: str) -> None:
    """Mark that the protocol has got to `point`; does nothing unless a fault is armed."""
    if _hook is not None:
        _hook(point)


def arm(hook: Callable[[str], None] | None) -> None:
    """Call `hook` with the name of every point that is reached from now on; None disarms."""
    global _hook
    _hook = hook


def arm_from(env: Mapping[str, str]) -> None:
    """Arm as `YINGDA_FAULT` says. Raises ValueError for a point that does not exist."""
    wanted = env.get(VARIABLE, "")
    if wanted:
        name, _, count = wanted.partition(":")
        if name not in (*POINTS, *BESIDE):
            raise ValueError(f"{VARIABLE}: there is no fault point {name!r}; there are: {', '.join(POINTS)}")
        arm(_killer(name, int(count or 1)))


def _killer(name: str, count: int) -> Callable[[str], None]:
    left = count

    def hook(point: str) -> None:
        nonlocal left
        if point == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook
