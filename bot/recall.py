"""Takes back what a turn said, on channels whose vendor can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.channel import Judgement, Recalling, Transport
from bot.store import Store
from bot.ways import Key, Outlet


@dataclass(frozen=True, slots=True)
class Recalled:
    """How many messages are gone, and for each other one why it is not."""

    count: int = 0
    refused: tuple[str, ...] = ()


async def recall(turn_id: str, store: Store, transport: Transport, outlets: Mapping[Key, Outlet]) -> Recalled:
    """Recall every message of the turn that the vendor gave a receipt for."""
    turn = await store.turn(turn_id)
    if turn is None:
        return Recalled(refused=(f"there is no turn {turn_id}",))
    outlet = outlets.get((turn.address.channel, turn.address.account))
    if outlet is None:
        return Recalled(refused=(f"there is no account {turn.address.account} of {turn.address.channel}",))
    channel = outlet.channel
    if not isinstance(channel, Recalling):
        return Recalled(refused=(f"what was sent by {channel.name} cannot be recalled",))
    if not turn.receipts:
        return Recalled(refused=("the vendor gave no receipt for it: it went out in a response, or not at all",))
    refused = []
    for receipt in turn.receipts:
        came = await transport.run(channel, channel.recall(receipt.id, receipt.route))
        if isinstance(came, Judgement) and came.verdict != "ok":
            refused.append(came.reason)
    return Recalled(len(turn.receipts) - len(refused), tuple(refused))
