"""The report's charts as inline SVG: coloured by the page's own custom properties, so that they follow light and dark.

Each is drawn for a width of 360, so that its words can be read on a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from nlu.evaluation.reliability import Bin
from nlu.evaluation.scores import Matrix
from nlu.evaluation.statistics import Difference, Spread

WIDTH, HEIGHT = 360, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 22, 14, 36
RARE = 10
"""A bin of fewer sentences is drawn pale: its share says little."""
CELL = 26
_NAME_PX = 7.2
_MOST_NAME_PX = 150


@dataclass(frozen=True, slots=True)
class Line:
    """A named curve; `style` is the class that colours it."""

    name: str
    values: tuple[Spread, ...]
    style: str


@dataclass(frozen=True, slots=True)
class Plot:
    """The frame of a chart: data of x_low..x_high, y_low..y_high to places in the picture."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (value - self.x_low) / ((self.x_high - self.x_low) or 1), 1)

    def y(self, value: float) -> float:
        inner = HEIGHT - _TOP - _BOTTOM
        return round(_TOP + inner * (1 - (value - self.y_low) / ((self.y_high - self.y_low) or 1)), 1)


def line_chart(title: str, x_title: str, ticks: Sequence[tuple[float, str]], lines: Sequence[Line]) -> Markup:
    """Curves over the places of `ticks`, each value with a whisker of one standard deviation to both sides."""
    lowest = min((one.mean - one.deviation for line in lines for one in line.values), default=0.0)
    floor = max(0.0, int(lowest * 10) / 10)
    places = [place for place, _ in ticks]
    low = 0.0 if min(places) > 0 else min(places)
    plot = Plot(low, max(places), floor, 1.0)
    parts = [*_grid(plot), *_names(plot, ticks, x_title)]
    for line in lines:
        parts += _curve(plot, line, places)
    return _svg(title, WIDTH, HEIGHT, parts)


def reliability_chart(title: str, x_title: str, bins: Sequence[Bin]) -> Markup:
    """How right the bot was (bars) where it was so sure (x); the diagonal is where they agree."""
    plot = Plot(0.0, 1.0, 0.0, 1.0)
    parts = _grid(plot)
    for one in bins:
        left, right, top = plot.x(one.low) + 1.5, plot.x(one.high) - 1.5, plot.y(one.accuracy)
        hint = f"{one.confidence:.0%} → {one.accuracy:.0%} ({one.count})"
        style = "bar" if one.count >= RARE else "rare bar"
        parts.append(
            f'<rect class="{style}" x="{left:.1f}" y="{top}" width="{right - left:.1f}" '
            f'height="{max(0.0, plot.y(0) - top):.1f}" rx="2"><title>{hint}</title></rect>'
        )
        parts.append(f'<circle class="dot" cx="{plot.x(one.confidence)}" cy="{top}" r="3.2"/>')
    parts.append(f'<path class="ideal" d="M{plot.x(0)} {plot.y(0)}L{plot.x(1)} {plot.y(1)}"/>')
    parts += _names(plot, [(step / 5, f"{step / 5:.0%}") for step in range(6)], x_title)
    return _svg(title, WIDTH, HEIGHT, parts)


def heat_map(title: str, matrix: Matrix, names: Sequence[str]) -> Markup:
    """Rows are what was meant, columns what was understood, each coloured by its share of the row."""
    side = 12 + min(_MOST_NAME_PX, int(max((_length(name) for name in names), default=0)))
    size = side + CELL * len(names) + 4
    parts: list[str] = []
    for y, meant in enumerate(names):
        total = sum(matrix.get(meant, {}).values()) or 1
        for x, understood in enumerate(names):
            count = matrix.get(meant, {}).get(understood, 0)
            parts += _cell(side + x * CELL, side + y * CELL, count, count / total, meant == understood)
    for place, name in enumerate(names):
        middle, shown = side + place * CELL + CELL / 2 + 4, escape(_shortened(name))
        parts.append(f'<text class="name" x="{side - 6}" y="{middle}" text-anchor="end">{shown}</text>')
        parts.append(f'<text class="name" transform="translate({middle},{side - 6}) rotate(-90)">{shown}</text>')
    return _svg(title, size, size, parts, fixed=True)


