"""What the bot sends: uploaded to the vendor once, its media id shared by every process until it ends."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from adapters.channel import Carrying, Channel, Judgement, MediaKind, Transport, Upload, Uploaded
from adapters.message import File, Image, Reply, Video, Voice
from bot.log import Log
from bot.media.blobs import REF, Blob, Blobs
from bot.media.flights import Flights
from bot.media.inbound import KINDS, Inbound, Unavailable
from bot.media.kinds import file_name
from bot.media.pictures import shrunk, takes
from bot.store import Store, StoreDown

URL_FRESH_S = 3600.0
"""How long what was behind an address is taken for what is there."""
EARLY = 0.05
"""A media id is not used in the last part of its life: it has to last until the customer opens it."""
HOLD_S = 60.0
LOOK_AGAIN_S = 0.1
LONGEST_S = 25.0
SHOWN = 120
"""Characters of a file's name that a reason repeats."""
BLOB, PROJECT = "blob:", "media/"
"""How a reply's `url` names a file that is kept here (by its ref), and one beside the bot's YAML."""

Sendable = Image | Voice | Video | File


class Carrier(Channel, Carrying, Protocol):
    """A channel that keeps media."""


class Outbound:
    """`folder` is the bot's project; `public` makes of a ref an address that customers can open (or empty)."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        inbound: Inbound,
        transport: Transport,
        folder: Path,
        worker: str,
        public: Callable[[str], str],
        log: Log,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._inbound = inbound
        self._transport = transport
        self._folder = folder
        self._worker = worker
        self._public = public
        self._log = log
        self.flights = Flights[str]()

    async def ready(
        self,
        channel: Channel,
        reply: Reply,
        *,
        within: float = LONGEST_S,
        patient: bool = False,
        gone: frozenset[str] = frozenset(),
    ) -> Reply | Judgement:
        """`reply` as `channel` can show it, if that can be had `within` so many seconds: with the vendor's media id,
        else with an address that customers can open. `patient`: what may work later is a `retry`; `gone`: media
        ids that are not to be used again. An upload that takes longer goes on, and the next reply finds it."""
        if not isinstance(reply, Image | Voice | Video | File) or reply.media or not reply.url:
            return reply
        kind = KINDS[type(reply)]
        if not isinstance(channel, Carrying) or kind not in channel.media_terms or not _wants_id(channel, reply):
            return await self._linked(reply)
        try:
            async with asyncio.timeout(within):
                media = await self._media(channel, kind, reply.url, gone)
                thumb = await self._thumb(channel, reply.thumb, gone) if isinstance(reply, Video) else ""
        except TimeoutError:
            why = Unavailable(f"the {kind} is not uploaded within {within:g} s", again=True)
        except Unavailable as failed:
            why = failed
        except StoreDown:
            raise
        except Exception:
            # whatever is the matter with a file (a full disk), what is said beside it must go out
            self._log.exception("a file could not be made ready", channel=channel.name)
            why = Unavailable(f"the {kind} could not be made ready", again=True)
        else:
            ready = replace(reply, media=media)
            return replace(ready, thumb=thumb) if isinstance(ready, Video) else ready
        if patient and why.again:
            return Judgement("retry", f"the {kind}: {why}", "media")
        self._log.info(
            "a file is not uploaded, it is shown as a link or in words", channel=channel.name, error=str(why)
        )
        return await self._linked(reply)

    async def link(self, reply: Reply, address: Callable[[str], str]) -> Reply:
        """`reply` for who opens addresses of this service: what is ours by the `address` of its ref."""
        if not isinstance(reply, Image | Voice | Video | File) or not reply.url.startswith((BLOB, PROJECT)):
            return reply
        try:
            return replace(reply, url=address((await self._blob(reply.url, KINDS[type(reply)])).ref))
        except Unavailable as failed:
            self._log.warning("a file is not shown", error=str(failed))
            return replace(reply, url="")

    async def _linked(self, reply: Sendable) -> Reply:
        """What is ours by a public address; without one, the words alone."""
        return await self.link(reply, self._public)

    async def _thumb(self, channel: Channel, thumb: str, gone: frozenset[str]) -> str:
        """A video goes out without its still picture rather than not at all."""
        if not isinstance(channel, Carrying) or "thumb" not in channel.media_terms or not _is_address(thumb):
            return thumb
        with suppress(Unavailable):
            return await self._media(channel, "thumb", thumb, gone)
        return ""

    async def _media(self, channel: Carrier, kind: MediaKind, url: str, gone: frozenset[str]) -> str:
        key = " ".join((f"{channel.name}/{channel.account}/{kind}/{url}", *sorted(gone)))
        return await self.flights.join(key, lambda: self._shared(channel, kind, url, gone))

    async def _shared(self, channel: Carrier, kind: MediaKind, url: str, gone: frozenset[str]) -> str:
        """The media id that any process has had of the vendor, or a new one, which one process at a time asks for."""
        blob = await self._blob(url, kind)
        key = f"media/out/{quote(channel.name, safe='')}/{quote(channel.account, safe='')}/{blob.ref}/{kind}"
        while True:
            note = await self._store.note(key)
            now = await self._store.now()
            if note and note.value["media"] not in gone and _lasts(note.value, now):
                return str(note.value["media"])
            if await self._store.hold(key, self._worker, HOLD_S):
                break
            await asyncio.sleep(LOOK_AGAIN_S)
        try:
            uploaded = await self._upload(channel, kind, blob, now)
            life = max(0.0, uploaded.expires_at - now)
            value = {"media": uploaded.media, "until": uploaded.expires_at, "life": life, "at": now}
            await self._store.write_note(key, value, rev=note.rev if note else 0)
        finally:
            await self._store.hold(key, self._worker, 0)
        return uploaded.media

    async def _upload(self, channel: Carrier, kind: MediaKind, blob: Blob, now: float) -> Uploaded:
        terms = channel.media_terms[kind]
        data, found = blob.data, blob.content_type
        if len(data) > terms.max_bytes or not takes(terms, found):
            fits = await asyncio.to_thread(shrunk, data, terms) if kind in ("image", "thumb") else None
            if fits is None:
                raise Unavailable(f"{channel.name} takes no {kind} of {len(data)} bytes that is {found}")
            data, found = fits
        name = blob.name if found == blob.content_type else file_name(blob.name.rpartition(".")[0], found)
        uploaded = await self._transport.run(channel, channel.upload(Upload(kind, name, found, data), now))
        if isinstance(uploaded, Judgement):
            raise Unavailable(uploaded.reason, again=uploaded.verdict in ("retry", "refresh"))
        return uploaded

    # --- the bytes

    async def _blob(self, url: str, kind: MediaKind) -> Blob:
        if url.startswith(BLOB):
            found = await self._blobs.get(url.removeprefix(BLOB))
            if found is None:
                raise Unavailable("the file is not kept here any more")
            return found
        if url.startswith(PROJECT):
            return await self._inbound.keep(await asyncio.to_thread(self._beside, url), kind, url)
        key = f"media/url/{hashlib.sha256(url.encode('utf-8', 'replace')).hexdigest()}"
        note = await self._store.note(key)
        now = await self._store.now()
        if note and now < note.value["at"] + URL_FRESH_S and REF.fullmatch(note.value["ref"]):
            known = await self._blobs.get(note.value["ref"])
            if known is not None:
                return known
        blob = await self._inbound.by_url(url)
        await self._store.write_note(key, {"ref": blob.ref, "at": now}, rev=note.rev if note else 0)
        return blob

    def _beside(self, url: str) -> bytes:
        root = (self._folder / PROJECT).resolve()
        try:
            path = (self._folder / url).resolve()
            if path.is_relative_to(root) and path.is_file():
                return path.read_bytes()
        except (OSError, ValueError):
            # a customer's words may be a part of the name: too long for the system, or with a NUL in it
            pass
        raise Unavailable(f"there is no file {url[:SHOWN]} in the bot's folder that can be read")


def _lasts(note: Mapping[str, float], now: float) -> bool:
    return not note["until"] or now < note["until"] - EARLY * note["life"]


def _wants_id(channel: Channel, reply: Sendable) -> bool:
    limits = getattr(channel, "push_limits", channel.limits)
    return bool(limits.media_only) or not reply.url.startswith(("http://", "https://"))


def _is_address(text: str) -> bool:
    return text.startswith(("http://", "https://", BLOB, PROJECT))
