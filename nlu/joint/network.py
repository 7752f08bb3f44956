"""The network in torch: one encoder, a head for the intent on the pooled states, one for the labels of the pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nlu.joint.options import FineTuning

HEAD_PACE = 10.0
"""How much faster than the encoder the heads learn, which start from little."""
DROPOUT = 0.1
DECAY = 0.01
WARM_UP = 0.1
IGNORED = -100
_LAYER = re.compile(r"\blayers?\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Lesson:
    """A text to learn from: the ids of its pieces, its intent's number, and its pieces' labels (IGNORED: none)."""

    ids: tuple[int, ...]
    intent: int
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """scores = linear((rows - centre) / scale): the vectors of a pretrained encoder lie close together, far from 0."""

    linear: Any
    centre: Any
    scale: Any

    def __call__(self, rows: Any) -> Any:
        import torch  # noqa: PLC0415 - heavy

        near = torch.nn.functional.dropout((rows - self.centre) / self.scale, DROPOUT, self.linear.training)
        return self.linear(near)

    def folded(self) -> NDArray[np.float32]:
        """(dimensions + 1, classes): scores = rows @ it[:-1] + it[-1]."""
        weight = (self.linear.weight / self.scale).T.detach()
        offset = self.linear.bias.detach() - self.centre @ weight
        return np.vstack([weight.numpy(), offset.numpy()]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """`encoder` is a model of `transformers`; `labels` is None where there are no entities to learn."""

    encoder: Any
    intent: Head
    labels: Head | None
    pooling: Literal["mean", "cls"]
    padding: int

    @property
    def heads(self) -> dict[str, Head]:
        return {"intent": self.intent} | ({"labels": self.labels} if self.labels else {})

    def read(self, lessons: Sequence[Lesson]) -> tuple[Any, Any]:
        """(pooled (texts, dimensions), states (texts, pieces, dimensions))."""
        import torch  # noqa: PLC0415 - heavy

        ids = _padded([one.ids for one in lessons], self.padding)
        mask = _padded([[1] * len(one.ids) for one in lessons], 0)
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        if self.pooling == "cls":
            return states[:, 0], states
        share = (mask / mask.sum(1, keepdim=True)).to(torch.float32)
        return (states * share[..., None]).sum(1), states

    def train(self, on: bool) -> None:
        self.encoder.train(on)
        for head in self.heads.values():
            head.linear.train(on)

    def learning(self) -> Iterator[tuple[str, Any]]:
        """The parameters that learn, by name, the encoder's first."""
        yield from ((f"encoder.{name}", one) for name, one in self.encoder.named_parameters() if one.requires_grad)
        for which, head in self.heads.items():
            yield from ((f"{which}.{name}", one) for name, one in head.linear.named_parameters())

    def kept(self) -> dict[str, Any]:
        """All tensors that training changes, by name."""
        fixed = {f"{which}.{name}": getattr(head, name) for which, head in self.heads.items() for name in _FIXED}
        return {name: one.detach() for name, one in self.learning()} | fixed

    def restore(self, kept: Mapping[str, Any]) -> None:
        for name, tensor in self.kept().items():
            tensor.copy_(kept[name])


_FIXED = ("centre", "scale")


def network(encoder: Any, intents: int, labels: int, pooling: Literal["mean", "cls"], options: FineTuning) -> Network:
    """Untrained heads on `encoder`."""
    size = int(encoder.config.hidden_size)
    if not options.train_embeddings:
        encoder.get_input_embeddings().weight.requires_grad_(False)
    padding = getattr(encoder.config, "pad_token_id", None) or 0
    return Network(encoder, _head(size, intents), _head(size, labels) if labels else None, pooling, padding)


def _head(size: int, classes: int) -> Head:
    import torch  # noqa: PLC0415 - heavy

    return Head(torch.nn.Linear(size, classes), torch.zeros(size), torch.ones(()))


def _padded(rows: Sequence[Sequence[int]], value: int) -> Any:
    import torch  # noqa: PLC0415 - heavy

    width = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (width - len(row))] for row in rows])


