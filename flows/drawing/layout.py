"""A layered layout (Sugiyama's): boxes in rows from top to bottom, ways through the rows between them.

Ways that lead back are turned round while rows are given; ways over several rows get a point in each. Within a row the
order is by the mean place of the neighbours, swept up and down.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from dataclasses import dataclass

from flows.drawing.chart import LINE, Chart, Way

FONT = 14.0
ROW_GAP, GAP, PAD, MARGIN = 52.0, 26.0, 12.0, 24.0
LABEL = 11 * FONT
"""How wide the label of a way may be."""
LINE_HEIGHT = 20.0
SWEEPS = 24
_WORD = re.compile(r"[\x21-\x7e]+|.", re.DOTALL)
_NOT_FIRST = frozenset("，。！？：；、）」』”…～ ")


@dataclass(frozen=True, slots=True)
class Cell:
    """A box with its lines, and where it stands: its centre and size."""

    kind: str
    lines: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Route:
    """A way by its points, from its start to its end; the label stands at `at`."""

    points: tuple[tuple[float, float], ...]
    label: tuple[str, ...]
    at: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Placed:
    width: float
    height: float
    cells: tuple[Cell, ...]
    routes: tuple[Route, ...]


def width_of(text: str) -> float:
    """About how wide a text is, in units of the picture: Chinese is square, Latin about half of it."""
    return sum(FONT if unicodedata.east_asian_width(each) in "WF" else FONT * 0.56 for each in text)


def wrapped(text: str, most: float = LINE * FONT) -> tuple[str, ...]:
    """Lines of a text, none wider than `most`: broken between Chinese signs and at blanks, no sign at a line's head."""
    lines: list[str] = []
    line = ""
    for word in _WORD.findall(text):
        if line and width_of(line + word) > most and word not in _NOT_FIRST:
            lines.append(line)
            line = ""
        line = (line + word).lstrip()
    return tuple(each.rstrip() for each in (*lines, line) if each.strip())


def place(chart: Chart) -> Placed:
    return _Layout(chart).placed()


