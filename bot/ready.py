"""What a reply needs before it is rendered: files are given the vendor's media ids (`bot/media/`)."""

from __future__ import annotations

from typing import Protocol

from adapters.channel import Channel, Judgement
from adapters.message import Reply


class Ready(Protocol):
    async def __call__(
        self, channel: Channel, reply: Reply, *, within: float, patient: bool = False
    ) -> Reply | Judgement:
        """`reply` as `channel` can show it, if that can be had `within` so many seconds. A judgement (retry) only where
        it is `patient`."""
        ...


async def as_it_is(channel: Channel, reply: Reply, *, within: float, patient: bool = False) -> Reply | Judgement:
    """For a service without media."""
    return reply
