"""What others have measured on public Chinese sets, to stand beside our figures. Shares in percent, as published.

A set is known by its folder's name or by its size. Sources: the best published systems as quoted with the sets (MLWA
for the 59-intent assistant); the floors (character TF-IDF with a linear SVM, character CRF) and Rasa 3.6 DIET (jieba,
100 epochs) as measured on the same splits by those who gathered the sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Known:
    """`size` is (train, test); figures by measure: accuracy, slot_f1, sentence, few_10, few_5, top1, top3, train_s."""

    title: str
    names: tuple[str, ...]
    size: tuple[int, int] | None = None
    best: Figures = field(default_factory=dict)
    floor: Figures = field(default_factory=dict)
    rasa: Figures = field(default_factory=dict)


SETS = (
    Known(
        "59-intent assistant",
        ("smp2020", "smp20", "assistant"),
        (4011, 520),
        best={"accuracy": 96.34, "slot_f1": 84.32, "sentence": 80.76},
        floor={"accuracy": 94.4, "slot_f1": 80.7},
        rasa={"accuracy": 91.7, "slot_f1": 75.4, "sentence": 66.7, "train_s": 2656, "parse_p50_ms": 12.5},
    ),
    Known(
        "33 bank intents",
        ("bq_bank", "bank_intents", "bank"),
        (1501, 646),
        floor={"accuracy": 95.1, "few_10": 85.6, "few_5": 79.2, "near_auroc": 93.4, "far_auroc": 99.0},
        rasa={"accuracy": 93.3},
    ),
    Known(
        "83 small-talk intents",
        ("smalltalk", "small_talk"),
        (854, 371),
        floor={"accuracy": 83.8},
        rasa={"accuracy": 83.3, "train_s": 294, "parse_p50_ms": 13.0},
    ),
    Known("device assistant slots", ("cais", "device"), best={"slot_f1": 88.57}, floor={"slot_f1": 87.98}),
    Known("shopping-query slots", ("ecsa", "shopping"), best={"slot_f1": 47.75}, floor={"slot_f1": 36.5}),
    Known("xSID 0.7, Chinese", ("xsid",), (300, 500), floor={"accuracy": 90.2}),
    Known("CrossWOZ, joint dialogue acts", ("crosswoz",), floor={"accuracy": 82.96}),
    Known("bank FAQ, 745 answers", ("unionpay", "faq"), floor={"top1": 60.2, "top3": 81.7}),
)


def known(name: str, train: int, test: int) -> Known | None:
    """What is known of the set in a folder of this name, or of this size."""
    plain = name.lower().replace("-", "_")
    by_size = next((one for one in SETS if one.size == (train, test)), None)
    return by_size or next((one for one in SETS if any(plain.startswith(start) for start in one.names)), None)
