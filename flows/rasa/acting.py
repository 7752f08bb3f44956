"""What running an action takes, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from flows.rasa.domain import RasaDomain
from flows.rasa.events import Event
from flows.rasa.tracker import Tracker


class Rejected(Exception):
    """The action refuses to run (Rasa's ActionExecutionRejection): another one is to be predicted."""

    def __init__(self, action: str, why: str) -> None:
        super().__init__(f"'{action}' refuses: {why}")
        self.action, self.why = action, why


class Acting(Protocol):
    """Runs actions on a tracker that they do not change. What is said becomes `bot` events."""

    @property
    def domain(self) -> RasaDomain: ...
    @property
    def at(self) -> float:
        """The turn's epoch seconds."""
        ...

    async def run(self, action: str, tracker: Tracker) -> list[Event]:
        """The action's events. Raises `Rejected`; an action that fails has none."""
        ...

    def say(self, response: str, tracker: Tracker, values: Mapping[str, Any] | None = None) -> list[Event]:
        """A response of the domain with the slots and `values` filled in; nothing where there is no such response."""
        ...
