"""Group chats, the same for every channel: whether the bot is meant, what was said to it, whom the answer mentions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from adapters.message import Content, Event, Message, Text, Voice
from config.credentials import Group

MENTION = "mention"
"""The key in `Route.data` under which a codec keeps the vendor's id of the member whom the answer mentions by @;
without it, or empty, nobody is mentioned."""

_GAP = r"[\s\u200b\u2060\ufeff]"
"""White space as vendors put it around a mention: U+2005 and no-break spaces are `\\s`, those of no width are not."""
_PAUSE = re.compile(rf"^(?:{_GAP}|[,，:：、])+")
_EDGES = re.compile(rf"^{_GAP}+|{_GAP}+$")


def in_group(message: Message, group: Group) -> Message | None:
    """`message` as the bot hears it, or None where it is talk among the others.

    It comes as the codec read it: `address.user` and `sender` are who wrote, the mention is cut from the text and told
    by `mentioned`. A prefix is cut off, and where all members share one conversation `address.user` becomes empty.
    Private messages are left alone; events (a tap on a card, a new member) are never talk among the others.
    """
    if message.chat_kind != "group":
        return message
    if isinstance(message.content, Event):
        return _seated(message, group)
    text, prefixed = without_prefix(message.text, group.prefixes)
    named = any(keyword and keyword.casefold() in text.casefold() for keyword in group.keywords)
    if not (group.answer == "all" or message.mentioned or prefixed or named):
        return None
    return _seated(replace(message, content=_saying(message.content, text)) if prefixed else message, group)


def mentioning(message: Message | None, group: Group) -> Mapping[str, str]:
    """What a route's `data` says of whom to mention in the answer to `message`: empty in private chats."""
    if message is None or message.chat_kind != "group" or not group.mention_back or not message.sender:
        return {}
    return {MENTION: message.sender}


def without_prefix(text: str, prefixes: Iterable[str]) -> tuple[str, bool]:
    """`text` without the longest of the prefixes that it starts with (in any case), and whether there was one."""
    start = _EDGES.sub("", text)
    for prefix in sorted(prefixes, key=len, reverse=True):
        if prefix and start[: len(prefix)].casefold() == prefix.casefold():
            return _PAUSE.sub("", start[len(prefix) :]), True
    return text, False


def without_mention(text: str, names: Iterable[str]) -> tuple[str, bool]:
    """`text` without every `@name` in it (in any case, `＠` too), and whether there was one.

    A name ends where the text ends, at white space or at punctuation: `@小应` is not found in `@小应助手`. An at sign
    after a Latin letter or digit belongs to an e-mail address.
    """
    known = [r"\s+".join(map(re.escape, name.split())) for name in sorted(names, key=len, reverse=True) if name.strip()]
    if not known:
        return text, False
    mention = re.compile(rf"(?<![A-Za-z0-9._-])[@＠](?:{'|'.join(known)})(?!\w)(?:(?!\n){_GAP})*", re.IGNORECASE)
    said, found = mention.subn("", text)
    if not found:
        return text, False
    said = _EDGES.sub("", said)
    return (_PAUSE.sub("", said) if mention.match(_EDGES.sub("", text)) else said), True


def _seated(message: Message, group: Group) -> Message:
    if group.session == "shared" and message.address.user:
        return replace(message, address=replace(message.address, user=""))
    return message


def _saying(content: Content, text: str) -> Content:
    match content:
        case Text():
            return Text(text)
        case Voice():
            return replace(content, recognition=text)
        case _:
            return content
