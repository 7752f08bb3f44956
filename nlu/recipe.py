"""`config.yml` -> the steps of the pipeline: Rasa's component names, defaults and the check before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from config.source import BadProject, Loc, Problem, Source, Strict, check, did_you_mean, read_yaml
from nlu.augment import Augmentation
from nlu.component import COMPONENTS
from nlu.fallback import AUTO, FallbackOptions
from nlu.gazetteer import RuleOptions

STANDS_FOR: Mapping[str, tuple[str, ...]] = {
    "SpacyTokenizer": ("JiebaTokenizer",),
    "MitieTokenizer": ("JiebaTokenizer",),
    "LanguageModelTokenizer": ("JiebaTokenizer",),
    "ConveRTTokenizer": ("JiebaTokenizer",),
    "SpacyNLP": (),
    "MitieNLP": (),
    "HFTransformersNLP": (),
    "RegexFeaturizer": (),
    "LexicalSyntacticFeaturizer": (),
    "CountVectorsFeaturizer": ("TfidfFeaturizer",),
    "SpacyFeaturizer": ("SentenceEncoder",),
    "MitieFeaturizer": ("SentenceEncoder",),
    "ConveRTFeaturizer": ("SentenceEncoder",),
    "LanguageModelFeaturizer": ("SentenceEncoder",),
    "DIETClassifier": ("LinearIntentClassifier", "LookupEntityExtractor", "CrfEntityExtractor"),
    "LogisticRegressionClassifier": ("LinearIntentClassifier",),
    "SklearnIntentClassifier": ("LinearIntentClassifier",),
    "MitieIntentClassifier": ("LinearIntentClassifier",),
    "KeywordIntentClassifier": ("LinearIntentClassifier",),
    "CRFEntityExtractor": ("LookupEntityExtractor", "CrfEntityExtractor"),
    "SpacyEntityExtractor": ("LookupEntityExtractor", "CrfEntityExtractor"),
    "MitieEntityExtractor": ("LookupEntityExtractor", "CrfEntityExtractor"),
    "DucklingEntityExtractor": ("RuleEntityExtractor",),
    "DucklingHTTPExtractor": ("RuleEntityExtractor",),
    "ResponseSelector": ("FaqRetriever",),
}
"""Rasa's components that have another name here; `WhitespaceTokenizer` is jieba where the language is Chinese."""

KEPT_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "DucklingEntityExtractor": ("dimensions",),
    "DucklingHTTPExtractor": ("dimensions",),
    "ResponseSelector": ("retrieval_intent", "threshold"),
}
IGNORED_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "JiebaTokenizer": ("intent_tokenization_flag", "intent_split_symbol", "token_pattern", "prefix_separator_symbol"),
    "WhitespaceTokenizer": ("intent_tokenization_flag", "intent_split_symbol", "token_pattern"),
    "FallbackClassifier": (),
}
"""Options that Rasa's component of the same name has and ours need not."""

DEFAULT = (
    "Normalizer",
    "JiebaTokenizer",
    "TfidfFeaturizer",
    "SentenceEncoder",
    "MoodAnalyzer",
    "LinearIntentClassifier",
    "RegexEntityExtractor",
    "LookupEntityExtractor",
    "CrfEntityExtractor",
    "RuleEntityExtractor",
    "EntitySynonymMapper",
    "FaqRetriever",
    "FallbackClassifier",
    "ClauseSplitter",
)


NO_AUGMENTATION = Augmentation(copies=0)


@dataclass(frozen=True, slots=True)
class Step:
    """One component to be, with checked options. `rasa` is the name that the author wrote, where it differs."""

    name: str
    options: Strict
    line: int = 1
    rasa: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A checked pipeline. `warnings` say what of the author's list is done otherwise or left out."""

    language: str
    steps: tuple[Step, ...]
    warnings: tuple[Problem, ...] = ()
    augmentation: Augmentation = NO_AUGMENTATION

    def table(self) -> str:
        """What stands for what, a line per component that the author named as Rasa does."""
        pairs = [(step.rasa, step.name) for step in self.steps if step.rasa]
        width = max((len(rasa) for rasa, _ in pairs), default=0)
        return "\n".join(f"{rasa:<{width}} -> {name}" for rasa, name in pairs)


