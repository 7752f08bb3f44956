"""Hypothesis drives synchronous functions: one event loop with one open store for all examples of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from bot.store import Store
from tests.conftest import OpenStore

T = TypeVar("T")


class Runner:
    def __init__(self, open_store: OpenStore) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self.store: Store = self._runner.run(self._stack.enter_async_context(open_store()))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    def close(self) -> None:
        self._runner.run(self._stack.aclose())
        self._runner.close()
