"""Media up and down.

Sources: 上传媒体文件 https://open.dingtalk.com/document/orgapp/upload-media-files
下载机器人接收消息的文件内容 https://open.dingtalk.com/document/orgapp/download-the-file-content-of-the-robot-receiving-message
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

from adapters.channel import Answer, Exchange, Judgement, MediaKind, MediaTerms, Outgoing, Upload, Uploaded
from adapters.dingtalk.answers import read_judgement
from adapters.dingtalk.inbound import fingerprint
from adapters.errcodes import read_json
from adapters.message import Content, File, Image, Video, Voice

UPLOAD = "/media/upload"
DOWNLOAD = "/v1.0/robot/messageFiles/download"
MB = 1024 * 1024
TERMS: Mapping[MediaKind, MediaTerms] = {
    "image": MediaTerms(20 * MB, frozenset(("image/jpeg", "image/png", "image/gif", "image/bmp"))),
    "voice": MediaTerms(2 * MB, frozenset(("audio/amr", "audio/mpeg", "audio/wav", "audio/ogg"))),
    "video": MediaTerms(20 * MB, frozenset(("video/mp4",))),
    "file": MediaTerms(20 * MB),
}
"""As the upload's document says; it gives no time after which a media id ends."""


def upload(base: str, given: Upload) -> Exchange[Uploaded]:
    """The media id begins with `@`."""
    boundary = f"yd{fingerprint(given.data, given.name.encode('utf-8', 'surrogatepass'))}"
    name = re.sub(r'[\x00-\x1f"\\\ud800-\udfff]', "_", given.name) or "file"
    body = b"".join(
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="type"\r\n\r\n{given.kind}\r\n'.encode(),
            f'--{boundary}\r\nContent-Disposition: form-data; name="media"; filename="{name}"\r\n'.encode(),
            f"Content-Type: {given.content_type or 'application/octet-stream'}\r\n\r\n".encode(),
            given.data,
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )
    answer: Answer = yield Outgoing(body, f"multipart/form-data; boundary={boundary}", f"{base}{UPLOAD}")
    judged = read_judgement(answer.status, answer.body)
    if judged.verdict != "ok":
        return judged
    media = (read_json(answer.body) or {}).get("media_id")
    if not isinstance(media, str) or not media:
        return Judgement("dead", "DingTalk took the file but gave no media id for it")
    return Uploaded(media)


def download(base: str, robot: str, content: Content) -> Exchange[bytes]:
    """By the download code, which a message brings, an address is asked for; what is there is the file."""
    if not isinstance(content, Image | Voice | Video | File) or not content.media:
        return Judgement("dead", "the message brings no download code")
    body = orjson.dumps({"downloadCode": content.media, "robotCode": robot})
    asked: Answer = yield Outgoing(body, "application/json", f"{base}{DOWNLOAD}")
    judged = read_judgement(asked.status, asked.body)
    if judged.verdict != "ok":
        return judged
    url = (read_json(asked.body) or {}).get("downloadUrl")
    if not isinstance(url, str) or not url.startswith(("https://", "http://")):
        return Judgement("dead", "DingTalk gave no address to download the file from")
    file: Answer = yield Outgoing(b"", "", url, "GET", needs_token=False)
    if file.status != 200:
        return Judgement("retry" if file.status >= 500 else "dead", f"the file's address answered HTTP {file.status}")
    promised = file.headers.get("content-length", "")
    if promised.isascii() and promised.isdigit() and int(promised) > len(file.body) and not _packed(file):
        return Judgement("dead", f"the file has {promised} bytes, which is more than is taken")
    return file.body


def _packed(answer: Answer) -> bool:
    """Whether the length that it came with is that of a compressed body."""
    return answer.headers.get("content-encoding", "identity") != "identity"
