"""What customers send: fetched once, kept, and found again by the message for as long as its turn is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from adapters.channel import LINK, Answer, Carrying, Channel, Exchange, Judgement, MediaKind, Outgoing, T, Transport
from adapters.message import Content, File, Image, Message, Video, Voice
from bot.inbox import turn_id
from bot.media.addresses import NOTHING_INTERNAL, Allow
from bot.media.blobs import Blob, Blobs
from bot.media.flights import Flights
from bot.media.guard import Guard
from bot.media.kinds import content_type, file_name, matches, may_be
from bot.store import Store
from bot.ways import Key, Outlet

KINDS: Mapping[type, MediaKind] = {Image: "image", Voice: "voice", Video: "video", File: "file"}


class Unavailable(Exception):
    """There are no bytes to be had: the text tells an operator why. `again`: they may be had later."""

    def __init__(self, reason: str, *, again: bool = False) -> None:
        super().__init__(reason)
        self.again = again


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What is kept: at most so many bytes a file, of these content types (`image/*`; empty: any)."""

    max_bytes: int = 20 * 1024 * 1024
    content_types: frozenset[str] = frozenset()


class Inbound:
    """`homes` says for an account which internal places its vendor's API may send us to: that API's own."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        guard: Guard,
        transport: Transport,
        outlets: Mapping[Key, Outlet],
        limits: MediaLimits,
        homes: Mapping[Key, Allow],
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._guard = guard
        self._transport = transport
        self._outlets = outlets
        self._limits = limits
        self._homes = homes
        self.flights = Flights[Blob]()

    async def fetch(self, message: Message) -> Blob:
        """The file in `message`. Raises `Unavailable`, and `StoreDown`."""
        key = note_key(message)
        known = await self._known(key)
        if known is not None:
            return known
        return await self.flights.join(key, lambda: self._fetch(message, key))

    async def by_url(self, url: str) -> Blob:
        """The file behind an address that a bot's author or a customer gave; it is kept. Raises `Unavailable`."""
        return await self.keep(_got(await self._guard.fetch(url, self._limits.max_bytes)), "file", _last(url))

    async def keep(self, data: bytes, kind: MediaKind, name: str) -> Blob:
        """Raises `Unavailable` where the bytes are not what `kind` may be, or not what is kept here."""
        found, limits = content_type(data), self._limits
        if not data:
            raise Unavailable("the file is empty")
        if len(data) > limits.max_bytes:
            raise Unavailable(f"the file has more than {limits.max_bytes} bytes: see YINGDA_MEDIA_MAX_MB")
        if not may_be(kind, found):
            raise Unavailable(f"the {kind}'s bytes are {found}: it is not kept")
        if limits.content_types and not matches(found, limits.content_types):
            raise Unavailable(f"{found} is not kept: see YINGDA_MEDIA_TYPES")
        blob = Blob.of(data, found, file_name(name, found))
        await self._blobs.put(data, found, blob.name)
        return blob

    async def _known(self, key: str) -> Blob | None:
        note = await self._store.note(key)
        return await self._blobs.get(note.value["ref"]) if note else None

    async def _fetch(self, message: Message, key: str) -> Blob:
        content = message.content
        kind = KINDS.get(type(content))
        if kind is None or not isinstance(content, Image | Voice | Video | File):
            raise Unavailable(f"a {type(content).__name__.lower()} holds no file")
        name = content.name if isinstance(content, File) else ""
        blob = await self.keep(await self._bytes(message, content), kind, name)
        note = await self._store.note(key)
        at = await self._store.now()
        await self._store.write_note(key, {"ref": blob.ref, "at": at}, rev=note.rev if note else 0)
        return blob

    async def _bytes(self, message: Message, content: Image | Voice | Video | File) -> bytes:
        """By the vendor's API, else by the address in the message: whichever works."""
        key = (message.address.channel, message.address.account)
        outlet, failed = self._outlets.get(key), ""
        if outlet is not None and isinstance(outlet.channel, Carrying):
            found = await self._carry(outlet.channel, outlet.channel.download(content), self._home(key))
            if not isinstance(found, Judgement):
                return found
            if not content.url:
                raise Unavailable(found.reason, again=found.verdict in ("retry", "refresh"))
            failed = found.reason
        if not content.url:
            raise Unavailable(f"{message.address.channel} gives no way to the file")
        byte = await self._guard.fetch(content.url, self._limits.max_bytes, self._home(key))
        if isinstance(byte, Judgement) and failed:
            byte = replace(byte, reason=f"{failed}; {byte.reason}")
        return _got(byte)

    def _home(self, key: Key) -> Allow:
        return self._homes.get(key, NOTHING_INTERNAL)

    async def _carry(self, channel: Channel, exchange: Exchange[T], home: Allow) -> T | Judgement:
        """Calls of the vendor's API go by the transport, with its token; any other address by the guard."""
        try:
            outgoing = next(exchange)
            while True:
                answer = await self._call(channel, replace(outgoing, answer_bytes=self._limits.max_bytes), home)
                if isinstance(answer, Judgement):
                    exchange.close()
                    return answer
                outgoing = exchange.send(answer)
        except StopIteration as end:
            result: T | Judgement = end.value
            return result

    async def _call(self, channel: Channel, outgoing: Outgoing, home: Allow) -> Answer | Judgement:
        if not outgoing.needs_token and not outgoing.url.startswith(LINK):
            return await self._guard.call(outgoing, home)
        answer = await self._transport.run(channel, _one(outgoing))
        if isinstance(answer, Answer) and len(answer.body) > self._limits.max_bytes:
            return Judgement("dead", f"the file has more than {self._limits.max_bytes} bytes: see YINGDA_MEDIA_MAX_MB")
        return answer


def note_key(message: Message) -> str:
    return f"media/in/{turn_id(message)}"


def holds_file(content: Content) -> bool:
    return type(content) in KINDS


def _one(outgoing: Outgoing) -> Exchange[Answer]:
    return (yield outgoing)


def _got(found: bytes | Judgement) -> bytes:
    if isinstance(found, Judgement):
        raise Unavailable(found.reason, again=found.verdict == "retry")
    return found


def _last(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]
