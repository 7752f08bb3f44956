"""Pictures made to fit what a vendor takes: another format, fewer pixels. CPU work: call it off the event loop."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator

from PIL import Image as Pillow

from adapters.channel import MediaTerms
from bot.media.kinds import matches

MAX_PIXELS = 40_000_000
"""A picture with more is not opened: a small file may hold one that fills the memory."""
SIDES = (4096, 2560, 1600, 1080, 720, 480, 240)
QUALITY = 85
_READ = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")


def shrunk(data: bytes, terms: MediaTerms) -> tuple[bytes, str] | None:
    """`data` as a JPEG (a small enough PNG, where it must stay one) that `terms` take, and its content type; None where
    it is no picture, too large to be opened, or cannot be made to fit."""
    target = next((kind for kind in ("image/jpeg", "image/png") if takes(terms, kind)), None)
    if target is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pillow.open(io.BytesIO(data), formats=_READ) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    return None
                found = next((each for each in _smaller(picture, target) if len(each) <= terms.max_bytes), None)
    except (OSError, ValueError, SyntaxError, EOFError, Pillow.DecompressionBombError):
        return None
    return (found, target) if found is not None else None


def takes(terms: MediaTerms, content_type: str) -> bool:
    """Whether the vendor takes a content type at all."""
    return not terms.content_types or matches(content_type, terms.content_types)


def _smaller(picture: Pillow.Image, target: str) -> Iterator[bytes]:
    upright = picture.convert("RGBA" if picture.mode in ("P", "LA", "PA", "RGBA") else "RGB")
    if target == "image/jpeg" and upright.mode == "RGBA":
        ground = Pillow.new("RGB", upright.size, "white")
        ground.paste(upright, mask=upright.getchannel("A"))
        upright = ground
    for side in SIDES:
        if side > 2 * max(upright.size) and side != SIDES[-1]:
            continue
        upright.thumbnail((side, side))
        out = io.BytesIO()
        if target == "image/jpeg":
            upright.save(out, "JPEG", quality=QUALITY, optimize=True)
        else:
            upright.save(out, "PNG", optimize=True)
        yield out.getvalue()
