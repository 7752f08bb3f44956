"""A chart as Mermaid's text: https://mermaid.js.org/syntax/flowchart.html."""

from __future__ import annotations

from flows.drawing.chart import Box, Chart

_SHAPES = {
    "start": ("([", "])"), "ask": ("[/", "/]"), "say": ("(", ")"), "call": ("[[", "]]"), "set": ("[", "]"),
    "fork": ("{", "}"), "flow": ("{{", "}}"), "end": ("([", "])"),
}  # fmt: skip


def to_mermaid(chart: Chart) -> str:
    lines = ["flowchart TD"]
    lines += [f"  n{i}{_shape(box)}" for i, box in enumerate(chart.boxes)]
    for way in chart.ways:
        arrow = f"-->|{_quoted(way.label)}|" if way.label else "-->"
        lines.append(f"  n{way.start} {arrow} n{way.end}")
    return "\n".join(lines) + "\n"


def _shape(box: Box) -> str:
    left, right = _SHAPES[box.kind]
    words = "\n".join(part for part in (box.head, box.text) if part)
    return f"{left}{_quoted(words)}{right}"


def _quoted(text: str) -> str:
    """In quotes every sign stands for itself, but quotes and what begins an entity or a tag."""
    for sign, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;"), ("\n", "<br/>")):
        text = text.replace(sign, entity)
    return f'"{text}"'
