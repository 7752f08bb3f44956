"""One course of training: epochs over the lessons, the best of them by held-out texts, taken up again after a break."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nlu.joint.network import (
    IGNORED,
    Lesson,
    Network,
    class_weights,
    contrast,
    loss_of,
    optimiser,
    set_pace,
)
from nlu.joint.options import FineTuning
from nlu.joint.probe import fit_heads
from nlu.sequence import spans

GRADIENT = 1.0
_BATCH = 64


@dataclass(slots=True)
class Standing:
    """How far a course is. `score` is that of the best epoch; `best` holds its tensors."""

    done: int = 0
    best_epoch: int = -1
    score: tuple[float, float] = (-1.0, 0.0)
    history: list[tuple[float, float]] = field(default_factory=list)
    best: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """`warm` contrastive epochs come before at most `options.epochs` of fine-tuning, of which `until` are done (all for
    None). `held_out` judges each epoch; without it the last one stays. `names` are the labels of pieces."""

    lessons: Sequence[Lesson]
    held_out: Sequence[Lesson]
    names: Sequence[str]
    intents: int
    warm: int
    options: FineTuning
    file: Path
    until: int | None = None

    def run(self, net: Network, report: Callable[[float], None]) -> Standing:
        """Leaves the best epoch's weights in `net`. After each epoch everything is written to `file`."""
        optimizer = optimiser(net, self.options)
        standing = self._resumed(net, optimizer)
        last = self.warm + (self.options.epochs if self.until is None else self.until)
        weights = class_weights(self.lessons, self.intents)
        while standing.done <= last and not self._enough(standing):
            self._epoch(
                net, optimizer, standing.done, weights, lambda part: report((standing.done + part) / (last + 1))
            )
            standing.done += 1
            if standing.done > self.warm:
                self._judge(net, standing)
            self._write(net, optimizer, standing)
        if standing.best:
            net.restore(standing.best)
        report(1.0)
        return standing

    def _enough(self, standing: Standing) -> bool:
        return bool(self.held_out) and 0 <= standing.best_epoch <= standing.done - 1 - self.options.patience

    def _epoch(self, net: Network, optimizer: Any, number: int, weights: Any, report: Callable[[float], None]) -> None:
        """Number `warm` fits the heads alone; those before contrast, those after fine-tune."""
        import torch  # noqa: PLC0415 - heavy

        # each epoch has dice of its own, so that it is the same after a break
        torch.manual_seed(self.options.seed + number)
        if number == self.warm:
            fit_heads(net, self.lessons, weights)
            return
        net.train(True)
        dice = np.random.default_rng([self.options.seed, number])
        batches = list(self._pairs(dice) if number < self.warm else self._shuffled(dice))
        longest = self.warm + self.options.epochs
        tuned = number if number < self.warm else number - 1
        for at, batch in enumerate(batches):
            set_pace(optimizer, (tuned + (at + 1) / len(batches)) / (longest + 1))
            loss = contrast(net, batch) if number < self.warm else loss_of(net, batch, weights)
            optimizer.zero_grad()
            loss.backward()
            learning = [one for _, one in net.learning()]
            torch.nn.utils.clip_grad_norm_(learning, GRADIENT, foreach=False)
            optimizer.step()
            report((at + 1) / len(batches))

    def _shuffled(self, dice: np.random.Generator) -> Iterator[list[Lesson]]:
        order = dice.permutation(len(self.lessons))
        count = math.ceil(len(order) / self.options.batch)
        yield from ([self.lessons[at] for at in part] for part in np.array_split(order, count))

    def _pairs(self, dice: np.random.Generator) -> Iterator[list[Lesson]]:
        """Two texts of each of several intents; the only one of an intent twice, for dropout tells it apart."""
        of: dict[int, list[Lesson]] = {}
        for lesson in self.lessons:
            of.setdefault(lesson.intent, []).append(lesson)
        intents, together = sorted(of), max(2, self.options.batch // 2)
        for _ in range(math.ceil(len(self.lessons) / self.options.batch)):
            chosen = dice.choice(intents, min(together, len(intents)), replace=False)
            yield [
                of[intent][at]
                for intent in chosen.tolist()
                for at in dice.choice(len(of[intent]), 2, replace=len(of[intent]) < 2)
            ]

    def _judge(self, net: Network, standing: Standing) -> None:
        if not self.held_out:
            standing.best_epoch = standing.done - 1
            return
        score = _score(net, self.held_out, self.names)
        standing.history.append(score)
        if standing.best_epoch < 0 or score > standing.score:
            standing.score, standing.best_epoch = score, standing.done - 1
            standing.best = {name: one.clone() for name, one in net.kept().items()}

    def _write(self, net: Network, optimizer: Any, standing: Standing) -> None:
        """In one file, which is there whole or not at all."""
        from safetensors.torch import save_file  # noqa: PLC0415 - heavy

        tensors = {f"now.{name}": one for name, one in net.kept().items()}
        tensors |= {f"best.{name}": one for name, one in standing.best.items()}
        for name, one in net.learning():
            tensors |= {f"adam.{name}.{key}": value for key, value in optimizer.state.get(one, {}).items()}
        told = {"done": standing.done, "best": standing.best_epoch, "score": standing.score, "all": standing.history}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".draft")
        save_file({name: one.contiguous() for name, one in tensors.items()}, str(draft), {"told": json.dumps(told)})
        os.replace(draft, self.file)

    def _resumed(self, net: Network, optimizer: Any) -> Standing:
        """What an earlier run of the same course has left; the beginning where there is nothing that can be read."""
        from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - heavy

        try:
            with safe_open(str(self.file), "pt") as kept:
                told = json.loads(kept.metadata()["told"])
                tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118 - it is no mapping
        except (OSError, SafetensorError, ValueError, KeyError):
            return Standing()
        net.restore(_under("now.", tensors))
        for name, one in net.learning():
            if state := _under(f"adam.{name}.", tensors):
                optimizer.state[one] = state
        history = [(float(a), float(b)) for a, b in told["all"]]
        score = (float(told["score"][0]), float(told["score"][1]))
        return Standing(told["done"], told["best"], score, history, _under("best.", tensors))


