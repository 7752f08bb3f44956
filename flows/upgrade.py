"""Domains in the format of Rasa 1 and 2, as Rasa 3 writes them.

https://rasa.com/docs/rasa/migration-guide#rasa-210-to-rasa-30 — slot mappings stand with the slots, not with the forms;
what `auto_fill` did, and what a custom action sets, is a mapping as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from config.source import Problem, Source

VERSION = "3.1"
_ANYTIME = ("from_entity", "from_trigger_intent")
"""Mappings of a form that fill a slot that is not asked for."""


def is_old(data: Any) -> bool:
    """Whether a domain says that it is of Rasa 1 or 2. One that says nothing is taken for a new one, unless its forms
    hold mappings."""
    if not isinstance(data, Mapping):
        return False
    version = str(data.get("version") or "")
    return version[:1] in ("1", "2") or "templates" in data or any(map(_mapped, _items(data.get("forms"))))


def upgraded(sources: Sequence[Source]) -> list[Source]:
    """The files of a domain, in Rasa 3's format; new ones as they are. Lines keep pointing at what the author wrote."""
    if not any(is_old(source.data) for source in sources):
        return list(sources)
    domains = [source.data for source in sources if isinstance(source.data, Mapping)]
    entities = {name for data in domains for name in _names(data.get("entities"))}
    mappings = _by_slot(form for data in domains for form in _items(data.get("forms")))
    return [replace(source, data=_domain(source.data, entities, mappings)) for source in sources]


def remarks(sources: Iterable[Source]) -> list[Problem]:
    """What is said of old files."""
    return [
        source.problem(
            (), "a domain of Rasa 1 or 2 is read as one of Rasa 3", "yingda data convert domain writes it so"
        )
        for source in sources
        if is_old(source.data)
    ]


def upgrade_domain(data: Mapping[str, Any]) -> dict[str, Any]:
    """One whole domain in Rasa 3's format."""
    entities = set(_names(data.get("entities")))
    return dict(_domain(data, entities, _by_slot(_items(data.get("forms")))))


def _domain(data: Any, entities: set[str], mappings: Mapping[str, list[dict[str, Any]]]) -> Any:
    if not isinstance(data, Mapping):
        return data
    made = {key: value for key, value in data.items() if key not in ("version", "templates", "triggers")}
    if data.get("templates"):
        made["responses"] = {**data["templates"], **(data.get("responses") or {})}
    if isinstance(data.get("slots"), Mapping):
        given = {str(name): each or {} for name, each in data["slots"].items()}
        made["slots"] = {name: _slot(name, each, entities, mappings.get(name, [])) for name, each in given.items()}
    if data.get("forms"):
        made["forms"] = {name: _form(given) for name, given in _items(data["forms"])}
    if data.get("intents"):
        made["intents"] = [_intent(each) for each in data["intents"]]
    return {"version": VERSION, **made}


def _slot(name: str, given: Mapping[str, Any], entities: set[str], of_forms: list[dict[str, Any]]) -> dict[str, Any]:
    made = {key: value for key, value in given.items() if key != "auto_fill"}
    if made.get("type") == "unfeaturized":
        made |= {"type": "any"}
        made.pop("influence_conversation", None)
    if made.get("mappings"):
        return made
    found = list(of_forms)
    own = {"type": "from_entity", "entity": name}
    if name in entities and given.get("auto_fill", True) and own not in found:
        found.append(own)
    return {**made, "mappings": found or [{"type": "custom"}]}


def _by_slot(forms: Iterable[tuple[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The mappings that forms have for slots. The same one in several forms has a condition for each."""
    found: dict[str, list[dict[str, Any]]] = {}
    for form, given in forms:
        for slot, mappings in _required(given):
            for mapping in mappings or [{"type": "from_entity", "entity": slot}]:
                condition = {"active_loop": form}
                if mapping.get("type") not in _ANYTIME:
                    condition["requested_slot"] = slot
                known = found.setdefault(slot, [])
                same = next((each for each in known if _bare(each) == dict(mapping)), None)
                if same is None:
                    known.append({**mapping, "conditions": [condition]})
                else:
                    same["conditions"].append(condition)
    return found


def _bare(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != "conditions"}


def _required(given: Any) -> list[tuple[str, list[Any]]]:
    """A form's slots with their mappings; of Rasa 3 it has a list of names alone."""
    slots = given.get("required_slots", given) if isinstance(given, Mapping) else {}
    if not isinstance(slots, Mapping):
        return []
    return [(str(name), list(each or ())) for name, each in slots.items() if name != "ignored_intents"]


def _mapped(form: tuple[str, Any]) -> bool:
    return any(isinstance(each, Mapping) for _, mappings in _required(form[1]) for each in mappings)


def _form(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        return {"required_slots": []}
    listed = given.get("required_slots")
    names = list(map(str, listed)) if isinstance(listed, list) else [name for name, _ in _required(given)]
    ignored = {"ignored_intents": given["ignored_intents"]} if given.get("ignored_intents") else {}
    return {"required_slots": names, **ignored}


def _intent(item: Any) -> Any:
    """`- restart: {triggers: action_restart}` is a rule's work now."""
    if not isinstance(item, Mapping) or len(item) != 1:
        return item
    ((name, given),) = item.items()
    kept = {key: value for key, value in (given or {}).items() if key != "triggers"}
    return {name: kept} if kept else name


def triggers(data: Mapping[str, Any]) -> dict[str, str]:
    """What MappingPolicy did: intent -> the action that it triggers."""
    return {
        str(name): str(given["triggers"])
        for item in data.get("intents") or ()
        if isinstance(item, Mapping)
        for name, given in item.items()
        if (given or {}).get("triggers")
    }


def _items(given: Any) -> list[tuple[str, Any]]:
    """`{form: {...}}`, or of Rasa 1 `[form, ...]`."""
    if isinstance(given, Mapping):
        return [(str(name), each) for name, each in given.items()]
    return [(name, None) for name in _names(given)]


def _names(items: Any) -> list[str]:
    return [str(name) for item in items or () for name in (item if isinstance(item, Mapping) else (item,))]
