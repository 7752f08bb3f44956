"""WeChat's temporary media on the loopback: what was uploaded, and what customers sent, for three days each.

Source: 新增临时素材 https://developers.weixin.qq.com/doc/offiaccount/Asset_Management/New_temporary_materials.html
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

KEPT_S = 3 * 24 * 3600.0
MAX_BYTES = {"image": 10 << 20, "voice": 2 << 20, "video": 10 << 20, "thumb": 64 << 10}
STARTS = {
    "image": (b"\x89PNG", b"\xff\xd8\xff", b"GIF8"),
    "voice": (b"#!AMR", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"),
    "thumb": (b"\xff\xd8\xff",),
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A file at the vendor's. `until` is when its media id ends."""

    kind: str
    name: str
    content_type: str
    data: bytes = field(repr=False)
    until: float = 0.0


@dataclass
class MediaShelf:
    """Not frozen: it is the vendor's memory. `uploads` are the ids in the order in which they were given out."""

    clock: Callable[[], float]
    files: dict[str, Stored] = field(default_factory=dict)
    uploads: list[str] = field(default_factory=list)

    def add(self, kind: str, data: bytes, content_type: str = "image/jpeg", name: str = "file") -> str:
        """Its media id: as of a file that a customer sends."""
        media = secrets.token_urlsafe(48)
        self.files[media] = Stored(kind, name, content_type, data, self.clock() + KEPT_S)
        return media

    def known(self, media: str) -> Stored | None:
        found = self.files.get(media)
        return found if found is not None and found.until > self.clock() else None

    async def upload(self, request: web.Request) -> web.Response | int:
        """The answer, or the errcode that refuses it."""
        kind = request.query.get("type", "")
        if kind not in MAX_BYTES:
            return 40004
        if request.content_type != "multipart/form-data":
            return 41005
        part = (await request.post()).get("media")
        if not isinstance(part, web.FileField):
            return 41005
        data = part.file.read()
        if len(data) > MAX_BYTES[kind]:
            return 45001
        if kind in STARTS and not data.startswith(STARTS[kind]):
            return 40005
        media = self.add(kind, data, part.content_type, part.filename)
        self.uploads.append(media)
        name = "thumb_media_id" if kind == "thumb" else "media_id"
        return web.json_response({"type": kind, name: media, "created_at": int(self.clock())})

    def get(self, media: str, base: str) -> web.Response | int:
        found = self.known(media)
        if found is None:
            return 40007
        if found.kind == "video":
            return web.json_response({"video_url": f"{base}/video/{media}"})
        disposition = {"Content-Disposition": f'attachment; filename="{media[:16]}"'}
        return web.Response(body=found.data, content_type=found.content_type, headers=disposition)

    async def video(self, request: web.Request) -> web.Response:
        found = self.known(request.match_info["media"])
        return web.Response(body=found.data, content_type="video/mp4") if found else web.Response(status=404)
