"""Which committed turns are known to be marked: the next write to their session may forget their replies."""

from __future__ import annotations

from collections.abc import Iterable

MAX_CONVERSATIONS = 10_000
"""Beyond it the oldest are forgotten: their `done` is pruned when they are next found to be before the oldest turn."""


class Marks:
    def __init__(self) -> None:
        self._marked: dict[str, set[str]] = {}

    def of(self, conversation: str) -> set[str]:
        return set(self._marked.get(conversation, ()))

    def add(self, conversation: str, turn_ids: Iterable[str]) -> None:
        marked = self._marked.pop(conversation, set()) | set(turn_ids)
        if marked:
            self._marked[conversation] = marked
        if len(self._marked) > MAX_CONVERSATIONS:
            del self._marked[next(iter(self._marked))]

    def pruned(self, conversation: str, turn_ids: set[str]) -> None:
        """They are no longer in the store's `done`."""
        left = self._marked.pop(conversation, set()) - turn_ids
        if left:
            self._marked[conversation] = left
