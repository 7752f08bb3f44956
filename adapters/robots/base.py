"""What every group robot is: it hears nothing, has one address and no access token, and says 20 things in a minute."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod

from adapters.channel import Judgement, Outgoing, Parsed, Rate, Reject, Request, Route, Token
from adapters.message import Address, Message

PER_MINUTE = 20
MINUTE_S = 60.0


class Robot(ABC):
    """The part of a `Channel` and `Pushing` that is the same for all robots."""

    name: str
    account: str

    @property
    @abstractmethod
    def secret_key(self) -> str:
        """What tells this robot from others in its webhook address."""

    @property
    def token_key(self) -> str:
        return ""

    @property
    def address(self) -> Address:
        """The group that it is in."""
        return Address(self.name, self.account, self.account, "")

    def parse(self, request: Request, now: float) -> Parsed:
        return Reject(404, "a group robot only speaks: nothing is sent to it")

    def push_routes(self, address: Address, message: Message | None, now: float) -> tuple[Route, ...]:
        """`data`: when it was asked for (`at`, epoch milliseconds): some robots sign it."""
        return (Route("push", {"way": "robot", "at": str(round(now * 1000))}),) if address == self.address else ()

    def rates(self, route: Route) -> tuple[Rate, ...]:
        """The vendor counts by robot, whatever its accounts here are called."""
        digest = hashlib.sha256(self.secret_key.encode()).hexdigest()[:16]
        return (Rate(f"{self.name}/{digest}", PER_MINUTE, MINUTE_S),)

    def token_request(self) -> Outgoing:
        raise NotImplementedError("a group robot has no access token")

    def token_of(self, body: bytes, now: float) -> Token | Judgement:
        return Judgement("config", "a group robot has no access token")

    def with_token(self, outgoing: Outgoing, token: str) -> Outgoing:
        return outgoing
