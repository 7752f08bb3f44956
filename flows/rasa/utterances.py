"""What is said: a response, or what an action server says, as a `bot` event; and `bot` events as replies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from adapters.message import Button, Json, Reply, Text, plain
from config.source import BadProject, Source
from flows.domain import Variation, read_variations
from flows.responses import fill, fill_all, render

_PARTS = ("text", "buttons", "quick_replies", "image", "attachment", "elements", "custom")


def message_of(variation: Variation, values: Mapping[str, Json]) -> dict[str, Any]:
    """A variation with its names filled in, as Rasa's message: only what it has."""
    said: dict[str, Any] = {
        "text": fill(variation.text, values),
        "image": fill(variation.image, values),
        "buttons": [_button(button, values) for button in variation.buttons],
        "attachment": fill_all(variation.attachment, values),
        "custom": fill_all(variation.custom, values),
        "elements": [
            {
                "title": fill(each.title, values),
                "subtitle": fill(each.subtitle, values),
                "image_url": fill(each.image, values),
                "default_action": {"type": "web_url", "url": fill(each.url, values)},
                "buttons": [_button(button, values) for button in each.buttons],
            }
            for each in variation.elements
        ],
    }
    return {key: value for key, value in said.items() if value}


def _button(button: Button, values: Mapping[str, Json]) -> dict[str, Any]:
    shown = {"title": fill(button.title, values), "payload": fill(button.payload, values)}
    return {**shown, "type": "web_url", "url": fill(button.url, values)} if button.url else shown


def replies_of(events: Iterable[Mapping[str, Any]]) -> list[Reply]:
    """What `bot` events say, in their order. What cannot be read is left out."""
    found: list[Reply] = []
    for event in events:
        if event["event"] != "bot":
            continue
        data = {"text": event.get("text"), **(event.get("data") or {})}
        found += replies_to(data)
    return found


def replies_to(said: Mapping[str, Any]) -> tuple[Reply, ...]:
    """One message of Rasa's as replies."""
    given = {key: said[key] for key in _PARTS if said.get(key)}
    if given.get("attachment") == given.get("image"):
        given.pop("attachment", None)
    if not given:
        return ()
    try:
        (variation,) = read_variations(Source(Path("action"), given, {}))
    except BadProject:
        text = str(given.get("text") or "")
        variation = Variation(text=text)
    return render(variation, {})


def as_message(reply: Any) -> dict[str, Any]:
    """A reply of `actions.py` as Rasa's message."""
    if isinstance(reply, Text):
        return {"text": reply.text}
    return {"custom": plain(reply)}
