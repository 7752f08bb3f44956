"""A chart as SVG: one file that every browser shows, with no script and no font of its own."""

from __future__ import annotations

from html import escape

from flows.drawing.layout import FONT, LINE_HEIGHT, Cell, Placed, Route, width_of

COLOURS = {
    "start": ("#1f2937", "#1f2937", "#ffffff"), "ask": ("#dbeafe", "#2563eb", "#111827"),
    "say": ("#ecfdf5", "#059669", "#111827"), "call": ("#fef3c7", "#d97706", "#111827"),
    "set": ("#f3f4f6", "#6b7280", "#111827"), "fork": ("#ffffff", "#6b7280", "#111827"),
    "flow": ("#ede9fe", "#7c3aed", "#111827"), "end": ("#e5e7eb", "#1f2937", "#111827"),
}  # fmt: skip
"""Of each kind of box: its ground, its border, its words."""
GREY = "#6b7280"


def to_svg(placed: Placed, title: str) -> str:
    width, height = round(placed.width), round(placed.height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="PingFang SC, Microsoft YaHei, Noto Sans CJK SC, sans-serif" font-size="{FONT:g}">',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{GREY}"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *map(_way, placed.routes),
        *(_ground(route) for route in placed.routes if route.label),
        *map(_cell, placed.cells),
        *(_lines(route.label, *route.at, GREY, bold=False) for route in placed.routes if route.label),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _way(route: Route) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in route.points)
    return f'<polyline points="{points}" fill="none" stroke="{GREY}" stroke-width="1.5" marker-end="url(#arrow)"/>'


def _ground(route: Route) -> str:
    """Behind a label, so that its way does not strike it through."""
    x, y = route.at
    width, height = max(map(width_of, route.label)) + 6, len(route.label) * LINE_HEIGHT
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" '
        'fill="#ffffff" fill-opacity="0.9"/>'
    )


def _cell(cell: Cell) -> str:
    ground, border, words = COLOURS[cell.kind]
    radius = cell.height / 2 if cell.kind in ("start", "end") else 10 if cell.kind == "say" else 3
    box = (
        f'<rect x="{cell.x - cell.width / 2:.1f}" y="{cell.y - cell.height / 2:.1f}" width="{cell.width:.1f}" '
        f'height="{cell.height:.1f}" rx="{radius:.1f}" fill="{ground}" stroke="{border}" stroke-width="1.5"/>'
    )
    return box + _lines(cell.lines, cell.x, cell.y, words, bold=True)


def _lines(lines: tuple[str, ...], x: float, y: float, colour: str, *, bold: bool) -> str:
    top = y - len(lines) * LINE_HEIGHT / 2 + LINE_HEIGHT * 0.72
    weights = [' font-weight="600"' if bold and i == 0 else "" for i in range(len(lines))]
    return "".join(
        f'<text x="{x:.1f}" y="{top + i * LINE_HEIGHT:.1f}" text-anchor="middle" fill="{colour}"{weights[i]}>'
        f"{escape(line)}</text>"
        for i, line in enumerate(lines)
    )
