"""The policies of a project: which ones config.yml wants, trained on its stories, kept for the next start."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.message import plain
from config.source import BadProject, Problem, Source, did_you_mean, read_yaml
from flows.rasa.domain import RasaDomain
from flows.rasa.policies.learned import LearnedPolicy
from flows.rasa.policies.memoization import MemoizationPolicy
from flows.rasa.policies.policy import Policy
from flows.rasa.policies.rules import RulePolicy, from_json, to_json
from flows.rasa.policies.unlikely import UnlikelyIntentPolicy
from flows.rasa.states import RuleOnly
from flows.rasa.stories import Story, Told, unroll

SCHEMA = 1
DEFAULT = ("MemoizationPolicy", "RulePolicy", "UnexpecTEDIntentPolicy", "TEDPolicy")
"""Where config.yml names none, as Rasa has it."""
STANDS_FOR: Mapping[str, str] = {
    "RulePolicy": "RulePolicy",
    "MemoizationPolicy": "MemoizationPolicy",
    "AugmentedMemoizationPolicy": "AugmentedMemoizationPolicy",
    "TEDPolicy": "TEDPolicy",
    "KerasPolicy": "TEDPolicy",
    "EmbeddingPolicy": "TEDPolicy",
    "SklearnPolicy": "TEDPolicy",
    "UnexpecTEDIntentPolicy": "UnexpecTEDIntentPolicy",
    "FallbackPolicy": "RulePolicy",
    "TwoStageFallbackPolicy": "RulePolicy",
    "MappingPolicy": "RulePolicy",
    "FormPolicy": "RulePolicy",
}
"""Rasa's policies, also those of 1.x, and which of ours does their work."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One policy of config.yml."""

    name: str
    settings: Mapping[str, Any]
    line: int = 1


def read_policies(project: Path) -> tuple[list[Wanted], list[Problem]]:
    """The policies that config.yml lists, and what is done otherwise than it says. Raises `BadProject`."""
    path = project / "config.yml"
    source = read_yaml(path) if path.is_file() else Source(path, {}, {})
    listed = (source.data or {}).get("policies")
    if not listed:
        return [Wanted(name, {"max_history": 5} if name == "TEDPolicy" else {}) for name in DEFAULT], []
    wanted: list[Wanted] = []
    warnings: list[Problem] = []
    problems: list[Problem] = []
    for i, item in enumerate(listed):
        name = str((item.get("name") if isinstance(item, dict) else item) or "")
        settings = {key: value for key, value in item.items() if key != "name"} if isinstance(item, dict) else {}
        short = name.rpartition(".")[2]
        if short in STANDS_FOR and (short == name or name.startswith("rasa")):
            if STANDS_FOR[short] != short:
                what = f"the policy '{short}' of an older Rasa is served by {STANDS_FOR[short]}"
                warnings.append(source.problem(("policies", i), what, "name that one"))
            wanted.append(Wanted(STANDS_FOR[short], settings, source.line(("policies", i))))
        elif "." in name:
            what = f"the custom policy '{name}' is left out"
            warnings.append(source.problem(("policies", i), what, "built-in policies do its work"))
        else:
            what = f"unknown policy '{name}'"
            problems.append(source.problem(("policies", i), what, did_you_mean(name, STANDS_FOR)))
    if problems:
        raise BadProject(problems)
    return list({each.name: each for each in reversed(wanted)}.values())[::-1], warnings


def load_policies(
    project: Path, domain: RasaDomain, stories: Sequence[Story], wanted: Sequence[Wanted]
) -> tuple[Policy, ...]:
    """The trained policies: from the project's cache, where the same stories and domain were learned before."""
    told = unroll(stories)
    folder = project / ".yingda" / "cache" / f"policies-{_fingerprint(domain, stories, wanted)}"
    try:
        return _loaded(folder, told, domain, wanted)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    policies = train_policies(told, domain, wanted)
    _save(folder, policies)
    return policies


