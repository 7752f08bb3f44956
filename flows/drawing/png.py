"""A chart as PNG, drawn by Pillow with a Chinese font of this machine."""

from __future__ import annotations

import io
import math
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from flows.drawing.layout import FONT, LINE_HEIGHT, Placed, width_of
from flows.drawing.svg import COLOURS, GREY

SCALE = 2
FONTS = (
    "NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "NotoSansCJKsc-Regular.otf", "SourceHanSansSC-Regular.otf",
    "NotoSerifCJK-Regular.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf", "PingFang.ttc",
    "STHeiti Light.ttc", "msyh.ttc", "simhei.ttf", "simsun.ttc",
)  # fmt: skip
"""Fonts with Chinese, the plainest first."""
FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts", "/System/Library/Fonts",
           "/Library/Fonts", "C:/Windows/Fonts")  # fmt: skip


class NoFont(LookupError):
    """There is no font with Chinese on this machine; the text says how to mend it."""


@cache
def find_font() -> Path:
    """Raises `NoFont`."""
    folders = [Path(folder).expanduser() for folder in FOLDERS]
    there = {path.name: path for folder in folders if folder.is_dir() for path in folder.rglob("*.[to]t[cf]")}
    found = next((there[name] for name in FONTS if name in there), None)
    if found is None:
        raise NoFont("no font with Chinese is installed: install fonts-noto-cjk, or draw with --format svg")
    return found


def to_png(placed: Placed) -> bytes:
    """Raises `NoFont`."""
    font = ImageFont.truetype(str(find_font()), round(FONT * SCALE))
    image = Image.new("RGB", (round(placed.width * SCALE), round(placed.height * SCALE)), "#ffffff")
    draw = ImageDraw.Draw(image)
    for route in placed.routes:
        points = [(x * SCALE, y * SCALE) for x, y in route.points]
        draw.line(points, fill=GREY, width=3, joint="curve")
        _arrow(draw, points[-2], points[-1])
    labelled = [route for route in placed.routes if route.label]
    for route in labelled:
        width, height = max(map(width_of, route.label)) + 6, len(route.label) * LINE_HEIGHT
        draw.rectangle(_scaled(*route.at, width, height), fill="#ffffff")
    for cell in placed.cells:
        ground, border, words = COLOURS[cell.kind]
        box = _scaled(cell.x, cell.y, cell.width, cell.height)
        radius = cell.height / 2 if cell.kind in ("start", "end") else 10 if cell.kind == "say" else 3
        draw.rounded_rectangle(box, radius * SCALE, fill=ground, outline=border, width=3)
        _lines(draw, font, cell.lines, (cell.x, cell.y), words)
    for route in labelled:
        _lines(draw, font, route.label, route.at, GREY)
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return written.getvalue()


def _scaled(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    left, top = (x - width / 2) * SCALE, (y - height / 2) * SCALE
    return left, top, left + width * SCALE, top + height * SCALE


def _lines(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont,
    lines: tuple[str, ...],
    middle: tuple[float, float],
    colour: str,
) -> None:
    x, y = middle
    top = y - (len(lines) - 1) * LINE_HEIGHT / 2
    for i, line in enumerate(lines):
        draw.text((x * SCALE, (top + i * LINE_HEIGHT) * SCALE), line, fill=colour, font=font, anchor="mm")


def _arrow(draw: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float]) -> None:
    angle = math.atan2(end[1] - start[1], end[0] - start[0])
    wings = [(end[0] - 18 * math.cos(angle + turn), end[1] - 18 * math.sin(angle + turn)) for turn in (-0.4, 0.4)]
    draw.polygon([end, *wings], fill=GREY)
