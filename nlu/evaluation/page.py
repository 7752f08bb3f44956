"""The report as one HTML file that needs nothing else: to look at, to print, to send to somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from nlu.evaluation.charts import Line, heat_map, interval_chart, line_chart, reliability_chart
from nlu.evaluation.compare import Comparison
from nlu.evaluation.curves import Point
from nlu.evaluation.report import Report
from nlu.evaluation.words import WORDS, Language

RISING = 0.01
"""A last step of the learning curve that gains more than this is still rising."""
MOST_NAMES = 40
"""More intents than this make no matrix that anybody reads."""


@dataclass(frozen=True, slots=True)
class About:
    """What was measured: the bot's name, how (`folds`: cross-validation, `detail` of them; `file`: held out in
    `detail`), when, and by which release."""

    bot: str
    how: Literal["folds", "file"]
    detail: str
    at: datetime
    release: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    title: str
    value: str
    note: str


def render(report: Report, about: About, language: Language = "zh") -> str:
    """The page of a report; everything in it is inline."""
    words = WORDS[language]
    right, asked, wrong = out_of_hundred((report.believed_right, report.asked, report.believed_wrong))
    return _TEMPLATES.get_template("report.html").render(
        w=words,
        report=report,
        about=about,
        hero={"right": right, "asked": asked, "wrong": wrong},
        cards=_cards(report, words),
        charts=_charts(report, words),
        verdict=_verdict(report.comparison, words) if report.comparison else "",
        gain=_gain(report.curve),
        rising=RISING,
        shown_names=_confused(report),
    )


def out_of_hundred(shares: Sequence[float]) -> list[int]:
    """Whole percents that add up to 100, as near to `shares` (which add up to 1) as can be."""
    exact = [100 * share for share in shares]
    found = [int(value) for value in exact]
    short = 100 - sum(found)
    for place in sorted(range(len(exact)), key=lambda i: found[i] - exact[i])[:short]:
        found[place] += 1
    return found


def percent(share: float, digits: int = 1) -> str:
    return f"{share:.{digits}%}"


def points(gap: float) -> str:
    """A difference of shares, in points with its sign."""
    return f"{100 * gap:+.1f}"


def chance(value: float) -> str:
    return f"= {value:.3f}" if value >= 0.001 else "< 0.001"


def fill(text: str, **values: object) -> Markup:
    """The sentence with its values put in, which are escaped; the sentence is ours."""
    return Markup(text).format(**values)  # noqa: S704 - from words.py alone


def _cards(report: Report, words: Any) -> list[Card]:
    low, high = percent(report.accuracy_low), percent(report.accuracy_high)
    relaxed, top3 = percent(report.entity_total_relaxed.f1), percent(report.answers_top3)
    found = [
        Card(words["accuracy"], percent(report.accuracy), words["accuracy_note"].format(low=low, high=high)),
        Card(words["macro_f1"], percent(report.macro_f1), words["macro_f1_note"]),
    ]
    if report.entities:
        note = words["entity_f1_note"].format(relaxed=relaxed)
        found.append(Card(words["entity_f1"], percent(report.entity_total.f1), note))
        found.append(Card(words["sentence"], percent(report.sentence_accuracy), words["sentence_note"]))
    if report.answers_top3:
        found.append(Card(words["answers"], percent(report.answers_top1), words["answers_note"].format(top3=top3)))
    if report.strangers:
        note = words["strangers_note"].format(caught=percent(report.strangers.caught.mean))
        found.append(Card(words["strangers"], percent(report.strangers.auroc.mean), note))
    found.append(Card(words["calibration"], percent(report.calibration_error), words["calibration_note"]))
    p50, p99 = f"{report.latency.p50_ms:.1f} {words['ms']}", f"{report.latency.p99_ms:.1f}"
    return [*found, Card(words["latency"], p50, words["latency_note"].format(p99=p99))]


def _charts(report: Report, words: Any) -> dict[str, Markup]:
    found = {"reliability": reliability_chart(words["calibrated"], words["confidence"], report.reliability)}
    if report.curve:
        ticks = [(one.size, percent(one.size, 0)) for one in report.curve]
        found["curve"] = line_chart(words["curve"], words["share"], ticks, _lines(report.curve, words))
    if report.few_shot:
        ticks = [(float(place), f"{one.size:g}") for place, one in enumerate(report.few_shot)]
        found["few_shot"] = line_chart(words["few_shot"], words["per_intent"], ticks, _lines(report.few_shot, words))
    if report.comparison:
        both = report.comparison
        rows = [(words["macro"], both.macro_f1), (words["entity_short"], both.entity_f1)]
        found["interval"] = interval_chart(words["interval"], rows if report.entities else rows[:1])
    names = _confused(report)
    if names:
        found["confusion"] = heat_map(words["confusion"], report.matrix, names)
    return found


def _lines(curve: Sequence[Point], words: Any) -> list[Line]:
    found = [
        Line(words["accuracy"], tuple(one.accuracy for one in curve), "one"),
        Line(words["macro_f1"], tuple(one.macro_f1 for one in curve), "two"),
    ]
    if any(one.entity_f1.mean for one in curve):
        found.append(Line(words["entity_f1"], tuple(one.entity_f1 for one in curve), "three"))
    return found


def _gain(curve: Sequence[Point]) -> float:
    return curve[-1].accuracy.mean - curve[-2].accuracy.mean if len(curve) > 1 else 0.0


def _confused(report: Report) -> list[str]:
    names = {name for one in report.confusions for name in (one.expected, one.predicted)}
    return sorted(names) if len(names) <= MOST_NAMES else []


def _verdict(both: Comparison, words: Any) -> Markup:
    return fill(
        words[both.verdict],
        first=both.first,
        second=both.second,
        first_share=percent(both.intents.first),
        second_share=percent(both.intents.second),
        p=chance(both.intents.chance.mid),
    )


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(percent=percent, points=points, chance=chance, fill=fill)