def train_policies(told: Sequence[Told], domain: RasaDomain, wanted: Sequence[Wanted]) -> tuple[Policy, ...]:
    """In the order of config.yml."""
    settings = {each.name: each.settings for each in wanted}
    rules = RulePolicy.train(told, domain, **_of_rules(settings.get("RulePolicy", {})))
    learned = LearnedPolicy.train(told, domain, **_of_learned(settings.get("TEDPolicy", {})), only=rules.only)
    return _assemble(told, domain, wanted, rules, learned if "TEDPolicy" in settings else None)


def _assemble(
    told: Sequence[Told],
    domain: RasaDomain,
    wanted: Sequence[Wanted],
    rules: RulePolicy,
    learned: LearnedPolicy | None,
) -> tuple[Policy, ...]:
    found: list[Policy] = []
    for each in wanted:
        match each.name:
            case "RulePolicy":
                found.append(rules)
            case "TEDPolicy" if learned is not None:
                found.append(learned)
            case "UnexpecTEDIntentPolicy":
                ignored = frozenset(map(str, each.settings.get("ignore_intents_list") or ()))
                found.append(UnlikelyIntentPolicy.train(told, domain, ignored=ignored, only=rules.only))
            case "MemoizationPolicy" | "AugmentedMemoizationPolicy":
                found.append(_memoization(each, told, domain, rules.only))
    if not any(isinstance(policy, RulePolicy) for policy in found):
        # forms and Rasa's default actions are its work
        found.append(rules)
    return tuple(found)


def _memoization(each: Wanted, told: Sequence[Told], domain: RasaDomain, only: RuleOnly) -> MemoizationPolicy:
    given = each.settings
    return MemoizationPolicy.train(
        told,
        domain,
        max_history=_whole(given.get("max_history")),
        augmented=each.name.startswith("Augmented"),
        priority=int(given.get("priority") or 3),
        only=only,
        confidence_of_intent=bool(given.get("use_nlu_confidence_as_score", False)),
    )


def _of_rules(given: Mapping[str, Any]) -> dict[str, Any]:
    threshold = given.get("core_fallback_threshold", given.get("core_threshold"))
    return {
        "priority": int(given.get("priority") or 4),
        "fallback_action": str(given.get("core_fallback_action_name") or "action_default_fallback"),
        "fallback_threshold": 0.3 if threshold is None else float(threshold),
        "fallback": bool(given.get("enable_fallback_prediction", True)),
    }


def _of_learned(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"max_history": _whole(given.get("max_history")), "priority": int(given.get("priority") or 1)}


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _fingerprint(domain: RasaDomain, stories: Iterable[Story], wanted: Sequence[Wanted]) -> str:
    parts = [SCHEMA, domain.raw, [plain(story.steps) for story in stories], [plain(each) for each in wanted]]
    parts += [[(s.name, s.is_rule, s.conversation_start, s.waits, [plain(c) for c in s.conditions]) for s in stories]]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _loaded(folder: Path, told: Sequence[Told], domain: RasaDomain, wanted: Sequence[Wanted]) -> tuple[Policy, ...]:
    settings = {each.name: each.settings for each in wanted}
    kept = json.loads((folder / "rules.json").read_text("utf-8"))
    rules = from_json(kept, **_of_rules(settings.get("RulePolicy", {})))
    learned = None
    if (folder / "learned.json").is_file():
        priority = _of_learned(settings.get("TEDPolicy", {}))["priority"]
        learned = LearnedPolicy.load(folder, priority=priority, only=rules.only)
    return _assemble(told, domain, wanted, rules, learned)


def _save(folder: Path, policies: Sequence[Policy]) -> None:
    """All of it or nothing; older ones are forgotten."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
    try:
        for policy in policies:
            if isinstance(policy, LearnedPolicy):
                policy.save(draft)
            if isinstance(policy, RulePolicy):
                (draft / "rules.json").write_text(json.dumps(to_json(policy), ensure_ascii=False), "utf-8")
        for old in folder.parent.glob("policies-*"):
            shutil.rmtree(old, ignore_errors=True)
        os.replace(draft, folder)
    except OSError:
        shutil.rmtree(
            draft, ignore_errors=True
        )  # another process was quicker, or the disk is full: learn again next time
