"""The trained pipeline: a text goes in, a `Meaning` comes out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from nlu.component import Component, Placed
from nlu.doc import Doc
from nlu.meaning import COMMAND_EXTRACTOR, Entity, Intent, Meaning
from nlu.normalize import Normalized

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""When an example was said makes no difference to what is learned from it."""
READ_CHARACTERS = 1000
"""Only so much of a text is read, which is more than fits in a WeChat message (2048 bytes): what a stranger pastes
must not take the time of others."""
_COMMAND = re.compile(
    r"\s*/(?P<intent>[\w.\-]+(?:/[\w.\-]+)?)(?:@(?P<sure>[01](?:\.\d+)?))?\s*(?P<entities>\{.*\})?\s*", re.S
)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Immutable and safe to share between threads."""

    components: tuple[Component, ...]
    version: str = ""
    parse_ms: float = 0.0
    """How long a sentence took when the model was trained; 0 where that was not measured."""
    priorities: Mapping[str, int] = field(default_factory=dict)
    """Of extractors, where config.yml gives one."""

    def __post_init__(self) -> None:
        placed = tuple(
            one.after(self.components[:i]) if isinstance(one, Placed) else one for i, one in enumerate(self.components)
        )
        object.__setattr__(self, "components", placed)

    def parse(self, text: str, now: datetime) -> Meaning:
        """What `text` means; `now` is the bot's local time, from which 明天 and 下午三点 are reckoned.

        `/intent{"entity": "value"}` is that intent, as buttons and Rasa's clients send it.
        """
        said = command(text)
        if said is not None:
            return Meaning(text, said.intent, said.confidence, said.ranking, said.entities, model=self.version)
        return self.read(text, now).meaning(self.version)

    def read(self, text: str, now: datetime) -> Doc:
        """The whole record, for those who want to see more than the meaning."""
        doc = replace(blank(text[:READ_CHARACTERS], now), priorities=self.priorities)
        for component in self.components:
            doc = component(doc)
        return replace(doc, text=text)


def blank(text: str, now: datetime) -> Doc:
    """A doc that no component has read."""
    return Doc(text, now, Normalized(text, text, range(len(text)), range(1, len(text) + 1)))


def command(text: str) -> Meaning | None:
    """The meaning of `/intent`, `/intent@0.9` and `/intent{"entity": value}`; None for any other text.

    https://rasa.com/docs/rasa/connectors/your-own-website — a list of values gives one entity for each.
    """
    match = _COMMAND.fullmatch(text)
    if match is None:
        return None
    try:
        given = json.loads(match["entities"] or "{}")
    except (json.JSONDecodeError, RecursionError):
        return None
    start, end = match.span("entities") if match["entities"] else (0, 0)
    entities = tuple(
        Entity(name, text[start:end], value, start, end, extractor=COMMAND_EXTRACTOR)
        for name, values in given.items()
        for value in (values if isinstance(values, list) else [values])
    )
    confidence = min(1.0, float(match["sure"] or 1))
    return Meaning(text, match["intent"], confidence, (Intent(match["intent"], confidence),), entities)
