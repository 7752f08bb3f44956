"""What a channel cannot show, in kinds that it can: the one place where replies lose form, and never their content.

`fit` is total and idempotent: every reply comes out as one or more that `limits` allow (but typing, which is no
content), in order. `join` packs texts for a body that can hold only one message. `pick` reads the answer to
buttons that were shown as numbered lines.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

import orjson

from adapters.channel import Limits
from adapters.message import (
    Button,
    Card,
    Custom,
    File,
    Image,
    Link,
    Markdown,
    News,
    Reply,
    Text,
    Transfer,
    Typing,
    Video,
    Voice,
)  # fmt: skip

LEAVE_A_MESSAGE = "请您留言说明问题，客服看到后会尽快回复您。"
CHOOSE = "（回复数字或文字即可选择）"
MEDIA = (Image, Voice, Video, File)
FEWEST_BYTES = 4
"""The longest character of UTF-8."""


def fit(replies: Sequence[Reply], limits: Limits) -> list[Reply]:
    """`replies` as a channel with `limits` can show them, in order. Buttons of several cards are numbered through: a
    number means the same one whichever card it is read on."""
    shown: list[Reply] = []
    first = 1
    for reply in replies:
        if isinstance(reply, Card):
            shown += _fit_card(reply, limits, first)
            first += len(reply.buttons)
        else:
            shown += _fit(reply, limits)
    return shown


def join(replies: Sequence[Reply], limits: Limits) -> list[Reply]:
    """Neighbouring texts joined by a line break, as long as they fit one text."""
    joined: list[Reply] = []
    for reply in replies:
        last = joined[-1] if joined else None
        if isinstance(last, Text) and isinstance(reply, Text):
            both = f"{last.text}\n{reply.text}"
            if size(both) <= limits.text_bytes:
                joined[-1] = Text(both)
                continue
        joined.append(reply)
    return joined


def size(text: str) -> int:
    """Bytes in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


# --- one reply at a time -------------------------------------------------------------------------------------


def _fit(reply: Reply, limits: Limits) -> Iterator[Reply]:
    match reply:
        case Text(text):
            yield from (Text(part) for part in split(text, limits.text_bytes) if part.strip())
        case Typing():
            if "typing" in limits.shows:
                yield reply
        case Card():
            yield from _fit_card(reply, limits, 1)
        case Markdown(text, title) if _splits(text, limits):
            yield from (Markdown(part, title) for part in _pages(text, limits) if part.strip())
        case Custom(payload):
            kind = payload.get("msgtype") if isinstance(payload, dict) else None
            if "custom" in limits.shows or (isinstance(kind, str) and kind in limits.custom_types):
                yield reply
            else:
                yield from _fit(Text(_said(payload)), limits)
        case Markdown(text, title) if "markdown" in limits.shows and size(text) > _markdown_bytes(limits):
            yield from (Markdown(part, title) for part in split(text, _markdown_bytes(limits)) if part.strip())
        case Transfer(text) if "transfer" in limits.shows and text and not limits.transfer_speaks:
            yield from _fit(Text(text), limits)
            yield replace(reply, text="")
        case _ if _shown(reply, limits):
            yield reply
        case _:
            yield from _fit(_plainer(reply, limits), limits)


def _markdown_bytes(limits: Limits) -> int:
    return limits.markdown_bytes or limits.text_bytes


def _shown(reply: Reply, limits: Limits) -> bool:
    if type(reply).__name__.lower() not in limits.shows:
        return False
    match reply:
        case Image(media=media) | Voice(media=media) | Video(media=media) | File(media=media):
            return bool(media) or (bool(reply.url) and not limits.media_only)
        case News(articles):
            return 0 < len(articles) <= (limits.articles or len(articles))
        case _:
            return True


def _plainer(reply: Reply, limits: Limits) -> Reply:
    """The next plainer kind for a reply that cannot be shown as it is; a text in the end."""
    links = "link" in limits.shows
    match reply:
        case Image(url, _, alt):
            return Link(url, alt or "图片", "", url) if links and url else Text(_lines(alt or "[图片]", url))
        case Video(_, url, thumb, title, description):
            if links and url:
                return Link(url, title or "视频", description, thumb if thumb.startswith("http") else "")
            return Text(_lines(title or "[视频]", description, url))
        case Voice(_, url, _, recognition):
            return Text(_lines(recognition or "[语音]", url))
        case File(_, url, name):
            return Link(url, name or "文件") if links and url else Text(_lines(name or "[文件]", url))
        case Link(url, title, description):
            return Text(_lines(title, description, url))
        case News((article,)):
            return article
        case News(articles):
            return Text("\n".join(f"{n}. {_lines(a.title, a.description, a.url)}" for n, a in enumerate(articles, 1)))
        case Markdown(text, title):
            return Text(_lines(title, markdown_to_text(text)))
        case Transfer(text):
            return Text(text if text.strip() else LEAVE_A_MESSAGE)
        case _:
            return Text(_said(None))


