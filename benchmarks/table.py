"""The result of `benchmarks.nlu` as a table for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MEASURES = (
    ("accuracy", "intent accuracy"),
    ("macro_f1", "macro F1"),
    ("slot_f1", "slot F1 (exact)"),
    ("slot_f1_relaxed", "slot F1 (overlap)"),
    ("sentence", "whole sentences"),
    ("top1", "right answer first"),
    ("top3", "right answer in 3"),
    ("few_10", "10 per intent"),
    ("few_5", "5 per intent"),
    ("near_auroc", "strangers, near (AUROC)"),
    ("far_auroc", "strangers, far (AUROC)"),
    ("calibration_error", "calibration error"),
)
COSTS = (
    ("train_s", "training, s"),
    ("second_train_s", "second training, s"),
    ("peak_rss_mb", "training's peak RSS, MB"),
    ("serving_rss_mb", "serving's peak RSS, MB"),
    ("parse_p50_ms", "parse p50, ms"),
    ("parse_p99_ms", "parse p99, ms"),
)
WIDTH = 13


def set_table(result: Mapping[str, Any]) -> str:
    """Rows are measures; columns ours, the floor of this run, and what is published of the set."""
    public = result["published"]
    ours = flat(result["yingda"])
    columns: dict[str, tuple[Mapping[str, float], float]] = {f"yingda {ours['model']}": (ours, 100)}
    if result["floor"]:
        columns["floor, here"] = (result["floor"], 100)
    for key, name in (("floor", "floor, told"), ("rasa", "Rasa DIET"), ("best", "best known")):
        if public.get(key):
            columns[name] = (public[key], 1)
    title = f" ({public['title']})" if public else ""
    head = f"{result['set']}{title}: {result['train']} train, {result['test']} test, {result['intents']} intents"
    lines = [head, " " * 26 + "".join(f"{name:>{max(WIDTH, len(name) + 2)}}" for name in columns)]
    for measures, percent in ((MEASURES, True), (COSTS, False)):
        for key, name in measures:
            if any(key in figures for figures, _ in columns.values()):
                cells = [cell(figures.get(key), scale if percent else 1) for figures, scale in columns.values()]
                widths = [max(WIDTH, len(one) + 2) for one in columns]
                lines.append(
                    f"{name:<26}" + "".join(f"{one:>{width}}" for one, width in zip(cells, widths, strict=True))
                )
    return "\n".join(lines)


def bots_table(result: Mapping[str, Any]) -> str:
    """Rows are measures, columns encoders."""
    models = result["models"]
    lines = [
        f"{result['bot']}: {result['train']} examples of {result['intents']} intents, cross-validated",
        " " * 26 + "".join(f"{name:>{WIDTH}}" for name in models),
    ]
    for measures, scale in ((MEASURES, 100), (COSTS, 1)):
        for key, name in measures:
            if any(key in row for row in models.values()):
                lines.append(
                    f"{name:<26}" + "".join(f"{cell(row.get(key), scale):>{WIDTH}}" for row in models.values())
                )
    return "\n".join(lines)


def flat(ours: Mapping[str, Any]) -> dict[str, Any]:
    few = {f"few_{size}": found["mean"] for size, found in ours.get("few_shot", {}).items()}
    near = {"near_auroc": ours["near_auroc"]["mean"]} if "near_auroc" in ours else {}
    return {**ours, **few, **near}


def cell(value: float | None, scale: float) -> str:
    return "-" if value is None else f"{scale * value:.2f}"
