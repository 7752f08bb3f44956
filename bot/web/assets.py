"""The pages' files, read once, and the headers that pages go out with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    content_type: str
    etag: str


def load_assets(folder: Path = STATIC) -> Mapping[str, Asset]:
    """Every file of the folder by its name."""
    return {path.name: _asset(path) for path in sorted(folder.iterdir()) if path.suffix in TYPES}


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(body, TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:16])


def policy(frame_ancestors: str, images: str = "'self' http: https:") -> Mapping[str, str]:
    """Headers of a page: nothing runs or loads but our own files, and pictures that a bot shows."""
    rules = (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", f"img-src {images}",
        f"media-src {images}", "base-uri 'none'", "form-action 'self'", f"frame-ancestors {frame_ancestors}",
    )  # fmt: skip
    return {
        "Content-Security-Policy": "; ".join(rules),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }


def answer(request: web.Request, asset: Asset, headers: Mapping[str, str] | None = None) -> web.Response:
    """The file, or 304 where the browser has it: checked each time, so that a deploy is seen at once."""
    every = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", **(headers or {})}
    has = any(tag.value == asset.etag for tag in request.if_none_match or ())
    made = web.Response(status=304, headers=every) if has else web.Response(
        body=asset.body, content_type=asset.content_type, charset="utf-8", headers=every
    )  # fmt: skip
    made.etag = asset.etag
    return made
