"""What bytes are, by what they begin with: no word of a server or a customer is believed. Pure.

Signatures: the registrations at https://www.iana.org/assignments/media-types/ and https://en.wikipedia.org/wiki/List_of_file_signatures;
SILK v3 is what WeChat's phones record (a byte 0x02 before its mark), AMR is RFC 4867.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from adapters.channel import MediaKind

UNKNOWN = "application/octet-stream"

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"#!AMR", "audio/amr"),
    (b"#!SILK_V3", "audio/silk"),
    (b"\x02#!SILK_V3", "audio/silk"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"FLV\x01", "video/x-flv"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)
_RIFF: Mapping[bytes, str] = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS: Mapping[bytes, str] = {
    b"M4A ": "audio/mp4", b"qt  ": "video/quicktime", b"heic": "image/heic", b"heix": "image/heic",
    b"mif1": "image/heif", b"avif": "image/avif", b"3gp4": "video/3gpp", b"3gp5": "video/3gpp",
}  # fmt: skip
_OFFICE: tuple[tuple[bytes, str], ...] = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|svg|\?xml|script|head|body)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_LOOKED_AT = 4096

EXTENSIONS: Mapping[str, str] = {
    "image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/bmp": ".bmp", "image/tiff": ".tiff",
    "image/webp": ".webp", "image/heic": ".heic", "image/heif": ".heif", "image/avif": ".avif",
    "audio/amr": ".amr", "audio/silk": ".silk", "audio/mpeg": ".mp3", "audio/ogg": ".ogg", "audio/flac": ".flac",
    "audio/wav": ".wav", "audio/mp4": ".m4a", "video/mp4": ".mp4", "video/webm": ".webm", "video/x-flv": ".flv",
    "video/x-msvideo": ".avi", "video/quicktime": ".mov", "video/3gpp": ".3gp", "application/pdf": ".pdf",
    "application/zip": ".zip", "application/gzip": ".gz", "application/vnd.rar": ".rar",
    "application/x-7z-compressed": ".7z", "text/plain": ".txt", "text/markup": ".xml",
    **dict(zip((kind for _, kind in _OFFICE), (".docx", ".xlsx", ".pptx"), strict=True)),
}  # fmt: skip

KIND_TYPES: Mapping[MediaKind, tuple[str, ...]] = {
    "image": ("image/*",),
    "thumb": ("image/*",),
    "voice": ("audio/*", "video/mp4", "video/3gpp", "video/webm"),
    "video": ("video/*",),
    "file": ("*",),
}
"""What the bytes of each kind may be found to be; some phones record voice into a video's container."""


def content_type(data: bytes) -> str:
    """What `data` is; `text/plain` for UTF-8 without control characters, `text/markup` for HTML, SVG and XML (no
    browser's name for it: it is never to be shown as such), else `application/octet-stream`."""
    for start, kind in _STARTS:
        if data.startswith(start):
            return _office(data) if kind == "application/zip" else kind
    if data[:4] == b"RIFF":
        return _RIFF.get(data[8:12], UNKNOWN)
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "video/mp4")
    if len(data) > 2 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2:  # an MPEG frame of layer III
        return "audio/mpeg"
    return _text(data[:_LOOKED_AT])


def may_be(kind: MediaKind, found: str) -> bool:
    """Whether bytes found to be `found` may stand for `kind`."""
    return matches(found, KIND_TYPES[kind])


def matches(found: str, patterns: tuple[str, ...] | frozenset[str]) -> bool:
    """Whether a content type is one of `patterns` (`image/*`)."""
    return any(fnmatchcase(found, pattern) for pattern in patterns)


def file_name(name: str, found: str) -> str:
    """`name` without folders and controls, with an ending that says what the bytes are where it has none."""
    plain = re.sub(r"[\x00-\x1f\x7f]", "", name.replace("\\", "/").rpartition("/")[2]).strip(" .")[-120:]
    ending = EXTENSIONS.get(found, "")
    if not plain:
        return f"file{ending}"
    return plain if re.search(r"\.\w{1,8}$", plain) else f"{plain}{ending}"


def _office(data: bytes) -> str:
    return next((kind for mark, kind in _OFFICE if mark in data[:_LOOKED_AT]), "application/zip")


def _text(head: bytes) -> str:
    try:
        # the last character may be cut
        text = head.decode("utf-8") if len(head) < _LOOKED_AT else head[:-3].decode("utf-8", "ignore")
    except UnicodeDecodeError:
        return UNKNOWN
    if not text or _CONTROL.search(text) or len(text.encode()) < len(head) - 8:
        return UNKNOWN
    return "text/markup" if _MARKUP.match(head.removeprefix(b"\xef\xbb\xbf")) else "text/plain"