def read_recipe(project: Path) -> Recipe:
    """The pipeline of `config.yml`; without the file, or without a `pipeline`, the default for Chinese."""
    path = project / "config.yml"
    if not path.is_file():
        return plan(Source(path, {}, {}))
    return plan(read_yaml(path))


def plan(source: Source) -> Recipe:
    """Raises `BadProject` for a component that is unknown, misconfigured, or lacks what it needs."""
    config = source.data or {}
    if not isinstance(config, dict):
        raise BadProject(source.problem((), "settings are expected here", "write e.g. 'language: zh' on its own line"))
    language = str(config.get("language") or "zh")
    wanted = "augmentation" in config
    augmentation = check(source, Augmentation, ("augmentation",)) if wanted else NO_AUGMENTATION
    listed = config.get("pipeline")
    if listed is None:
        steps = tuple(Step(name, COMPONENTS[name].options()) for name in DEFAULT)
        return Recipe(language, steps, augmentation=augmentation)
    if not isinstance(listed, list):
        raise BadProject(source.problem(("pipeline",), "'pipeline' must be a list", "write '- name: …' lines"))
    planning = _Planning(source, language)
    for i, item in enumerate(listed):
        planning.item(("pipeline", i), item)
    planning.find_lookups()
    if planning.foreign:
        planning.complete()
    else:
        planning.put("Normalizer", NO_OPTIONS, 1, "", first=True)
        planning.check_needs()
    if planning.problems:
        raise BadProject(planning.problems)
    if not any("intent" in COMPONENTS[step.name].assigns for step in planning.steps):
        what, mend = "no component tells intents", "add '- name: LinearIntentClassifier'"
        planning.warnings.append(source.problem(("pipeline",), what, mend))
    return Recipe(language, tuple(planning.steps), tuple(planning.warnings), augmentation)


NO_OPTIONS: Mapping[str, Any] = {}


