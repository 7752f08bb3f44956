"""A report on disk: the page to send, the numbers for machines, and the confusion matrix as a picture."""

from __future__ import annotations

import json
from pathlib import Path

from nlu.evaluation.confusion_png import draw_confusion
from nlu.evaluation.page import About, render
from nlu.evaluation.report import Report
from nlu.evaluation.words import Language


def save(report: Report, folder: Path, about: About, language: Language = "zh") -> tuple[Path, Path, Path]:
    """Write `nlu_report.html`, `nlu_report.json` and `nlu_confusion.png`; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    page, text, picture = (folder / name for name in ("nlu_report.html", "nlu_report.json", "nlu_confusion.png"))
    page.write_text(render(report, about, language), "utf-8")
    text.write_text(json.dumps(to_dict(report, about), ensure_ascii=False, indent=1), "utf-8")
    draw_confusion(report.matrix, picture)
    return page, text, picture


def to_dict(report: Report, about: About) -> dict[str, object]:
    """What `nlu_report.json` holds; the keys are told in docs/nlu.md."""
    said = {"bot": about.bot, "how": about.how, "detail": about.detail, "at": about.at.isoformat()}
    return {"about": {**said, "release": about.release}, **report.to_dict()}
