"""Fine-tuning from the training texts to a folder that `reading` opens. torch is used here and below alone."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.encoders.bert_onnx import quantise
from nlu.encoders.settings import Settings
from nlu.encoders.torch_model import open_model, tokenizer_of, write_exact
from nlu.joint.course import Course, Standing, told_by
from nlu.joint.network import IGNORED, Lesson, Network, network
from nlu.joint.options import FineTuning
from nlu.joint.pieces import crossed, cut_singly, label_names, pieces
from nlu.joint.reading import Heads, Reader
from nlu.linear import folds

FEW = 20
"""Below so many examples of an intent, in the median, the contrastive epochs come first."""
MANY = 2000
"""From so many examples on the held-out ones are not missed, and training a second time is long."""
HELD_OUT = 5
"""One text in so many is held out to judge the epochs."""
CONTRASTIVE_EPOCHS = 2
AGREEMENT = 0.99
COMPARED = 1000
"""So many texts are read in both forms before one is chosen."""
CACHED = 3
VERSION = 2
"""Raised where the same data and options give another network than before."""
_SEARCH = 0.6
"""The share of the time that the search for the best epoch takes, where everything is trained again after it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """What is learned: normalised `texts`, the number of each one's intent, and the label of each of its characters."""

    texts: Sequence[str]
    intents: NDArray[np.intp]
    labels: Sequence[Sequence[str]]
    classes: int

    def fingerprint(self, checkpoint: Path, options: FineTuning) -> str:
        """Of all that the network depends on."""
        digest = hashlib.sha256()
        for name in ("config.json", "tokenizer.json", "model.safetensors", "pytorch_model.bin"):
            if (checkpoint / name).is_file():
                with (checkpoint / name).open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        told = [
            VERSION,
            self.texts,
            self.intents.tolist(),
            self.labels,
            self.classes,
            options.model_dump(include={*FineTuning.model_fields}),
        ]
        digest.update(json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """`known`: the scores of the held-out texts (n, intents), `intents` theirs, by a network that had not seen them."""

    reader: Reader
    known: NDArray[np.float64] = field(repr=False)
    intents: NDArray[np.intp] = field(repr=False)
    measured: dict[str, Any]


def learn(
    material: Lessons, checkpoint: Path, cache: Path, options: FineTuning, report: Callable[[float], None]
) -> Learned:
    """Fine-tune the model in the folder `checkpoint`; what is done is kept under `cache` and taken up again.

    Raises OSError and ValueError where the model cannot be used, MemoryError and RuntimeError where memory ends.
    """
    import torch  # noqa: PLC0415 - heavy

    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    try:
        work = cache / f"joint-{material.fingerprint(checkpoint, options)}"
        work.mkdir(parents=True, exist_ok=True)
        _forget(cache, work)
        return _Learning(material, checkpoint, work, options).run(report)
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])


