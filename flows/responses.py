"""Responses: from a name and the slots to replies. The same turn says the same words whenever it is run again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.message import Button, Card, Custom, File, Image, Json, Link, News, Reply, Text, Video, Voice
from config.source import Source
from flows.domain import Domain, Element, Variation, read_variations

_NAME = re.compile(r"\{([^\W\d][\w.]*)\}")


class NoResponse(LookupError):
    """No variation of the response fits (or there is no such response)."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """Renders responses for one turn: `seed` picks among variations, `channel` among those written for channels."""

    domain: Domain
    channel: str = ""
    seed: str = ""

    def knows(self, response: str) -> bool:
        return response in self.domain.responses

    def say(self, response: str, values: Mapping[str, Json]) -> tuple[Reply, ...]:
        """Raises `NoResponse`."""
        return render(self.variation(response, values), values)

    def names(self, response: str, values: Mapping[str, Json]) -> dict[str, Json]:
        """The values that the response would show: what makes saying it again a different saying."""
        try:
            variation = self.variation(response, values)
        except NoResponse:
            return {}
        return {name: lookup(values, name) for name in names_in(variation)}

    def variation(self, response: str, values: Mapping[str, Json]) -> Variation:
        """The variation that is said. Raises `NoResponse`."""
        known = self.domain.responses.get(response)
        if not known:
            raise NoResponse(f"there is no response '{response}'")
        if len(known) == 1 and known[0].condition is None and not known[0].channel:
            return known[0]
        fit = [each for each in known if each.condition is not None and each.condition(values, values)]
        fit = fit or [each for each in known if each.condition is None]
        fit = [each for each in fit if each.channel == self.channel and each.channel] or [
            each for each in fit if not each.channel
        ]
        if not fit:
            raise NoResponse(f"no variation of '{response}' fits the slots and the channel '{self.channel}'")
        digest = hashlib.blake2b(f"{self.seed}/{response}".encode(), digest_size=8).digest()
        return fit[int.from_bytes(digest, "big") % len(fit)]


def say_first(
    domain: Domain, said: str | Sequence[Json], channel: str, seed: str, values: Mapping[str, Json]
) -> tuple[Reply, ...]:
    """Replies for somebody who is spoken to unasked: a response by its name, or variations as they stand in YAML, one
    after the other. Raises `NoResponse`."""
    if isinstance(said, str):
        return Speaker(domain, channel, seed).say(said, values)
    variations = read_variations(Source(Path(), list(said), {}))
    return tuple(reply for each in variations for reply in render(each, values))


def names_in(variation: Variation) -> list[str]:
    """The `{names}` that a variation shows, sorted."""
    texts = [variation.text, variation.image, *_strings(variation.custom), *_strings(variation.attachment)]
    buttons = [*variation.buttons, *(button for element in variation.elements for button in element.buttons)]
    texts += [part for button in buttons for part in (button.title, button.payload, button.url)]
    texts += [part for each in variation.elements for part in (each.title, each.subtitle, each.image, each.url)]
    return sorted({name for text in texts for name in _NAME.findall(text)})


def _strings(value: Json) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in _strings(part)]


def options_in(replies: Iterable[Reply]) -> tuple[Button, ...]:
    """The buttons to choose from, in their order."""
    return tuple(button for reply in replies if isinstance(reply, Card) for button in reply.buttons)


def render(variation: Variation, values: Mapping[str, Json]) -> tuple[Reply, ...]:
    """Text (with buttons: one card), then custom payload, image, attachment and elements: Rasa's order."""
    replies: list[Reply] = []
    text = fill(variation.text, values)
    if variation.buttons:
        replies.append(Card(text=text, buttons=_buttons(variation.buttons, values)))
    elif text:
        replies.append(Text(text))
    if variation.custom is not None:
        replies.append(Custom(fill_all(variation.custom, values)))
    if variation.image:
        replies.append(Image(url=fill(variation.image, values)))
    if variation.attachment is not None:
        replies.append(_attached(fill_all(variation.attachment, values)))
    replies.extend(_cards(variation.elements, values))
    return tuple(replies)


def _buttons(buttons: Sequence[Button], values: Mapping[str, Json]) -> tuple[Button, ...]:
    return tuple(
        Button(fill(each.title, values), fill(each.payload, values), fill(each.url, values)) for each in buttons
    )


def _cards(elements: Sequence[Element], values: Mapping[str, Json]) -> tuple[Reply, ...]:
    """Pages as one piece of news where nothing but a page is behind them, else a card each."""
    cards = [
        Card(
            text=fill(each.subtitle, values),
            title=fill(each.title, values),
            url=fill(each.url, values),
            image=fill(each.image, values),
            buttons=_buttons(each.buttons, values),
        )
        for each in elements
    ]
    if cards and all(card.url and not card.buttons for card in cards):
        return (News(tuple(Link(card.url, card.title, card.text, card.image) for card in cards)),)
    return tuple(cards)


_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


def _attached(attachment: Json) -> Reply:
    """Rasa's attachment: an address, or `{type: image|video|audio|file, payload: {src: …}}`; what is neither goes on
    as it is."""
    if isinstance(attachment, str):
        picture = attachment.partition("?")[0].lower().endswith(_PICTURES)
        return Image(url=attachment) if picture else File(url=attachment, name=_file_name(attachment))
    kind = attachment.get("type") if isinstance(attachment, dict) else None
    payload = attachment.get("payload") if isinstance(attachment, dict) else None
    payload = payload if isinstance(payload, dict) else {}
    url = payload.get("src") or payload.get("url")
    title = str(payload.get("title") or payload.get("name") or "")
    match kind:
        case "image" if isinstance(url, str):
            return Image(url=url, alt=title)
        case "video" if isinstance(url, str):
            return Video(url=url, title=title)
        case "audio" if isinstance(url, str):
            return Voice(url=url)
        case "file" if isinstance(url, str):
            return File(url=url, name=title or _file_name(url))
        case _:
            return Custom(attachment)


def _file_name(url: str) -> str:
    return url.partition("?")[0].rstrip("/").rpartition("/")[2]


def fill(text: str, values: Mapping[str, Json]) -> str:
    """`{name}` -> its value as people write it; an empty slot is shown as nothing."""
    return _NAME.sub(lambda match: shown(lookup(values, match[1])), text) if "{" in text else text


def lookup(values: Mapping[str, Json], name: str) -> Json:
    if name in values:
        return values[name]
    first, _, rest = name.partition(".")
    if first in ("slots", "context") and rest:
        return lookup(values, rest)
    value: Json = values.get(first)
    for part in rest.split(".") if rest else ():
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def shown(value: Json) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "是" if value else "否"
        case float():
            return f"{value:.10g}" if abs(value) < 1e10 else f"{value:.0f}"
        case list():
            return "、".join(map(shown, value))
        case {"from": start, "to": end}:
            return f"{shown(start)}到{shown(end)}"
        case _:
            return str(value)


def fill_all(value: Json, values: Mapping[str, Json]) -> Json:
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, list):
        return [fill_all(each, values) for each in value]
    if isinstance(value, dict):
        return {key: fill_all(each, values) for key, each in value.items()}
    return value
