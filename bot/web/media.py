"""Kept files, to who holds a signed address of one: `/media/<ref>?until=…&sign=…`."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from aiohttp import web

from bot.media.kinds import matches
from bot.media.media import Media
from bot.store import StoreDown

SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "audio/*", "video/*")
"""What a browser shows in the page; anything else it only saves. No SVG, HTML or PDF: these can run."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "private, max-age=3600",
}


class Files:
    """The route; there is no list of files, and whatever is not given out is 404."""

    def __init__(self, media: Media, clock: Callable[[], float]) -> None:
        self._media = media
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/media/{ref}", self.show)]

    async def show(self, request: web.Request) -> web.Response:
        ref, query = request.match_info["ref"], request.query
        if not self._media.admits(ref, query.get("until", ""), query.get("sign", ""), self._clock()):
            return web.Response(status=404, text="not found", headers=HEADERS)
        try:
            blob = await self._media.blobs.get(ref)
        except StoreDown:
            return web.Response(status=503, text="the store does not answer", headers={"Retry-After": "1"})
        if blob is None:
            return web.Response(status=404, text="not found", headers=HEADERS)
        how = "inline" if matches(blob.content_type, SHOWN) else "attachment"
        shown = blob.content_type if how == "inline" else "application/octet-stream"
        headers = {**HEADERS, "Content-Disposition": f"{how}; filename*=UTF-8''{quote(blob.name, safe='')}"}
        return web.Response(body=blob.data, content_type=shown, headers=headers)