def _fit_card(card: Card, limits: Limits, first: int) -> Iterator[Reply]:
    taps = any(not button.url for button in card.buttons)
    opens = limits.link_buttons and bool(card.buttons)
    if "card" in limits.shows and (taps or opens or "app_id" in card.data) and len(card.buttons) <= limits.buttons:
        head, most = _lines(card.title, card.text), limits.card_bytes or limits.text_bytes
        if size(head) <= most:
            yield card
            return
        *before, last = split(head, most)
        yield from _fit(Text("".join(before)), limits)
        yield replace(card, title="", text=last)
        return
    if not card.buttons and card.url and "link" in limits.shows:
        yield Link(card.url, card.title or card.text, card.text if card.title else "", card.image)
        return
    if card.image:
        yield from _fit(Image(url=card.image, alt=card.title), limits)
    yield from _fit(Text(_lines(card.title, card.text, card.url, numbered(card.buttons, first))), limits)


def numbered(buttons: Sequence[Button], first: int = 1) -> str:
    """Buttons as numbered lines from `first` on, with a last line that says how to answer them."""
    rows = [f"{n}. {_lines(b.title or b.payload, b.url, between='：')}" for n, b in enumerate(buttons, first)]
    return "\n".join([*rows, CHOOSE] if any(not button.url for button in buttons) else rows)


def _lines(*parts: str, between: str = "\n") -> str:
    return between.join(part for part in parts if part)


def _said(payload: object) -> str:
    """What a payload that no one here can show says: its own text if it has one, else its JSON."""
    if isinstance(payload, dict) and isinstance(payload.get("text"), str):
        return str(payload["text"])
    if isinstance(payload, str):
        return payload
    return "" if payload is None else as_json(payload)