class _Planning:
    """The list as far as it is read. `foreign`: a name of Rasa's or a custom one was in it."""

    def __init__(self, source: Source, language: str) -> None:
        self.source = source
        self.chinese = language.lower().startswith("zh")
        self.steps: list[Step] = []
        self.warnings: list[Problem] = []
        self.problems: list[Problem] = []
        self.foreign = False

    def item(self, loc: Loc, item: Any) -> None:
        name = item.get("name") if isinstance(item, dict) else item
        if not isinstance(name, str):
            self.problems.append(self.source.problem(loc, "a component is expected here", "write '- name: …'"))
            return
        given = {key: value for key, value in item.items() if key != "name"} if isinstance(item, dict) else {}
        short = name.rpartition(".")[2]
        line = self.source.line(loc)
        if name == "WhitespaceTokenizer" and self.chinese:
            self._instead(name, ("JiebaTokenizer",), {}, line)
        elif name in COMPONENTS:
            ignored = IGNORED_OPTIONS.get(name, ())
            self._own(loc, name, {key: value for key, value in given.items() if key not in ignored})
        elif short in STANDS_FOR and (name == short or name.startswith("rasa")):
            kept = {key: given[key] for key in KEPT_OPTIONS.get(short, ()) if given.get(key) is not None}
            self._instead(short, STANDS_FOR[short], kept, line)
        elif "." in name:
            self.foreign = True
            what = f"the custom component '{name}' is left out"
            self.warnings.append(self.source.problem(loc, what, "built-in components do its work"))
        else:
            what = f"unknown component '{name}'"
            self.problems.append(self.source.problem(loc, what, did_you_mean(name, (*COMPONENTS, *STANDS_FOR))))

    def _own(self, loc: Loc, name: str, given: Mapping[str, Any]) -> None:
        try:
            options = check(Source(self.source.path, given, self._under(loc)), COMPONENTS[name].options)
        except BadProject as bad:
            self.problems.extend(bad.problems)
            return
        self._add(Step(name, options, self.source.line(loc)))

    def _under(self, loc: Loc) -> dict[Loc, int]:
        size = len(loc)
        return {path[size:]: line for path, line in self.source.lines.items() if path[:size] == loc}

    def _instead(self, rasa: str, names: Sequence[str], given: Mapping[str, Any], line: int) -> None:
        self.foreign = True
        for name in names:
            self.put(name, given, line, rasa)

    def put(self, name: str, given: Mapping[str, Any], line: int, rasa: str, *, first: bool = False) -> None:
        if any(step.name == name for step in self.steps):
            return
        try:
            options = COMPONENTS[name].options.model_validate(given)
        except ValueError as error:
            what = f"{rasa or name}: {error}".replace("\n", " ")
            self.problems.append(Problem(str(self.source.path), line, what))
            return
        self.steps.insert(0 if first else len(self.steps), Step(name, options, line, rasa))

    def _add(self, step: Step) -> None:
        if any(other.name == step.name for other in self.steps):
            what = f"'{step.name}' is written twice"
            self.problems.append(Problem(str(self.source.path), step.line, what, "keep one"))
            return
        self.steps.append(step)

    def find_lookups(self) -> None:
        """Rasa's RegexEntityExtractor finds lookup tables as well; here that is another component's work."""
        regex = next((step for step in self.steps if step.name == "RegexEntityExtractor"), None)
        if regex is not None and getattr(regex.options, "use_lookup_tables", False):
            self.put("LookupEntityExtractor", {"from_examples": False}, regex.line, "RegexEntityExtractor")

    def complete(self) -> None:
        """A pipeline of another system: in our order, with what its components need and did not name here."""
        tokenizer = "JiebaTokenizer" if self.chinese else "WhitespaceTokenizer"
        # whoever names our own classifier knows what its confidence means, and what he wants
        telling = [step for step in self.steps if "intent" in COMPONENTS[step.name].assigns]
        if all(step.rasa for step in telling):
            self._rescale()
            if self.chinese and not self.source.data.get("rasa_exact"):
                self._better()
        if not telling:
            self.put("LinearIntentClassifier", NO_OPTIONS, 1, "")
            what, mend = "no component tells intents: LinearIntentClassifier does", "name a classifier"
            self.warnings.append(self.source.problem(("pipeline",), what, mend))
        self.put("Normalizer", NO_OPTIONS, 1, "")
        if not any(step.name.endswith("Tokenizer") for step in self.steps):
            self.put(tokenizer, NO_OPTIONS, 1, "")
        needed = {field for step in self.steps for field in COMPONENTS[step.name].requires}
        if "features" in needed:
            self.put("TfidfFeaturizer", NO_OPTIONS, 1, "")
        order = [*DEFAULT]
        order.insert(2, "WhitespaceTokenizer")
        place = order.index("LinearIntentClassifier") + 1
        order[place:place] = ["DistilledIntentClassifier", "JointTransformer"]
        self.steps.sort(key=lambda step: order.index(step.name))
        self.check_needs()

    def _better(self) -> None:
        """What the dialogue does better than Rasa lives on these."""
        self.put("RuleEntityExtractor", NO_OPTIONS, 1, "")
        self.put("ClauseSplitter", NO_OPTIONS, 1, "")
        for i, step in enumerate(self.steps):
            given = step.options
            if isinstance(given, RuleOptions) and given.dimensions and "invalid" not in given.dimensions:
                more = given.model_copy(update={"dimensions": (*given.dimensions, "invalid")})
                self.steps[i] = replace(step, options=more)

    def _rescale(self) -> None:
        """DIET is sure of nearly everything, and thresholds of 0.7 are written for it; our confidence is the chance to
        be right."""
        for i, step in enumerate(self.steps):
            given = step.options
            if isinstance(given, FallbackOptions) and isinstance(given.threshold, float):
                read = given.model_copy(update={"threshold": AUTO, "diet_threshold": given.threshold})
                self.steps[i] = replace(step, options=read)
                what = f"the threshold {given.threshold} is read on the scale of DIET's confidence"
                mend = "name our components if it is meant as the chance to be right"
                self.warnings.append(Problem(str(self.source.path), step.line, what, mend))

    def check_needs(self) -> None:
        given: set[str] = set()
        for step in self.steps:
            component = COMPONENTS[step.name]
            for field in sorted(component.requires - given):
                makers = sorted(name for name, other in COMPONENTS.items() if field in other.assigns)
                what = f"'{step.name}' needs {field}, which nothing above it gives"
                mend = f"put one of these above it: {', '.join(makers)}"
                self.problems.append(Problem(str(self.source.path), step.line, what, mend))
            given |= component.assigns
