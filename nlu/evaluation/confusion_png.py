"""The confusion matrix as a picture, drawn with Pillow: a tenth of what matplotlib would add to an install."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CELL = 26
MARGIN = 16
_FONT_SIZE = 13
_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "SourceHanSansCN-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "msyh.ttc",
    "simhei.ttf",
)
"""Where a system has one of these, Chinese names are drawn as they are; else by number (see `labels`)."""

_INK, _PAPER, _RIGHT, _WRONG = (32, 33, 36), (255, 255, 255), (52, 120, 246), (214, 69, 65)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw_confusion(matrix: Mapping[str, Mapping[str, int]], path: Path) -> None:
    """Rows are what was meant, columns what was understood; `matrix[meant][understood]` is a count."""
    names = sorted({*matrix, *(name for row in matrix.values() for name in row)})
    font = chinese_font()
    shown = labels(names, chinese=font is not None)
    pen: Font = font or ImageFont.load_default(_FONT_SIZE)
    side = int(max((pen.getlength(label) for label in shown), default=0)) + 2 * MARGIN
    size = side + CELL * len(names) + MARGIN
    image = Image.new("RGB", (size, size), _PAPER)
    _draw_cells(ImageDraw.Draw(image), matrix, names, side, pen)
    _draw_labels(image, shown, side, pen)
    image.save(path)


def labels(names: Sequence[str], *, chinese: bool) -> list[str]:
    """Names that the font at hand can show: a name beyond ASCII becomes `#` and its place in the alphabet."""
    return [name if chinese or name.isascii() else f"#{place}" for place, name in enumerate(names, 1)]


def chinese_font() -> ImageFont.FreeTypeFont | None:
    """A font of this system that has Chinese characters, or None."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, _FONT_SIZE)
        except OSError:
            continue
    return None


def _draw_cells(
    draw: ImageDraw.ImageDraw, matrix: Mapping[str, Mapping[str, int]], names: Sequence[str], side: int, font: Font
) -> None:
    for y, meant in enumerate(names):
        row = matrix.get(meant, {})
        total = max(1, sum(row.values()))
        for x, understood in enumerate(names):
            count = row.get(understood, 0)
            left, top = side + x * CELL, side + y * CELL
            share = count / total
            color = _blend(_RIGHT if x == y else _WRONG, share if x == y else min(1.0, 3 * share))
            draw.rectangle((left, top, left + CELL - 1, top + CELL - 1), fill=color, outline=(225, 227, 230))
            if count:
                ink = _PAPER if sum(color) < 380 else _INK
                draw.text((left + CELL / 2, top + CELL / 2), str(count), fill=ink, font=font, anchor="mm")


def _draw_labels(image: Image.Image, shown: Sequence[str], side: int, font: Font) -> None:
    draw = ImageDraw.Draw(image)
    upright = Image.new("RGB", (side, CELL * len(shown)), _PAPER)
    above = ImageDraw.Draw(upright)
    for place, label in enumerate(shown):
        middle = place * CELL + CELL / 2
        draw.text((side - 6, side + middle), label, fill=_INK, font=font, anchor="rm")
        # turned by a quarter, what is written from the left edge stands on the matrix
        above.text((6, middle), label, fill=_INK, font=font, anchor="lm")
    image.paste(upright.transpose(Image.Transpose.ROTATE_90), (side, 0))


def _blend(color: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    r, g, b = (round(255 + (full - 255) * share) for full in color)
    return r, g, b
