"""Policies that Rasa 2 and 3 have no longer, as RulePolicy, FallbackClassifier and rules.

https://rasa.com/docs/rasa/migration-guide#policies
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OLD = ("FallbackPolicy", "TwoStageFallbackPolicy", "MappingPolicy", "FormPolicy")
RENAMED: Mapping[str, str] = {"KerasPolicy": "TEDPolicy", "EmbeddingPolicy": "TEDPolicy", "SklearnPolicy": "TEDPolicy"}
Rule = dict[str, Any]


def upgrade_config(data: Mapping[str, Any]) -> tuple[dict[str, Any], list[Rule]]:
    """The config, and the rules that do what its old policies did."""
    policies = [each if isinstance(each, Mapping) else {"name": each} for each in data.get("policies") or ()]
    old = {str(each["name"]): each for each in policies if each["name"] in OLD}
    kept = [{**each, "name": RENAMED.get(each["name"], each["name"])} for each in policies if each["name"] not in OLD]
    if not old:
        return {**data, "policies": kept} if policies else dict(data), []
    fallback = old.get("TwoStageFallbackPolicy") or old.get("FallbackPolicy")
    rules = next((each for each in kept if each["name"] == "RulePolicy"), None)
    if rules is None:
        kept.append(rules := {"name": "RulePolicy"})
    made = {**data, "policies": kept}
    if fallback is None:
        return made, []
    rules |= _core(fallback)
    made["pipeline"] = [*(data.get("pipeline") or ()), _classifier(fallback)]
    return made, [_rule(fallback)]


def _core(fallback: Mapping[str, Any]) -> dict[str, Any]:
    action = fallback.get("fallback_action_name") or fallback.get("fallback_core_action_name")
    return {
        "core_fallback_threshold": fallback.get("core_threshold", 0.3),
        "core_fallback_action_name": action or "action_default_fallback",
    }


def _classifier(fallback: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": "FallbackClassifier",
        "threshold": fallback.get("nlu_threshold", 0.3),
        "ambiguity_threshold": fallback.get("ambiguity_threshold", 0.1),
    }


def _rule(fallback: Mapping[str, Any]) -> Rule:
    steps: list[dict[str, Any]] = [{"intent": "nlu_fallback"}]
    if fallback["name"] == "TwoStageFallbackPolicy":
        steps += [{"action": "action_two_stage_fallback"}, {"active_loop": "action_two_stage_fallback"}]
    else:
        action = fallback.get("fallback_action_name") or "action_default_fallback"
        steps.append({"action": action})
    return {"rule": "what is not understood", "steps": steps}


def rules_of(triggers: Mapping[str, str]) -> list[Rule]:
    """What MappingPolicy did."""
    return [
        {"rule": f"{intent} triggers {action}", "steps": [{"intent": intent}, {"action": action}]}
        for intent, action in triggers.items()
    ]
