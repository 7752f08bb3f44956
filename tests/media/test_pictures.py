"""Pictures are made to fit, and none that is made to harm is opened."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from adapters.channel import MediaTerms
from bot.media.pictures import shrunk
from tests.media.making import picture

JPEG = MediaTerms(64 * 1024, frozenset({"image/jpeg"}))


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that would fill `side` times `side` pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * 64), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7000, 20_000, 100_000])
def test_a_picture_that_would_fill_the_memory_is_not_opened(side: int) -> None:
    assert shrunk(bomb(side), JPEG) is None


@given(st.integers(1, 900), st.integers(1, 900), st.sampled_from(["PNG", "BMP", "GIF", "WEBP", "TIFF"]), st.booleans())
def test_any_picture_is_made_to_fit(width: int, height: int, kind: str, noise: bool) -> None:
    fits = shrunk(picture(width, height, kind, noise=noise), JPEG)
    assert fits is not None
    data, content_type = fits
    assert content_type == "image/jpeg"
    assert len(data) <= JPEG.max_bytes
    with Pillow.open(io.BytesIO(data)) as made:
        assert made.format == "JPEG"
        assert max(made.size) <= max(width, height)


def test_what_shows_through_becomes_white() -> None:
    out = io.BytesIO()
    Pillow.new("RGBA", (10, 10), (0, 0, 0, 0)).save(out, "PNG")
    fits = shrunk(out.getvalue(), JPEG)
    assert fits is not None
    with Pillow.open(io.BytesIO(fits[0])) as made:
        assert made.getpixel((5, 5)) == (255, 255, 255)


@given(st.binary(max_size=400), st.integers(0, 200))
def test_bytes_that_are_no_picture_are_none(tail: bytes, keep: int) -> None:
    shrunk(picture()[:keep] + tail, JPEG)
    assert shrunk(b"#!AMR" + tail, JPEG) is None


def test_a_vendor_that_takes_no_picture_format_of_ours_gets_none() -> None:
    assert shrunk(picture(), MediaTerms(10_000, frozenset({"audio/amr"}))) is None
    assert shrunk(picture(500, 500, noise=True), MediaTerms(100, frozenset())) is None
