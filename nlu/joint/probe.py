"""Heads fitted on the encoder as it is, before anything is fine-tuned.

From random heads the first steps spoil what the encoder knows; from fitted ones they do not (Kumar et al. 2022,
Fine-Tuning can Distort Pretrained Features, https://arxiv.org/abs/2202.10054).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nlu.joint.network import IGNORED, Head, Lesson, Network

ROUNDS = 60
MOST_PIECES = 10_000
STRENGTH = 1e-2
"""Of the pull to small weights, by which few texts are not learned by heart."""
_BATCH = 64


def fit_heads(net: Network, lessons: Sequence[Lesson], weights: Any) -> None:
    """Both heads, on all lessons; deterministic."""
    import torch  # noqa: PLC0415 - heavy

    net.train(False)
    texts, rows, labels = [], [], []
    with torch.no_grad():
        for at in range(0, len(lessons), _BATCH):
            some = lessons[at : at + _BATCH]
            pooled, states = net.read(some)
            texts.append(pooled)
            if net.labels is not None:
                told = [(row, one.labels) for row, one in zip(states, some, strict=True)]
                rows += [row[: len(own)] for row, own in told]
                labels += [torch.tensor(own) for _, own in told]
    _fit(net.intent, torch.cat(texts), torch.tensor([one.intent for one in lessons]), weights)
    if net.labels is not None:
        wanted = torch.cat(labels)
        there = (wanted != IGNORED).nonzero()[:, 0]
        there = there[:: 1 + len(there) // MOST_PIECES]
        _fit(net.labels, torch.cat(rows)[there], wanted[there], None)


def _fit(head: Head, rows: Any, wanted: Any, weights: Any) -> None:
    """Multinomial logistic regression by L-BFGS."""
    import torch  # noqa: PLC0415 - heavy

    if not len(rows):
        return
    head.centre.copy_(rows.mean(0))
    spread = (rows - head.centre).norm(dim=1).mean()
    head.scale.copy_(spread / 10 if float(spread) else torch.ones(()))
    near = (rows - head.centre) / head.scale
    parameters = [head.linear.weight, head.linear.bias]
    with torch.no_grad():
        for one in parameters:
            one.zero_()
    search = torch.optim.LBFGS(parameters, max_iter=ROUNDS, line_search_fn="strong_wolfe")

    def loss() -> Any:
        search.zero_grad()
        found = torch.nn.functional.cross_entropy(head.linear(near), wanted, weights)
        found = found + STRENGTH / 2 * (head.linear.weight**2).sum()
        found.backward()
        return found

    search.step(loss)
    for one in parameters:
        one.grad = None
