"""Several wishes in one message: in which order they are served, and which wait for their turn.

The first runs; when its flow has ended, or where it is but an answer, the next one follows. An answer to the question
that waits comes first, asking for a human last. What waits is kept in `Dialogue.memory`, as plain data.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from adapters.message import Json
from flows import words
from flows.requests import REPAIRS, request
from flows.situation import Situation, hear
from flows.state import Dialogue, Heard, HumanHandoff, KnowledgeAnswer, SetSlot, StartFlow
from flows.understand import understand
from nlu.meaning import Meaning, subject

PENDING = "wishes"
"""The name in `Dialogue.memory` of the wishes that wait until the stack is empty."""
MOST_PENDING = 5
_RANKING = 3
"""So many intents of a wish's ranking are kept while it waits."""


def apart(heard: Heard, situation: Situation) -> tuple[Meaning, ...]:
    """The wishes of a message, each as a meaning of its own, in the order in which they are served."""
    meaning = heard.meaning
    if hear(heard, situation).chosen:
        return (meaning,)
    found = _answer_and_wish(meaning, situation) or meaning.wishes()
    if len(found) > 1 and _is_one_answer(heard, found[0], situation):
        entities = tuple(each for one in (meaning, *meaning.also) for each in one.entities)
        return (replace(meaning, entities=entities, also=()),)
    return in_turn(found)


def in_turn(wishes: Iterable[Meaning]) -> tuple[Meaning, ...]:
    """Asking for a human last, whatever its place: nothing is served after it."""
    return tuple(sorted(wishes, key=asks_for_human))


def asks_for_human(wish: Meaning) -> bool:
    by_intent = isinstance(REPAIRS.get(wish.intent), HumanHandoff)
    return by_intent or any(map(words.wants_human, (wish.text, *words.clauses(wish.text))))


def pending(dialogue: Dialogue) -> list[Meaning]:
    """The wishes of earlier messages that wait."""
    return [Meaning.from_dict(kept) for kept in dialogue.memory.get(PENDING) or ()]


def waiting(wishes: Sequence[Meaning], earlier: Iterable[Meaning]) -> list[Meaning]:
    """What waits after a message: its own later wishes, then those of `earlier` messages that it did not repeat."""
    said = {subject(wish.intent, wish.answers) for wish in wishes}
    kept = (wish for wish in earlier if subject(wish.intent, wish.answers) not in said)
    return list(in_turn((*wishes[1:], *kept)))


def to_memory(wishes: Sequence[Meaning]) -> list[Json]:
    return [replace(wish, ranking=wish.ranking[:_RANKING], tokens=()).to_dict() for wish in wishes[:MOST_PENDING]]


def _answer_and_wish(meaning: Meaning, situation: Situation) -> tuple[Meaning, ...]:
    """「好的，顺便查下余额」 where a yes or no is waited for: the answer, then what else is wished."""
    parts = words.clauses(meaning.text)
    waits = situation.waits_for_yes_or_no or situation.offered is not None
    if not waits or len(parts) < 2 or words.is_correction(meaning.text):
        return ()
    whole = words.affirms(meaning.text) or words.denies(meaning.text)
    if whole or not (words.affirms(parts[0]) or words.denies(parts[0])):
        return ()
    first, *others = meaning.wishes()
    _, found, rest = first.text.partition(parts[0])
    wish = replace(first, text=words.trimmed(rest) if found else first.text)
    asked_for = request(wish, situation)
    wished = asked_for.commands[:1] if asked_for else ()
    if not others and not isinstance(next(iter(wished), None), StartFlow | KnowledgeAnswer | HumanHandoff):
        return ()
    if wished == (StartFlow(situation.flow),):
        return ()
    return (Meaning(parts[0], model=meaning.model), wish, *others)


def _is_one_answer(heard: Heard, first: Meaning, situation: Situation) -> bool:
    """Whether free words that are waited for begin with the answer: then all of them are it."""
    if not situation.waits_for_text:
        return False
    return any(
        isinstance(command, SetSlot) and command.name == situation.asked
        for command in understand(replace(heard, meaning=first), situation).commands
    )
