"""`/version`, `/status`, `/domain` and `/model…` of Rasa's HTTP API: which model thinks, what it makes of a text, and
another one in its place.

A model file is a whole bot: its YAML and what was learned from it, as one `.tar.gz`.
"""

from __future__ import annotations

import asyncio
import re
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from bot.web.rasa.answers import VERSION, Refusal, answer, bad, body_of, whole
from bot.web.rasa.auth import Auth
from bot.web.site import Site
from bot.work import Bot
from config.source import BadProject, Source, parse_yaml
from flows.mixed import domain_of, load_dialogues, rasa_of
from flows.rasa.parsing import parse_data
from flows.rasa.policies.ensemble import predict
from flows.rasa.stories import stories_of
from flows.rasa.testing import run_tests
from flows.rasa.tracker import Tracker
from nlu.data import Example, collect
from nlu.meaning import Meaning
from nlu.model import latest
from nlu.training import train_apart

CONFIG_KEYS = ("recipe", "language", "pipeline", "policies", "assistant_id", "rasa_exact")
DATA_KEYS = ("nlu", "stories", "rules")
_NAME = re.compile(r"[\w.\-]+\.tar\.gz")


@dataclass
class Models:
    """`load(project)` gives the bot in a folder, `swap` makes it think from the next turn on."""

    site: Site
    bot: Callable[[], Bot]
    auth: Auth
    project: Path
    load: Callable[[Path], Bot]
    swap: Callable[[Bot], None]
    training: int = 0
    file: str = ""
    """The model file that was loaded last; empty: the project's own model."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/version", self.version),
            web.get("/status", self.auth.guarded(self.status)),
            web.get("/domain", self.auth.guarded(self.domain)),
            web.post("/model/parse", self.auth.guarded(self.parse)),
            web.post("/model/train", self.auth.guarded(self.train)),
            web.post("/model/predict", self.auth.guarded(self.predict)),
            web.post("/model/test/intents", self.auth.guarded(self.test_intents)),
            web.post("/model/test/stories", self.auth.guarded(self.test_stories)),
            web.put("/model", self.auth.guarded(self.replace)),
            web.delete("/model", self.auth.guarded(self.forget)),
        ]

    @property
    def folder(self) -> Path:
        """Where model files lie."""
        return self.project / ".yingda" / "model-files"

    async def version(self, request: web.Request) -> web.Response:
        return answer({"version": VERSION, "minimum_compatible_version": VERSION})

    async def status(self, request: web.Request) -> web.Response:
        version = self.bot().version
        return answer(
            {
                "model_file": self.file or f"{version}.tar.gz",
                "model_id": version,
                "num_active_training_jobs": self.training,
            }
        )

    async def domain(self, request: web.Request) -> web.Response:
        rasa = rasa_of(self.bot().engine)
        if rasa is None:
            raise Refusal(409, "Conflict", "This bot is written in flows: it has no stories, rules or forms.")
        accept = request.headers.get("Accept", "application/json")
        if "yaml" in accept:
            text = yaml.safe_dump(dict(rasa.domain.raw), allow_unicode=True, sort_keys=False)
            return web.Response(text=text, content_type="application/x-yaml")
        if "json" not in accept and "*/*" not in accept:
            told = f"Invalid Accept header. Domain can be provided as json or yaml, not as {accept}."
            raise Refusal(406, "NotAcceptable", told)
        return answer(rasa.domain.raw)

    async def parse(self, request: web.Request) -> web.Response:
        """What a text means. A body without `text` is an error of 500, as in Rasa."""
        given = await body_of(request)
        if not given and not isinstance(given, dict):
            told = "Add text message to request body in order to obtain the intent and extracted entities."
            raise bad(f"No text message defined in request_body. {told}")
        if not isinstance(given, dict) or not isinstance(given.get("text"), str):
            raise Refusal(500, "ParsingError", "An unexpected error occurred. Error: 'text'")
        bot = self.bot()
        at = datetime.fromtimestamp(self.site.clock(), bot.timezone)
        meaning = await asyncio.to_thread(bot.parse, given["text"], at)
        return answer({"text": given["text"], **parse_data(meaning, domain_of(bot.engine))})

    async def predict(self, request: web.Request) -> web.Response:
        """The next action after a list of events."""
        told = await body_of(request)
        rasa = rasa_of(self.bot().engine)
        if rasa is None or not isinstance(told, list):
            raise bad("A list of events is expected.")
        tracker = Tracker("default", rasa.domain.initial, told)
        said = predict(rasa.policies, tracker, rasa.domain)
        scores = dict.fromkeys(rasa.domain.actions, 0.0) | dict(said.scores) | {said.action: said.confidence}
        ranked = [{"action": name, "score": score} for name, score in sorted(scores.items(), key=lambda one: -one[1])]
        tail = {"policy": said.policy or None, "confidence": said.confidence, "tracker": tracker.state()}
        return answer({"scores": ranked, **tail})

    # --- training and testing

    async def train(self, request: web.Request) -> web.StreamResponse:
        """Learn from a YAML body that has config, domain and data in one; the answer is the model file."""
        source = await _yaml(request)
        callback = request.query.get("callback_url", "")
        if callback:
            task = asyncio.create_task(self._tell(source, callback))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return web.Response(status=204)
        path = await self._trained(source)
        return web.FileResponse(path, headers={"filename": path.name, "Content-Type": "application/gzip"})

    async def _tell(self, source: Source, url: str) -> None:
        with suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session:
                try:
                    path = await self._trained(source)
                    await session.post(url, data=path.read_bytes(), headers={"filename": path.name})
                except Refusal as refusal:
                    await session.post(url, data=refusal.response().body)

    async def _trained(self, source: Source) -> Path:
        self.training += 1
        try:
            return await asyncio.to_thread(self._train, source)
        finally:
            self.training -= 1

    def _train(self, source: Source) -> Path:
        with tempfile.TemporaryDirectory(prefix="yingda-train-") as name:
            project = Path(name)
            _write(project, source.data)
            try:
                train_apart(project, lambda phase, fraction: None)
                load_dialogues(project, "UTC")
            except BadProject as wrong:
                told = "; ".join(str(problem).replace(f"{name}/", "") for problem in wrong.problems)
                raise Refusal(500, "TrainingError", f"An unexpected error occurred during training. {told}") from None
            self.folder.mkdir(parents=True, exist_ok=True)
            version = latest(project)
            path = self.folder / f"{version.name if version else 'model'}.tar.gz"
            with tarfile.open(path, "w:gz") as archive:
                archive.add(project, arcname=".")
            return path

    async def test_intents(self, request: web.Request) -> web.Response:
        """How well the model understands sentences of nlu.yml's format."""
        data = collect([await _yaml(request)])
        bot = self.bot()
        now = datetime.fromtimestamp(self.site.clock(), bot.timezone)
        report = await asyncio.to_thread(_intents_report, data.examples, lambda text: bot.parse(text, now))
        return answer({"intent_evaluation": report, "entity_evaluation": None, "response_selection_evaluation": None})

    async def test_stories(self, request: web.Request) -> web.Response:
        source = await _yaml(request)
        rasa = rasa_of(self.bot().engine)
        if rasa is None:
            raise Refusal(409, "Conflict", "This bot is written in flows: it has no stories, rules or forms.")
        try:
            stories = stories_of(source)
        except BadProject as wrong:
            raise bad(str(wrong)) from None
        bot = self.bot()
        now = datetime.fromtimestamp(self.site.clock(), bot.timezone)
        by_text = request.query.get("e2e", "").lower() == "true"
        parse = (lambda text: bot.parse(text, now)) if by_text else None
        report = await asyncio.to_thread(run_tests, rasa, stories, parse)
        told = report.to_dict()
        return answer(
            {
                "accuracy": told["action_accuracy"],
                "actions": told["actions"],
                "conversation_accuracy": {
                    "accuracy": told["conversation_accuracy"],
                    "correct": told["passed"],
                    "total": told["conversations"],
                },
                "failed": told["failed"],
                "is_end_to_end_evaluation": by_text,
            }
        )

    # --- another model

    async def replace(self, request: web.Request) -> web.Response:
        """`{"model_file": …}`: a file that training has given, by its name or path."""
        given = await body_of(request)
        name = str((given or {}).get("model_file") or "") if isinstance(given, dict) else ""
        if not name:
            raise bad("Name a 'model_file'; model servers and remote storage are not served.", "model_file")
        path = self.folder / Path(name).name
        if not _NAME.fullmatch(path.name) or not path.is_file():
            raise bad(f"Agent with name '{name}' could not be loaded.", "model", "query")
        try:
            self.swap(await asyncio.to_thread(self._loaded, path))
        except (BadProject, tarfile.TarError, OSError):
            raise bad(f"Agent with name '{name}' could not be loaded.", "model", "query") from None
        self.file = path.name
        return web.Response(status=204)

    def _loaded(self, path: Path) -> Bot:
        folder = self.folder / path.name.removesuffix(".tar.gz")
        if not folder.is_dir():
            draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.folder))
            with tarfile.open(path) as archive:
                archive.extractall(draft, filter="data")
            draft.rename(folder)
        return self.load(folder)

    async def forget(self, request: web.Request) -> web.Response:
        """Back to the project's own model."""
        self.swap(await asyncio.to_thread(self.load, self.project))
        self.file = ""
        return web.Response(status=204)


