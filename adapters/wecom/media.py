"""Temporary media of WeCom: three days, under an id of the company's.

Sources: 上传临时素材 https://developer.work.weixin.qq.com/document/path/90253
获取临时素材 https://developer.work.weixin.qq.com/document/path/90254
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.channel import Answer, Exchange, Judgement, MediaKind, MediaTerms, Upload, Uploaded
from adapters.errcodes import read_json
from adapters.message import Content, File, Image, Video, Voice
from adapters.multipart import form
from adapters.wecom.api import Api, judge

KEEP_S = 3 * 24 * 3600.0
MB = 1 << 20
TERMS: Mapping[MediaKind, MediaTerms] = {
    "image": MediaTerms(10 * MB, frozenset(("image/jpeg", "image/png"))),
    "voice": MediaTerms(2 * MB, frozenset(("audio/amr",))),
    "video": MediaTerms(10 * MB, frozenset(("video/mp4",))),
    "file": MediaTerms(20 * MB),
}


def upload(api: Api, given: Upload, now: float) -> Exchange[Uploaded]:
    return uploaded((yield form(api.url(f"/cgi-bin/media/upload?type={given.kind}"), "media", given, {})), now)


def uploaded(answer: Answer, now: float) -> Uploaded | Judgement:
    """What the answer to an upload gives."""
    judged = judge(answer.status, answer.body)
    if judged.verdict != "ok":
        return judged
    media = (read_json(answer.body) or {}).get("media_id")
    if not isinstance(media, str) or not media:
        return Judgement("retry", "the upload was answered without a media_id")
    return Uploaded(media, now + KEEP_S)


def download(api: Api, content: Content) -> Exchange[bytes]:
    """The bytes come as they are; what went wrong comes as JSON."""
    if not isinstance(content, Image | Voice | Video | File) or not content.media:
        return Judgement("dead", "there is no media_id to download by")
    answer = yield api.get("/cgi-bin/media/get", media_id=content.media)
    as_file = "content-disposition" in answer.headers or "json" not in answer.headers.get("content-type", "json")
    if answer.status == 200 and as_file:
        return answer.body
    judged = judge(answer.status, answer.body)
    return judged if judged.verdict != "ok" else Judgement("retry", "the download was answered without the file")