def _forget(cache: Path, work: Path) -> None:
    """What other data and options have left, but for the newest."""
    work.touch()
    found = sorted(cache.glob("joint-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in found[CACHED:]:
        shutil.rmtree(old, ignore_errors=True)


class _Learning:
    def __init__(self, material: Lessons, checkpoint: Path, work: Path, options: FineTuning) -> None:
        self.material, self.checkpoint, self.work, self.options = material, checkpoint, work, options
        self.settings = settings_of(checkpoint, options.model)
        self.names = label_names(material.labels)
        self.tokenizer = tokenizer_of(checkpoint)
        self.tokenizer.enable_truncation(self.settings.max_tokens)
        self.tokenizer.no_padding()
        if any(crossed(self._cut(n)[1], labels) for n, labels in enumerate(material.labels)):
            self.tokenizer = cut_singly(self.tokenizer)
        self.lessons = [self._lesson(n) for n in range(len(material.texts))]

    def _cut(self, number: int) -> tuple[Any, Any]:
        text = self.material.texts[number]
        tokens = self.tokenizer.encode(self.settings.prefix + text)
        return tokens, pieces(tokens, text, len(self.settings.prefix))

    def _lesson(self, number: int) -> Lesson:
        tokens, found = self._cut(number)
        labels = [IGNORED] * len(tokens.ids)
        known = {name: at for at, name in enumerate(self.names)}
        for row, start, _ in found:
            labels[row] = known.get(self.material.labels[number][start], IGNORED)
        return Lesson(tuple(tokens.ids), int(self.material.intents[number]), tuple(labels))

    def run(self, report: Callable[[float], None]) -> Learned:
        place = folds(self.material.intents, HELD_OUT)
        held_out = [one for one, at in zip(self.lessons, place, strict=True) if at == 0]
        rest = [one for one, at in zip(self.lessons, place, strict=True) if at != 0]
        if not rest:
            held_out, rest = [], self.lessons
        again = self._again() and bool(held_out)
        share = _SEARCH if again else 1.0
        net = self._network()
        search = self._course("search", rest, held_out)
        standing = search.run(net, lambda done: report(0.95 * share * done))
        known = _numbers(told_by(net, held_out)[0]) if held_out else np.empty((0, self.material.classes))
        standing.best = {}  # memory for what comes
        if again:
            del net
            net = self._network()
            course = self._course("refit", self.lessons, [], standing.best_epoch - search.warm)
            course.run(net, lambda done: report(0.95 * (share + (1 - share) * done)))
        measured = self._measured(standing, known, held_out, search.warm)
        reader = self._exported(net, measured)
        for stage in ("search", "refit"):
            (self.work / f"{stage}.safetensors").unlink(missing_ok=True)
        return Learned(reader, known, np.array([one.intent for one in held_out], np.intp), measured)

    def _again(self) -> bool:
        few = len(self.lessons) < MANY
        return few if self.options.refit is None else self.options.refit

    def _network(self) -> Network:
        import torch  # noqa: PLC0415 - heavy

        torch.manual_seed(self.options.seed)
        encoder = open_model(self.checkpoint)
        return network(encoder, self.material.classes, len(self.names), self.settings.pooling, self.options)

    def _course(
        self, stage: str, lessons: Sequence[Lesson], held_out: Sequence[Lesson], until: int | None = None
    ) -> Course:
        counts = np.bincount(self.material.intents)
        few = float(np.median(counts[counts > 0])) < FEW and len(counts) > 1
        contrastive = few if self.options.contrastive is None else self.options.contrastive
        warm = CONTRASTIVE_EPOCHS if contrastive else 0
        file = self.work / f"{stage}.safetensors"
        return Course(lessons, held_out, self.names, self.material.classes, warm, self.options, file, until)

    def _measured(
        self, standing: Standing, known: NDArray[np.float64], held_out: Sequence[Lesson], warm: int
    ) -> dict[str, Any]:
        found: dict[str, Any] = {"best_epoch": standing.best_epoch - warm, "epochs": max(0, standing.done - 1 - warm)}
        if held_out:
            right = known.argmax(1) == [one.intent for one in held_out]
            found["held_out_accuracy"] = round(float(right.mean()), 4)
            if self.names:
                found["held_out_entity_f1"] = round(standing.score[0] - float(right.mean()), 4)
        return found

    def _exported(self, net: Network, measured: dict[str, Any]) -> Reader:
        """The network as onnxruntime reads it: eight-bit integers where they say the same as the exact one."""
        heads = {which: head.folded() for which, head in net.heads.items()}
        size = len(heads["intent"])
        kept = Heads(heads["intent"], heads.get("labels", np.empty((size, 0), np.float32)), self.names)
        with tempfile.TemporaryDirectory(dir=self.work) as name:
            exact, small = Path(name) / "exact", Path(name) / "small"
            for folder in (exact, small):
                folder.mkdir()
                self.tokenizer.save(str(folder / "tokenizer.json"))
                self.settings.write(folder)
                kept.save(folder)
            net.train(False)
            write_exact(net.encoder, self.checkpoint / "config.json", exact / "model.onnx")
            chosen = exact
            if self.options.quantize:
                quantise(exact / "model.onnx", small / "model.onnx")
                agreement = self._agreement(exact, small)
                measured["int8_agreement"] = round(agreement, 4)
                chosen = small if agreement >= AGREEMENT else exact
            measured["int8"] = chosen is small
            if self.options.quantize and chosen is exact:
                log.warning(
                    "JointTransformer: in eight-bit integers the model tells only %.1f %% of the intents that it tells "
                    "in full precision, so it is kept in full precision: four times as large, twice as slow",
                    100 * measured["int8_agreement"],
                )
            final = self.work / "model"
            shutil.rmtree(final, ignore_errors=True)
            chosen.rename(final)
        return Reader.open(final)

    def _agreement(self, exact: Path, small: Path) -> float:
        """The share of texts of which both say the same intent."""
        texts = [text for text in self.material.texts if text]
        some = texts[:: 1 + len(texts) // COMPARED]
        said = [
            [int(reader.read(text).scores.argmax()) for text in some] for reader in map(Reader.open, (exact, small))
        ]
        return float(np.mean(np.array(said[0]) == np.array(said[1]))) if some else 1.0


def settings_of(checkpoint: Path, model: str) -> Settings:
    """Of an encoder that was built here its own; of another model what is noted beside its weights."""
    return Settings.read(checkpoint) if (checkpoint / "encoder.json").is_file() else Settings.of(checkpoint, model)


def _numbers(scores: Any) -> NDArray[np.float64]:
    found: NDArray[np.float64] = scores.numpy().astype(np.float64)
    return found
