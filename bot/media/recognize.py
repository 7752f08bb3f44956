"""Words for what has none: speech in a voice message, writing in a picture. Asked for before the bot thinks, within a
time that leaves the customer's answer its own."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

import aiohttp
import orjson
from pydantic import SecretStr

from adapters.channel import MediaKind
from adapters.message import Image, Message, Voice
from bot.log import Log
from bot.media.flights import Flights
from bot.media.inbound import Inbound, Unavailable, note_key
from bot.store import Store, StoreDown

TIMEOUT_S = 2.5
"""With what follows less than the time in which a channel wants its answer."""
ANSWER_BYTES = 64 * 1024
TEXT_CHARS = 2000

Recognize = Callable[[bytes, str], Awaitable[str]]
"""`await recognize(data, content_type)`: the words in it, empty where there are none. May raise anything."""


@dataclass(frozen=True, slots=True)
class Recognizer:
    recognize: Recognize
    timeout: float = TIMEOUT_S


@dataclass(frozen=True)
class HttpRecognizer:
    """POST of the bytes with their Content-Type, and `Authorization: Bearer <token>` where there is one; the answer is
    `{"text": "…"}`. The operator's own service: any address may be called."""

    session: aiohttp.ClientSession
    url: str
    token: SecretStr = field(default=SecretStr(""))

    async def __call__(self, data: bytes, content_type: str) -> str:
        token = self.token.get_secret_value()
        headers = {"Content-Type": content_type} | ({"Authorization": f"Bearer {token}"} if token else {})
        async with self.session.post(
            self.url, data=io.BytesIO(data), headers=headers, allow_redirects=False
        ) as response:
            if response.status != 200:
                raise ValueError(f"HTTP {response.status} was the answer")
            body = await response.content.read(ANSWER_BYTES)
            while len(body) < ANSWER_BYTES and (more := await response.content.read(ANSWER_BYTES - len(body))):
                body += more
        answer = orjson.loads(body)
        text = answer.get("text") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            raise ValueError('the answer is not {"text": "…"}')
        return text


class Recognition:
    """`hooks` are what the service is set up with; a bot's own (of its `actions.py`) come before them."""

    def __init__(self, store: Store, inbound: Inbound, hooks: Mapping[MediaKind, Recognizer], log: Log) -> None:
        self._store = store
        self._inbound = inbound
        self._hooks = hooks
        self._log = log
        self.flights = Flights[str]()

    async def heard(self, message: Message, own: Mapping[MediaKind, Recognizer]) -> Message:
        """`message` with the words in its voice or picture, as `recognition` or `alt`, if they come in time; else as it
        is. What comes later is noted, and found by who asks again."""
        kind = _silent(message)
        hook = own.get(kind) or self._hooks.get(kind) if kind else None
        if kind is None or hook is None:
            return message
        try:
            async with asyncio.timeout(hook.timeout):
                key = note_key(message)
                text = await self.flights.join(key, lambda: self._text(message, hook.recognize))
        except TimeoutError:
            why = f"no words within {hook.timeout:g} s"
        except Unavailable as failed:
            why = str(failed)
        except StoreDown:
            raise
        except Exception as error:
            # the error's own words may quote the customer, or the service's address
            why = f"{type(error).__name__} in the recognizer"
        else:
            return _with(message, text)
        self._log.warning("a message goes on without its words", kind=kind, channel=message.address.channel, error=why)
        return message

    async def _text(self, message: Message, recognize: Recognize) -> str:
        key = note_key(message)
        note = await self._store.note(key)
        if note and "text" in note.value:
            return str(note.value["text"])
        blob = await self._inbound.fetch(message)
        text = (await recognize(blob.data, blob.content_type)).strip()[:TEXT_CHARS]
        note = await self._store.note(key)
        if note:
            await self._store.write_note(key, {**note.value, "text": text}, rev=note.rev)
        return text


def _silent(message: Message) -> MediaKind | None:
    match message.content:
        case Voice(recognition=""):
            return "voice"
        case Image(alt=""):
            return "image"
        case _:
            return None


def _with(message: Message, text: str) -> Message:
    match message.content:
        case Voice() as voice:
            return replace(message, content=replace(voice, recognition=text))
        case Image() as image:
            return replace(message, content=replace(image, alt=text))
        case _:
            return message
