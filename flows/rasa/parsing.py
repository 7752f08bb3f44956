"""Between our `Meaning` and Rasa's parse data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flows.domain import Domain
from flows.rasa import events
from flows.rasa.domain import RasaDomain
from flows.state import Heard
from nlu.meaning import COMMAND_EXTRACTOR, Entity, Meaning

RANKED = 10
RULES = "RuleEntityExtractor"


def parse_data(meaning: Meaning, domain: Domain) -> dict[str, Any]:
    """A meaning as Rasa's `POST /model/parse` gives it, but for the id and metadata of the message."""
    found = {
        "intent": {"name": meaning.intent or None, "confidence": meaning.confidence},
        "entities": [entity_data(_as_duckling(each, domain)) for each in meaning.entities],
        "text": meaning.text,
    }
    if meaning.text.startswith("/") and not meaning.tokens:
        # a command is taken at its word, no component sees it
        return {**found, "intent_ranking": _ranking(meaning)}
    return {
        **found,
        "text_tokens": [list(span) for span in meaning.tokens],
        "intent_ranking": _ranking(meaning),
        "response_selector": _selector(meaning, domain),
    }


DUCKLING: Mapping[str, str] = {
    "amount": "amount-of-money",
    "phone": "phone-number",
    "bank_card": "credit-card-number",
}
"""Built-in entities that Duckling, for which they stand in Rasa's pipelines, calls otherwise."""


def _as_duckling(entity: Entity, domain: Domain) -> Entity:
    name = DUCKLING.get(entity.type, "")
    ours = name in domain.entities and entity.type not in domain.entities and entity.extractor == RULES
    return replace(entity, type=name) if ours else entity


def _ranking(meaning: Meaning) -> list[dict[str, Any]]:
    ranking = [{"name": each.name, "confidence": each.confidence} for each in meaning.ranking[:RANKED]]
    if meaning.intent and (not ranking or ranking[0]["name"] != meaning.intent):
        # after thresholds nlu_fallback comes first, as Rasa's FallbackClassifier has it
        ranking.insert(0, {"name": meaning.intent, "confidence": meaning.confidence})
    return ranking[:RANKED]


def entity_data(entity: Entity) -> dict[str, Any]:
    """An entity as Rasa writes it."""
    if entity.extractor == COMMAND_EXTRACTOR:
        span = {"start": entity.start, "end": entity.end}
        return {"entity": entity.type, "value": entity.value, **span, "extractor": "RegexMessageHandler"}
    data: dict[str, Any] = {
        "entity": entity.type,
        "start": entity.start,
        "end": entity.end,
        "confidence_entity": entity.confidence,
        "value": entity.value,
        "extractor": entity.extractor,
    }
    if entity.role:
        data["role"] = entity.role
    if entity.group:
        data["group"] = entity.group
    return data


def _selector(meaning: Meaning, domain: Domain) -> dict[str, Any]:
    retrieval = sorted({key.partition("/")[0] for key in (each.key for each in meaning.answers)})
    found: dict[str, Any] = {"all_retrieval_intents": retrieval}
    for intent in retrieval:
        ranked = [each for each in meaning.answers if each.key.startswith(f"{intent}/")]
        best = ranked[0]
        variations = domain.responses.get(f"utter_{best.key}", ())
        found[intent] = {
            "response": {
                "responses": [{"text": each.text} for each in variations],
                "confidence": best.confidence,
                "intent_response_key": best.key,
                "utter_action": f"utter_{best.key}",
            },
            "ranking": [{"confidence": each.confidence, "intent_response_key": each.key} for each in ranked],
        }
    return found


def best_answer(message: Mapping[str, Any], intent: str) -> str:
    """The response (`utter_faq/hours`) that was found for a retrieval intent; empty where none was."""
    found = ((message.get("response_selector") or {}).get(intent) or {}).get("response") or {}
    return str(found.get("utter_action") or "")


def said_by(heard: Heard, domain: RasaDomain) -> dict[str, Any]:
    """The `user` event of a turn."""
    parse = parse_data(heard.meaning, domain.base)
    channel = str(heard.extra.get("input_channel") or heard.address.channel)
    metadata = heard.extra.get("metadata")
    return events.user(heard.meaning.text, parse, heard.at, channel=channel, message_id=heard.turn, metadata=metadata)
