"""What a reply needs before it is rendered: files are given the vendor's media ids (`bot/media/`)."""

from __future__ import annotations

from typing import Protocol

from adapters.channel import Channel, Judgement
from adapters.message import Reply


class Ready(Protocol):
    async def __call__(
        self,
        channel: Channel,
        reply: Reply,
        *,
        within: float,
        patient: bool = False,
        gone: frozenset[str] = frozenset(),
    ) -> Reply | Judgement:
        """`reply` as `channel` can show it, if that can be had `within` so many seconds. A judgement (retry) only where
        it is `patient`. `gone`: media ids that the vendor does not know any more."""
        ...


async def as_it_is(
    channel: Channel, reply: Reply, *, within: float, patient: bool = False, gone: frozenset[str] = frozenset()
) -> Reply | Judgement:
    """For a service without media."""
    return reply


GONE = frozenset(("40007",))
"""The codes, the same at WeChat, WeCom and DingTalk, by which a vendor says that it does not know a media id."""


def media_ids(reply: Reply) -> frozenset[str]:
    """The vendor's media ids in `reply`."""
    named = (getattr(reply, name, "") for name in ("media", "thumb"))
    return frozenset(filter(None, named))