def _intents_report(examples: Sequence[Example], parse: Callable[[str], Meaning]) -> dict[str, Any]:
    """Rasa's intent evaluation: scikit-learn's report, and each sentence."""
    from sklearn.metrics import classification_report, precision_recall_fscore_support  # noqa: PLC0415 - heavy

    read = [(example, parse(example.text)) for example in examples]
    wanted, found = [example.label for example, _ in read], [meaning.intent for _, meaning in read]
    report = _as_rasa(classification_report(wanted, found, output_dict=True, zero_division=0), wanted, found)
    precision, _, f1, _ = precision_recall_fscore_support(wanted, found, average="weighted", zero_division=0)
    said = [
        {
            "text": example.text,
            "intent": example.label,
            "predicted": meaning.intent,
            "confidence": meaning.confidence,
        }
        for example, meaning in read
    ]
    right = sum(one == other for one, other in zip(wanted, found, strict=True))
    return {
        "predictions": said,
        "report": report,
        "precision": float(precision),
        "f1_score": float(f1),
        "accuracy": right / len(read) if read else 0.0,
        "errors": [one for one in said if one["intent"] != one["predicted"]],
    }


def _as_rasa(report: dict[str, Any], wanted: Sequence[str], found: Sequence[str]) -> dict[str, Any]:
    """The report with what each intent was taken for instead, and the average over all sentences."""
    accuracy = report.get("accuracy", 0.0)
    shown: dict[str, Any] = {}
    for name, each in report.items():
        shown[name] = each if not isinstance(each, dict) else {**each, "support": int(each["support"])}
        if isinstance(each, dict) and name in wanted:
            wrong = Counter(other for one, other in zip(wanted, found, strict=True) if one == name != other)
            shown[name]["confused_with"] = dict(wrong)
    average = {"precision": accuracy, "recall": accuracy, "f1-score": accuracy, "support": len(wanted)}
    return {**shown, "micro avg": average}