class _Layout:
    """`rows[i]` are the nodes of a row: indices of boxes, and beyond them the points of long ways."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.lines = [(box.head, *wrapped(box.text)) for box in chart.boxes]
        self.ranks = _ranks(len(chart.boxes), chart.ways)
        self.widths = [max(map(width_of, lines)) + 2 * PAD for lines in self.lines]
        self.heights = [len(lines) * LINE_HEIGHT + 2 * PAD for lines in self.lines]
        self.chains: list[list[int]] = [self.chain(way) for way in chart.ways]
        self.rows: list[list[int]] = [[] for _ in range(max(self.ranks) + 1)]
        for node, rank in enumerate(self.ranks):
            self.rows[rank].append(node)
        self.near: dict[int, list[int]] = {node: [] for node in range(len(self.ranks))}
        for chain in self.chains:
            for one, other in itertools.pairwise(chain):
                self.near[one].append(other)
                self.near[other].append(one)

    def chain(self, way: Way) -> list[int]:
        """The way's nodes from start to end, with a new point in each row between them."""
        first, last = self.ranks[way.start], self.ranks[way.end]
        step = 1 if last > first else -1
        label = max((width_of(line) for line in wrapped(way.label, LABEL)), default=0.0)
        between: list[int] = []
        for rank in range(first + step, last, step):
            between.append(len(self.ranks))
            self.ranks.append(rank)
            self.widths.append(max(GAP, label / 2))
            self.heights.append(0.0)
        return [way.start, *between, way.end]

    def placed(self) -> Placed:
        self.order()
        xs, ys = self.across(), self.down()
        left = min(x - width / 2 for x, width in zip(xs, self.widths, strict=True)) - MARGIN
        right = max(x + width / 2 for x, width in zip(xs, self.widths, strict=True)) + MARGIN
        xs = [x - left for x in xs]
        cells = tuple(
            Cell(box.kind, self.lines[i], xs[i], ys[i], self.widths[i], self.heights[i])
            for i, box in enumerate(self.chart.boxes)
        )
        routes = tuple(self.route(i, xs, ys) for i in range(len(self.chains)))
        last = self.rows[-1]
        height = max(ys[node] + self.heights[node] / 2 for node in last) + MARGIN
        return Placed(right - left, height, cells, routes)

    def order(self) -> None:
        for sweep in range(SWEEPS):
            place = {node: i / max(1, len(row) - 1) for row in self.rows for i, node in enumerate(row)}
            rows = self.rows if sweep % 2 == 0 else list(reversed(self.rows))
            for row in rows:
                means = {node: self.mean(node, place, upward=sweep % 2 == 0) for node in row}
                row.sort(key=lambda node: means[node])
                place |= {node: i / max(1, len(row) - 1) for i, node in enumerate(row)}

    def mean(self, node: int, place: dict[int, float], *, upward: bool) -> float:
        rank = self.ranks[node]
        near = [each for each in self.near[node] if (self.ranks[each] < rank) == upward and self.ranks[each] != rank]
        return sum(place[each] for each in near) / len(near) if near else place[node]

    def across(self) -> list[float]:
        """Rows packed from the left, then each node drawn towards its neighbours as far as the row lets it."""
        xs = [0.0] * len(self.ranks)
        for row in self.rows:
            at = 0.0
            for node in row:
                xs[node] = at + self.widths[node] / 2
                at += self.widths[node] + GAP
            middle = (at - GAP) / 2
            for node in row:
                xs[node] -= middle
        for sweep in range(SWEEPS + 1):
            downward = sweep % 2 == 0
            for row in self.rows if downward else reversed(self.rows):
                self.relax(row, xs, downward=downward)
        return xs

    def relax(self, row: list[int], xs: list[float], *, downward: bool) -> None:
        """Each node under (or over) its neighbours, as far as those beside it let it: the mean of pushing all that
        overlap to the right, and to the left."""
        wanted = [self.wanted(node, xs, downward=downward) for node in row]
        right, left = list(wanted), list(wanted)
        for i in range(1, len(row)):
            right[i] = max(right[i], right[i - 1] + self.apart(row[i - 1], row[i]))
        for i in range(len(row) - 2, -1, -1):
            left[i] = min(left[i], left[i + 1] - self.apart(row[i], row[i + 1]))
        for i, node in enumerate(row):
            xs[node] = (right[i] + left[i]) / 2

    def apart(self, one: int, other: int) -> float:
        return (self.widths[one] + self.widths[other]) / 2 + GAP

    def wanted(self, node: int, xs: list[float], *, downward: bool) -> float:
        rank = self.ranks[node]
        near = [each for each in self.near[node] if self.ranks[each] != rank and (self.ranks[each] < rank) == downward]
        return sum(xs[each] for each in near) / len(near) if near else xs[node]

    def down(self) -> list[float]:
        ys = [0.0] * len(self.ranks)
        top = MARGIN
        for i, row in enumerate(self.rows):
            tallest = max((self.heights[node] for node in row), default=0.0)
            for node in row:
                ys[node] = top + tallest / 2
            top += tallest + self.room(i)
        return ys

    def room(self, rank: int) -> float:
        """Below a row, for the labels of the ways that begin there."""
        lines = [
            len(wrapped(way.label, LABEL)) for way in self.chart.ways if rank in (self.ranks[way.start], self.top(way))
        ]
        return ROW_GAP + max(0, max(lines, default=0) - 1) * LINE_HEIGHT

    def top(self, way: Way) -> int:
        return min(self.ranks[way.start], self.ranks[way.end])

    def route(self, i: int, xs: list[float], ys: list[float]) -> Route:
        chain, way = self.chains[i], self.chart.ways[i]
        points = [(xs[node], ys[node]) for node in chain]
        first, last = chain[0], chain[-1]
        if first == last:
            points = self.loop(first, xs, ys)
        elif self.ranks[last] > self.ranks[first]:
            share = self.share(i, xs)
            points[0] = (xs[first] + share * self.widths[first], ys[first] + self.heights[first] / 2)
            points[-1] = (xs[last], ys[last] - self.heights[last] / 2)
        else:
            # a way back leaves and comes by the sides
            side = 1 if points[1][0] >= xs[first] else -1
            points[0] = (xs[first] + side * self.widths[first] / 2, ys[first])
            side = 1 if points[-2][0] >= xs[last] else -1
            points[-1] = (xs[last] + side * self.widths[last] / 2, ys[last])
        (x, y), (to_x, to_y) = points[0], points[1]
        return Route(tuple(points), wrapped(way.label, LABEL), (x + 0.6 * (to_x - x), y + 0.6 * (to_y - y)))

    def share(self, i: int, xs: list[float]) -> float:
        """Where along its box's lower edge a way begins, so that those of a fork stand apart and do not cross."""
        start = self.chart.ways[i].start
        siblings = [
            j
            for j, way in enumerate(self.chart.ways)
            if way.start == start and self.ranks[way.end] > self.ranks[way.start]
        ]
        siblings.sort(key=lambda j: xs[self.chains[j][1]])
        return 0.0 if len(siblings) < 2 else -0.35 + 0.7 * siblings.index(i) / (len(siblings) - 1)

    def loop(self, node: int, xs: list[float], ys: list[float]) -> list[tuple[float, float]]:
        x, y, half = xs[node] + self.widths[node] / 2, ys[node], self.heights[node] / 4
        return [(x, y - half), (x + GAP, y - half), (x + GAP, y + half), (x, y + half)]


def _ranks(count: int, ways: tuple[Way, ...]) -> list[int]:
    """The row of each box: below all that lead to it, ways that lead back not counted."""
    onward: dict[int, list[int]] = {i: [] for i in range(count)}
    for way in ways:
        onward[way.start].append(way.end)
    state, order = [0] * count, list[int]()
    back: set[tuple[int, int]] = set()
    for root in range(count):
        stack = [(root, iter(onward[root]))] if not state[root] else []
        state[root] = state[root] or 1
        while stack:
            node, ahead = stack[-1]
            following = next(ahead, None)
            if following is None:
                state[node] = 2
                order.append(node)
                stack.pop()
            elif state[following] == 1:
                back.add((node, following))
            elif not state[following]:
                state[following] = 1
                stack.append((following, iter(onward[following])))
    ranks = [0] * count
    for node in reversed(order):
        for following in onward[node]:
            if (node, following) not in back:
                ranks[following] = max(ranks[following], ranks[node] + 1)
    return ranks
