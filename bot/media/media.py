"""All about files as one value: what came in, what goes out, the words in it, and addresses to show it by."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapters.channel import Channel, Judgement, MediaKind, Transport
from adapters.message import Message, Reply
from bot.log import Log
from bot.media.addresses import Allow
from bot.media.blobs import Blob, Blobs
from bot.media.flights import Flights
from bot.media.guard import Guard
from bot.media.inbound import Inbound, MediaLimits, Unavailable, holds_file
from bot.media.links import LINK_S, is_valid, signed_path
from bot.media.outbound import Outbound
from bot.media.recognize import Recognition, Recognizer
from bot.store import Store, StoreDown
from bot.ways import Key, Outlet

KEY = "media/key"
PAGE = 500


@dataclass
class Media:
    """`eager`: channels whose files are fetched as soon as they come, since their addresses die within minutes;
    `public_url`: the service's own address as customers reach it, for links; `folder`: the bot's project."""

    store: Store
    blobs: Blobs
    transport: Transport
    outlets: Mapping[Key, Outlet]
    folder: Path
    worker: str
    log: Log
    guard: Guard = field(default_factory=Guard)
    limits: MediaLimits = field(default_factory=MediaLimits)
    homes: Mapping[Key, Allow] = field(default_factory=dict)
    hooks: Mapping[MediaKind, Recognizer] = field(default_factory=dict)
    eager: frozenset[str] = frozenset()
    public_url: str = ""

    def __post_init__(self) -> None:
        self.inbound = Inbound(
            self.store, self.blobs, self.guard, self.transport, self.outlets, self.limits, self.homes
        )
        self.outbound = Outbound(
            self.store, self.blobs, self.inbound, self.transport, self.folder, self.worker, self.public, self.log
        )
        self.recognition = Recognition(self.store, self.inbound, self.hooks, self.log)
        self._ahead = Flights[None]()
        self._key = b""

    async def fetch(self, message: Message) -> Blob:
        """The file in a message, fetched now if it was not before. Raises `Unavailable`, and `StoreDown`."""
        return await self.inbound.fetch(message)

    async def ready(
        self,
        channel: Channel,
        reply: Reply,
        *,
        within: float,
        patient: bool = False,
        gone: frozenset[str] = frozenset(),
    ) -> Reply | Judgement:
        """See `Outbound.ready`."""
        return await self.outbound.ready(channel, reply, within=within, patient=patient, gone=gone)

    async def heard(self, message: Message, own: Mapping[MediaKind, Recognizer]) -> Message:
        """See `Recognition.heard`."""
        return await self.recognition.heard(message, own)

    def came(self, message: Message) -> None:
        """Fetch what would soon be gone; best effort."""
        if message.address.channel not in self.eager or not holds_file(message.content):
            return
        key = message.address.conversation + message.id
        task = asyncio.ensure_future(self._ahead.join(key, lambda: self._fetch_ahead(message)))
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    async def _fetch_ahead(self, message: Message) -> None:
        try:
            await self.inbound.fetch(message)
        except (Unavailable, StoreDown) as failed:
            self.log.warning("a file is not fetched", channel=message.address.channel, error=str(failed))

    # --- addresses

    def path(self, ref: str, now: float, seconds: float = LINK_S) -> str:
        """A signed path of the service to show `ref` by, for `seconds`; empty before `open`."""
        return signed_path(ref, now + seconds, self._key) if self._key else ""

    def admits(self, ref: str, until: str, sign: str, now: float) -> bool:
        """Whether who shows such a path may have the file."""
        return bool(self._key) and is_valid(ref, until, sign, now, self._key)

    def public(self, ref: str) -> str:
        """A full address, where the service knows its own."""
        path = self.path(ref, self._now) if self.public_url else ""
        return f"{self.public_url.rstrip('/')}{path}" if path else ""

    async def shown(self, replies: Sequence[Reply]) -> tuple[Reply, ...]:
        """`replies` for a page of this service: its own files by signed addresses."""
        now = await self.store.now()

        def address(ref: str) -> str:
            return f"{self.public_url.rstrip('/')}{self.path(ref, now)}"

        return tuple([await self.outbound.link(reply, address) for reply in replies])

    # --- its life

    async def open(self) -> None:
        """Share the key that signs addresses with the other processes; again from time to time, to set the clock."""
        self._now = await self.store.now()
        while not self._key:
            note = await self.store.note(KEY)
            if note is not None:
                self._key = bytes.fromhex(str(note.value))
            else:
                await self.store.write_note(KEY, secrets.token_hex(32), rev=0)

    _now: float = 0.0

    async def expire(self, older_than: float) -> int:
        """Delete files, and notes on them, last used before (epoch seconds); how many files went."""
        gone, after = await self.blobs.expire(older_than), ""
        now = await self.store.now()
        while page := await self.store.notes("media/", after=after, limit=PAGE):
            for key, note in page:
                if isinstance(note.value, dict) and _over(note.value, older_than, now):
                    await self.store.write_note(key, None, rev=note.rev)
            after = page[-1][0]
        return gone

    async def close(self) -> None:
        for flights in (self.inbound.flights, self.outbound.flights, self.recognition.flights, self._ahead):
            await flights.close()


def _over(note: Mapping[str, object], older_than: float, now: float) -> bool:
    until, at = note.get("until"), note.get("at")
    if isinstance(until, int | float) and until:
        return until < now
    return isinstance(at, int | float) and at < older_than
