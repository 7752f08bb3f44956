"""WeChat's temporary media: files up, under a media id that lasts three days, and files that customers sent down.

Sources: 新增临时素材 https://developers.weixin.qq.com/doc/offiaccount/Asset_Management/New_temporary_materials.html
获取临时素材 https://developers.weixin.qq.com/doc/offiaccount/Asset_Management/Get_temporary_materials.html
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import orjson

from adapters.channel import Answer, Exchange, Judgement, MediaKind, MediaTerms, Outgoing, Upload, Uploaded
from adapters.message import Content, File, Image, Json, Video, Voice
from adapters.multipart import form
from adapters.wechat.push import ANSWERS

UPLOAD, GET = "/cgi-bin/media/upload", "/cgi-bin/media/get"
KEPT_S = 3 * 24 * 3600.0
MB = 1024 * 1024

TERMS: Mapping[MediaKind, MediaTerms] = {
    "image": MediaTerms(10 * MB, frozenset(("image/png", "image/jpeg", "image/gif"))),
    "voice": MediaTerms(2 * MB, frozenset(("audio/amr", "audio/mpeg"))),
    "video": MediaTerms(10 * MB, frozenset(("video/mp4",))),
    "thumb": MediaTerms(64 * 1024, frozenset(("image/jpeg",))),
}
"""By the document's table; a voice may last 60 s, which only WeChat measures."""


def upload(file: Upload, now: float, api_base: str) -> Exchange[Uploaded]:
    answer = yield form(f"{api_base}{UPLOAD}?type={file.kind}", "media", file, {})
    fields = _json(answer)
    media = fields.get("media_id") or fields.get("thumb_media_id")
    if answer.status == 200 and isinstance(media, str):
        return Uploaded(media, now + KEPT_S)
    return _refused(answer)


def download(content: Content, api_base: str) -> Exchange[bytes]:
    """The bytes; of a video WeChat gives the address. Errors come as JSON with HTTP 200."""
    media = content.media if isinstance(content, Image | Voice | Video | File) else ""
    if not media:
        return Judgement("dead", "the message has no media id")
    answer = yield Outgoing(b"", "", f"{api_base}{GET}?media_id={quote(media, safe='')}", "GET")
    fields = _json(answer)
    if isinstance(address := fields.get("video_url"), str):
        answer = yield Outgoing(b"", "", address, "GET", needs_token=False)
        fields = {}
    return _refused(answer) if answer.status != 200 or "errcode" in fields else answer.body


def _refused(answer: Answer) -> Judgement:
    judged = ANSWERS.judge(answer.status, answer.body)
    if judged.verdict != "ok":
        return judged
    return Judgement("retry", "WeChat took the file's call, but its answer is not what its document says")


def _json(answer: Answer) -> Mapping[str, Json]:
    if not answer.body.lstrip().startswith(b"{"):
        return {}
    try:
        fields = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}