def _under(prefix: str, tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}


def told_by(net: Network, lessons: Sequence[Lesson]) -> tuple[Any, list[Any]]:
    """(scores of intents (texts, intents); for each text the scores of its pieces (pieces, labels))."""
    import torch  # noqa: PLC0415 - heavy

    net.train(False)
    intents, labels = [], []
    with torch.no_grad():
        for at in range(0, len(lessons), _BATCH):
            some = lessons[at : at + _BATCH]
            pooled, states = net.read(some)
            intents.append(net.intent(pooled))
            if net.labels is not None:
                labels += [net.labels(row[: len(one.ids)]) for row, one in zip(states, some, strict=True)]
    return torch.cat(intents), labels


def _score(net: Network, lessons: Sequence[Lesson], names: Sequence[str]) -> tuple[float, float]:
    """(accuracy plus F1 of entities, the higher the better; of equals: how sure it was of what is right)."""
    import torch  # noqa: PLC0415 - heavy

    scores, labels = told_by(net, lessons)
    wanted = torch.tensor([one.intent for one in lessons])
    accuracy = float((scores.argmax(1) == wanted).float().mean())
    sure = -float(torch.nn.functional.cross_entropy(scores, wanted))
    if net.labels is None:
        return accuracy, sure
    right = found = there = 0
    for one, told in zip(lessons, labels, strict=True):
        at = [n for n, label in enumerate(one.labels) if label != IGNORED]
        truth = set(spans([names[one.labels[n]] for n in at]))
        guess = set(spans([names[n] for n in told.argmax(1)[at].tolist()]))
        right, found, there = right + len(truth & guess), found + len(guess), there + len(truth)
    return accuracy + 2 * right / max(1, found + there), sure