async def _yaml(request: web.Request) -> Source:
    raw = await whole(request)
    try:
        source = parse_yaml(raw.decode(), Path("request"))
    except (BadProject, UnicodeDecodeError) as error:
        docs = "https://rasa.com/docs/rasa/training-data-format"
        message = f"The request body does not contain valid YAML. Error: {error}"
        raise Refusal(400, "BadRequest", message, help=docs) from None
    if not isinstance(source.data, dict) or not source.data:
        raise Refusal(500, "TrainingError", "Ran training, but it finished without a trained model.")
    return source


def _write(project: Path, data: Mapping[str, Any]) -> None:
    """The parts of one YAML document as the files of a project."""
    version = {"version": str(data.get("version") or "3.1")}
    config = {key: data[key] for key in CONFIG_KEYS if key in data}
    domain = {key: value for key, value in data.items() if key not in (*CONFIG_KEYS, *DATA_KEYS, "version")}
    (project / "data").mkdir()
    for path, part in (
        (project / "config.yml", config),
        (project / "domain.yml", {**version, **domain}),
        *((project / "data" / f"{key}.yml", {**version, key: data[key]}) for key in DATA_KEYS if key in data),
    ):
        path.write_text(yaml.safe_dump(part, allow_unicode=True, sort_keys=False), "utf-8")