def interval_chart(title: str, differences: Sequence[tuple[str, Difference]]) -> Markup:
    """Differences with their intervals around the line of no difference."""
    reach = max([0.01, *(abs(edge) for _, one in differences for edge in (one.low, one.high))]) * 1.15
    height, left = 34 * len(differences) + 30, 84
    scale = (WIDTH - left - 14) / (2 * reach)
    zero = left + reach * scale
    parts = [f'<path class="axis" d="M{zero:.1f} 6V{height - 24}"/>']
    for place, (name, one) in enumerate(differences):
        y = 20 + 34 * place
        style = "wide" if not one.certain else "good" if one.low > 0 else "poor"
        low, high = zero + one.low * scale, zero + one.high * scale
        at = zero + (one.second - one.first) * scale
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<path class="{style} whisker" d="M{low:.1f} {y}H{high:.1f}"/>')
        parts.append(f'<circle class="{style} dot" cx="{at:.1f}" cy="{y}" r="4.5"/>')
    for edge in (-reach / 1.15, 0.0, reach / 1.15):
        x = zero + edge * scale
        parts.append(f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle">{100 * edge:+.1f}</text>')
    return _svg(title, WIDTH, height, parts)


def _svg(title: str, width: float, height: float, parts: Sequence[str], *, fixed: bool = False) -> Markup:
    size = f' width="{width}" height="{height}"' if fixed else ""
    inner = "".join(parts)
    # names are escaped wherever they are put in
    return Markup(  # noqa: S704
        f'<svg viewBox="0 0 {width} {height}"{size} role="img" aria-label="{escape(title)}">{inner}</svg>'
    )


def _grid(plot: Plot) -> list[str]:
    steps = max(1, round((plot.y_high - plot.y_low) * 10))
    step = 0.1 if steps <= 5 else 0.2
    count = int((plot.y_high - plot.y_low) / step + 1e-9)
    parts = []
    for tick in range(count + 1):
        value = plot.y_high - tick * step
        y = plot.y(value)
        parts.append(f'<path class="grid" d="M{_LEFT} {y}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{value:.0%}</text>')
    return parts


def _names(plot: Plot, ticks: Sequence[tuple[float, str]], title: str) -> list[str]:
    found = [
        f'<text x="{plot.x(place)}" y="{HEIGHT - _BOTTOM + 15}" text-anchor="middle">{escape(name)}</text>'
        for place, name in ticks
    ]
    return [*found, f'<text x="{WIDTH - _RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{escape(title)}</text>']


def _curve(plot: Plot, line: Line, places: Sequence[float]) -> list[str]:
    points = [(plot.x(place), plot.y(one.mean)) for place, one in zip(places, line.values, strict=True)]
    parts = [f'<path class="{line.style} line" d="M{"L".join(f"{x} {y}" for x, y in points)}"/>']
    for (x, y), one in zip(points, line.values, strict=True):
        if one.deviation:
            high, low = plot.y(min(1.0, one.mean + one.deviation)), plot.y(max(plot.y_low, one.mean - one.deviation))
            parts.append(f'<path class="{line.style} whisker" d="M{x} {high}V{low}"/>')
        hint = f"{escape(line.name)} {one.mean:.1%} ± {one.deviation:.1%}"
        parts.append(f'<circle class="{line.style} dot" cx="{x}" cy="{y}" r="3.6"><title>{hint}</title></circle>')
    return parts


def _cell(left: float, top: float, count: int, share: float, right: bool) -> list[str]:
    style, strength = ("hit", share) if right else ("miss", min(1.0, 3 * share))
    found = [f'<rect class="cell" x="{left}" y="{top}" width="{CELL - 2}" height="{CELL - 2}" rx="3"/>']
    if count:
        fill = f'style="fill-opacity:{max(0.12, strength):.2f}"'
        ink = "strong" if strength > 0.55 else "count"
        found.append(
            f'<rect class="{style}" {fill} x="{left}" y="{top}" width="{CELL - 2}" height="{CELL - 2}" rx="3"/>'
        )
        middle = f'x="{left + CELL / 2 - 1}" y="{top + CELL / 2 + 3}"'
        found.append(f'<text class="{ink}" {middle} text-anchor="middle">{count}</text>')
    return found


def _length(name: str) -> float:
    """About how wide a name is: a Chinese character as two letters."""
    return sum(_NAME_PX * (1.7 if ord(sign) > 0x2E7F else 1) for sign in _shortened(name))


def _shortened(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:19]}…"