def as_json(payload: object) -> str:
    """As JSON, whatever it is: what JSON cannot hold is written as a text."""
    try:
        return orjson.dumps(payload, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # an integer beyond 64 bits, a lone surrogate, nothing plain
        return json.dumps(payload, default=str, skipkeys=True, ensure_ascii=False)


# --- long texts ----------------------------------------------------------------------------------------------

# ASCII marks end something only where it shows: an address like http://a.b/c?d=1 is not to be cut
_SENTENCE = re.compile(r"\n+|[。！？…；]+[”’」』）)\"']*|(?<![.!?;])[.!?;]++[)\"']*+(?=\s|[^\x00-\x7f])")
_CLAUSE = re.compile(r"[，、：]+|[,:]+(?=[^\x00-\x7f])|\s+")
_SHORTEST = 0.25
"""A part ends at a sentence only if that leaves it at least so full: else at a clause, else between characters."""


def split(text: str, limit_bytes: int) -> list[str]:
    """Parts of at most `limit_bytes` in UTF-8 that joined are `text` again; cut after a sentence where there is
    one, else after a clause, else between two characters as the eye sees them (an emoji stays whole)."""
    if limit_bytes < FEWEST_BYTES:
        raise ValueError(f"a text cannot be split into parts of {limit_bytes} bytes; {FEWEST_BYTES} is the least")
    parts = []
    start = 0
    while size(text[start : start + limit_bytes + 1]) > limit_bytes:
        end = _cut(text, start, limit_bytes)
        parts.append(text[start:end])
        start = end
    return [*parts, text[start:]] if start < len(text) else parts


def _cut(text: str, start: int, limit_bytes: int) -> int:
    most = _reach(text, start, limit_bytes)
    least = start + max(1, int((most - start) * _SHORTEST))
    for pattern in (_SENTENCE, _CLAUSE):
        ends = [match.end() for match in pattern.finditer(text, start, most) if match.end() >= least]
        ends = [end for end in ends if _between_characters(text, end)]
        if ends:
            return ends[-1]
    return next((i for i in range(most, start, -1) if _between_characters(text, i)), most)


def _reach(text: str, start: int, limit_bytes: int) -> int:
    """The furthest end so that text[start:end] fits."""
    encoded = text[start : start + limit_bytes].encode("utf-8", "surrogatepass")[:limit_bytes]
    while True:
        try:
            return start + len(encoded.decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError as error:
            encoded = encoded[: error.start]


_JOINER = "\u200d"


def _between_characters(text: str, i: int) -> bool:
    """Whether a cut before text[i] leaves every visible character whole (the common cases of UAX #29)."""
    if i <= 0 or i >= len(text):
        return True
    before, after = text[i - 1], text[i]
    if _JOINER in (before, after) or (before, after) == ("\r", "\n"):
        return False
    if unicodedata.category(after) in ("Mn", "Me", "Mc") or "\U0001f3fb" <= after <= "\U0001f3ff" or _is_tag(after):
        return False
    return not (_is_flag(before) and _is_flag(after) and _flags_before(text, i) % 2)


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_tag(char: str) -> bool:
    return "\U000e0020" <= char <= "\U000e007f"


def _flags_before(text: str, i: int) -> int:
    count = 0
    while count < i and _is_flag(text[i - count - 1]):
        count += 1
    return count


def _splits(text: str, limits: Limits) -> bool:
    return "markdown" in limits.shows and 0 < limits.markdown_chars < len(text)


def _pages(text: str, limits: Limits) -> Iterator[str]:
    """Markdown in parts that each stand alone: cut between lines where there are any, a code block that is cut is
    closed and opened again."""
    room = limits.markdown_chars - 2 * _FENCE_CHARS
    page, fence = "", ""
    for line in text.splitlines(keepends=True):
        for piece in (line[start : start + room] for start in range(0, len(line), room)):
            if page and len(page) + len(piece) > room:
                yield f"{page.rstrip()}\n{fence[:3]}" if fence else page
                page = f"{fence}\n" if fence else ""
            page += piece
        mark = line.strip()[:_FENCE_CHARS]
        if mark.startswith(("```", "~~~")):
            fence = "" if fence else mark
    if page:
        yield page


_FENCE_CHARS = 16
"""A fence with the name of its language."""

# --- markdown ------------------------------------------------------------------------------------------------

# Spans are bounded and runs are possessive: marks that are opened and never closed must not cost a square of steps.
_MARKDOWN = tuple(
    (re.compile(pattern, re.MULTILINE), become)
    for pattern, become in (
        (r"^[ \t]*+(?:```|~~~)[^\n]*+\n?", ""),  # fences
        (r"^[ \t]*+\|?(?:[ \t]*+:?-{3,}+:?[ \t]*+\|)++(?:[ \t]*+:?-{3,}+:?)?[ \t]*+$\n?", ""),  # a table's rule
        (r"^[ \t]*+([-*_])(?:[ \t]*+\1){2,}[ \t]*+$", "————"),
        (r"^[ \t]*+#{1,6}[ \t]++(.{0,300}?)(?:[ \t]++#++)?[ \t]*+$", r"\1"),
        (r"^[ \t]*+>[ \t]?", ""),
        (r"^([ \t]*+)[-*+][ \t]++", r"\1• "),
        (r"^[ \t]*+\|(.*)\|[ \t]*$", r"\1"),
        (r"!\[([^\]\n]{0,500}+)\]\([ \t]*+<?([^)\s>]{1,2000}+)>?[^)\n]{0,200}+\)", r"\1 \2"),
        (r"\[([^\]\n]{1,500}+)\]\([ \t]*+<?([^)\s>]{1,2000}+)>?[^)\n]{0,200}+\)", r"\1（\2）"),
        (r"<(https?://[^>\s]{1,2000}+)>", r"\1"),
        (r"(?<!\\)(\*\*|~~)(?=\S)(.{1,500}?)(?<=[^\s\\])\1", r"\2"),
        (r"(?<![\w*\\])\*(?=[^\s*])([^*\n]{1,500}?)(?<=[^\s\\])\*(?![\w*])", r"\1"),
        (r"(?<![\w\\])(__|_)(?=\S)(.{1,500}?)(?<=[^\s\\])\1(?!\w)", r"\2"),
        (r"(?<!\\)`([^`\n]{1,500})`", r"\1"),
        (r"\\([\\`*_{}\[\]()#+\-.!|>~])", r"\1"),
    )
)


def markdown_to_text(text: str) -> str:
    """Markdown without its marks: what a plain-text message should say. Links keep their address."""
    for pattern, become in _MARKDOWN:
        text = pattern.sub(become, text)
    return text.strip()
