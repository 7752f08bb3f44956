"""What is decided of a message before the bot thinks about it: more than a group may ask, and the words by which people
say that they want to be sent nothing more (退订), or something again (订阅)."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from adapters.message import Address, Event, Message, Reply, Text
from bot.store import Note, Store
from bot.turn import Turn
from bot.ways import Ways
from config.credentials import Group

MINUTE_S = 60.0
FLOOD, OPTED_OUT, OPTED_IN = "flood", "opted_out", "opted_in"
"""Flags of turns that were not thought about."""
TOO_MUCH = "消息太多啦，我先处理前面的，请稍后再发。"
GOODBYE = "已为您退订，之后不会再主动给您发消息。回复「{back}」可重新接收。"
WELCOME_BACK = "已恢复接收消息。回复「{out}」可随时退订。"
OPT_OUT = "optout/"
"""Notes `optout/<conversation>` mark who wants to be sent nothing unasked."""


@dataclass(frozen=True, slots=True)
class OptWords:
    """The words by which people opt out and in again, as the whole of a message. No `out`: nobody can."""

    out: tuple[str, ...] = ("退订", "TD")
    back: tuple[str, ...] = ("订阅",)

    @classmethod
    def of(cls, out: str, back: str) -> OptWords:
        """Comma-separated words; `none` for none."""
        return cls(_listed(out), _listed(back))


def _listed(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.replace("，", ",").split(",") if word.strip())
    return () if words == ("none",) else words


def bare(text: str) -> str:
    """A message as words are compared: half width, lower case, without blanks, quotes and marks at its ends."""
    return "".join(unicodedata.normalize("NFKC", text).lower().split()).strip("。.!！?？~～「」“”\"'")


class Before:
    """`decided(turn)`: the turn with what is said instead of thinking about it; None where the bot has the word."""

    def __init__(self, store: Store, ways: Ways, words: OptWords) -> None:
        self._store = store
        self._ways = ways
        self._words = words

    async def decided(self, turn: Turn, claims: frozenset[str]) -> Turn | None:
        """`claims` are words (as `bare` gives them) that mean something else to the bot. Raises `StoreDown`."""
        message = turn.message
        if message is None:
            return None
        if message.chat_kind == "group":
            outlet = self._ways.outlet(turn)
            return await self._flood(turn, message, outlet.group) if outlet and outlet.group else None
        return await self._opting(turn, bare(message.text), claims)

    # --- groups

    async def _flood(self, turn: Turn, message: Message, group: Group) -> Turn | None:
        where = _group(turn.address)
        member = f"{where}/{message.sender or turn.address.user}"
        # the member's share first: what is over it must not be counted against the others
        if await self._may(member, group.member_per_minute) and await self._may(where, group.per_minute):
            return None
        silent = isinstance(message.content, Event) or not await self._store.spend(f"{where}#told", 1, MINUTE_S)
        replies: tuple[Reply, ...] = () if silent else (Text(TOO_MUCH),)
        return replace(turn, flags=(FLOOD,), replies=replies)

    async def _may(self, key: str, count: int) -> bool:
        return not count or await self._store.spend(key, count, MINUTE_S)

    # --- opting out

    async def _opting(self, turn: Turn, said: str, claims: frozenset[str]) -> Turn | None:
        out = said in map(bare, self._words.out)
        if not said or said in claims or not (out or said in map(bare, self._words.back)):
            return None
        note = await self._store.note(OPT_OUT + turn.conversation)
        if not await self._marked(turn, note, out=out):
            return None
        words = GOODBYE if out else WELCOME_BACK
        text = words.format(out=next(iter(self._words.out), ""), back=next(iter(self._words.back), ""))
        return replace(turn, flags=(OPTED_OUT if out else OPTED_IN,), replies=(Text(text),))

    async def _marked(self, turn: Turn, note: Note | None, *, out: bool) -> bool:
        """Note it; False where it is so already, but by this very turn, done again after a crash."""
        if is_out(note) == out:
            return note is not None and note.value.get("turn") == turn.id
        value = {"out": out, "turn": turn.id, "at": turn.at}
        await self._store.write_note(OPT_OUT + turn.conversation, value, rev=note.rev if note else 0)
        return True


def is_out(note: Note | None) -> bool:
    """Whether the note `optout/<conversation>` says that its person wants nothing unasked."""
    return note is not None and bool(note.value.get("out"))


def _group(address: Address) -> str:
    return f"group/{replace(address, user='').conversation}"