def optimiser(net: Network, options: FineTuning) -> Any:
    """AdamW (Loshchilov & Hutter 2019) with a pace for each layer: the first ones, which know the language, move least
    (Howard & Ruder 2018, Universal Language Model Fine-tuning, https://arxiv.org/abs/1801.06146)."""
    import torch  # noqa: PLC0415 - heavy

    named = list(net.learning())
    top = options.learning_rate or _usual_pace(int(net.encoder.config.hidden_size))
    layers = 1 + max((int(found[1]) for name, _ in named if (found := _LAYER.search(name))), default=0)
    groups = [
        {
            "params": [one],
            "lr": top * _pace(name, layers, options.layer_decay),
            "weight_decay": DECAY if one.dim() > 1 else 0.0,
        }
        for name, one in named
    ]
    made = torch.optim.AdamW(groups, foreach=False)
    for group in made.param_groups:
        group["top"] = group["lr"]
    return made


def _usual_pace(width: int) -> float:
    """4e-4 for 384 dimensions, 1e-4 for 768: small models, measured and as published, bear more."""
    return min(1e-3, 4e-4 * (384 / width) ** 2)


def _pace(name: str, layers: int, decay: float) -> float:
    if not name.startswith("encoder."):
        return HEAD_PACE
    if found := _LAYER.search(name):
        return float(decay ** (layers - 1 - int(found[1])))
    return float(decay**layers) if "embedding" in name else 1.0


def set_pace(optimizer: Any, done: float) -> None:
    """Warm up, then slow down evenly; `done` is the share of the longest training that is over."""
    factor = done / WARM_UP if done < WARM_UP else max(0.0, (1 - done) / (1 - WARM_UP))
    for group in optimizer.param_groups:
        group["lr"] = group["top"] * factor


# --- losses --------------------------------------------------------------------------------------------------


def loss_of(net: Network, lessons: Sequence[Lesson], weights: Any) -> Any:
    """Cross-entropy of intent (each weighing the same) and labels."""
    import torch  # noqa: PLC0415 - heavy

    pooled, states = net.read(lessons)
    wanted = torch.tensor([one.intent for one in lessons])
    loss = torch.nn.functional.cross_entropy(net.intent(pooled), wanted, weights)
    if net.labels is not None:
        labels = _padded([one.labels for one in lessons], IGNORED)
        if (labels != IGNORED).any():
            told = net.labels(states).flatten(0, 1)
            loss = loss + torch.nn.functional.cross_entropy(told, labels.flatten(), ignore_index=IGNORED)
    return loss


TEMPERATURE = 0.07


def contrast(net: Network, lessons: Sequence[Lesson]) -> Any:
    """Supervised contrastive loss (Khosla et al. 2020, https://arxiv.org/abs/2004.11362) over pairs of texts, which
    teaches an encoder much from few examples (SetFit: Tunstall et al. 2022, https://arxiv.org/abs/2209.11055)."""
    import torch  # noqa: PLC0415 - heavy

    pooled, _ = net.read(lessons)
    rows = torch.nn.functional.normalize(pooled, dim=1)
    itself = torch.eye(len(rows), dtype=torch.bool)
    likeness = (rows @ rows.T / TEMPERATURE).masked_fill(itself, -1e9)
    wanted = torch.tensor([one.intent for one in lessons])
    same = (wanted[:, None] == wanted[None, :]) & ~itself
    shares = torch.log_softmax(likeness, 1)
    return -((shares * same).sum(1) / same.sum(1).clamp(min=1)).mean()


def class_weights(lessons: Iterable[Lesson], classes: int) -> Any:
    """So that each intent counts the same, within reason: a single example is not worth a hundred."""
    import torch  # noqa: PLC0415 - heavy

    counts = np.bincount([one.intent for one in lessons], minlength=classes)
    even = counts.sum() / max(1, (counts > 0).sum()) / np.maximum(counts, 1)
    return torch.tensor(np.clip(even, 0.2, 5.0), dtype=torch.float32)
