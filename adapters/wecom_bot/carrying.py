"""Media of an AI bot: uploads in pieces over the WebSocket, downloads that are decrypted.

Sources: 智能机器人长连接, 上传临时素材 https://developer.work.weixin.qq.com/document/path/101463
接收消息, 图片 https://developer.work.weixin.qq.com/document/path/100719
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

from adapters.channel import Answer, Exchange, Judgement, MediaKind, MediaTerms, Outgoing, Upload, Uploaded
from adapters.crypto import BadEnvelope, open_file
from adapters.errcodes import RETRY_STATUS
from adapters.message import Content, File, Image, Json, Video, Voice
from adapters.pictures import PICTURES
from adapters.wecom_bot import link
from adapters.wecom_bot.inbound import KEY

CHUNK_BYTES = 512 * 1024
CHUNKS = 100
MEDIA_S = 3 * 86400.0
LINK_TERMS: Mapping[MediaKind, MediaTerms] = {
    "image": MediaTerms(10 * 1024 * 1024, PICTURES | {"image/gif"}),
    "voice": MediaTerms(2 * 1024 * 1024, frozenset(("audio/amr",))),
    "video": MediaTerms(10 * 1024 * 1024, frozenset(("video/mp4",))),
    "file": MediaTerms(20 * 1024 * 1024),
}
"""The sizes are those of WeCom's other temporary media; the SDK itself stops at 100 pieces of 512 KB."""

T = TypeVar("T")


def at_once(value: T) -> Exchange[T]:
    """An exchange without a call."""
    yield from ()
    return value


def upload(one: Upload, now: float, frames: link.Frames) -> Exchange[Uploaded]:
    """First what comes, then its pieces, then that it is all."""
    pieces = [one.data[at : at + CHUNK_BYTES] for at in range(0, len(one.data), CHUNK_BYTES)]
    if not 0 < len(pieces) <= CHUNKS:
        return Judgement("dead", f"the file has {len(one.data)} bytes; 1 to {CHUNKS * CHUNK_BYTES} can be uploaded")
    told = {
        "type": one.kind,
        "filename": one.name or one.kind,
        "total_size": len(one.data),
        "total_chunks": len(pieces),
        "md5": hashlib.md5(one.data, usedforsecurity=False).hexdigest(),
    }
    begun = _word((yield frames("aibot_upload_media_init", told)))
    if not begun.receipt:
        return _failed(begun, "no upload_id")
    for place, piece in enumerate(pieces):
        body: Json = {
            "upload_id": begun.receipt,
            "chunk_index": place,
            "base64_data": base64.b64encode(piece).decode(),
        }
        taken = _word((yield frames("aibot_upload_media_chunk", body)))
        if taken.verdict != "ok":
            return taken
    ended = _word((yield frames("aibot_upload_media_finish", {"upload_id": begun.receipt})))
    return Uploaded(ended.receipt, now + MEDIA_S) if ended.receipt else _failed(ended, "no media_id")


def _word(answer: Answer) -> Judgement:
    found = link.read(answer.body.decode("utf-8", "replace"), lambda fields: None)
    return found.word[1] if found.word else Judgement("retry", "WeCom answered something else to an upload")


def _failed(judged: Judgement, what: str) -> Judgement:
    return Judgement("retry", f"WeCom gave {what} for an upload") if judged.verdict == "ok" else judged


def download(content: Content, keys: Sequence[bytes]) -> Exchange[bytes]:
    """The file behind what was received, which WeCom keeps for 5 minutes; `keys`: the account's own."""
    if not isinstance(content, Image | Voice | Video | File) or not content.url:
        return Judgement("dead", "there is nothing to fetch")
    answer = yield Outgoing(b"", "application/octet-stream", content.url, "GET", needs_token=False)
    if answer.status in RETRY_STATUS or answer.status >= 500:
        return Judgement("retry", f"the file's address answered HTTP {answer.status}", str(answer.status))
    if answer.status != 200:
        reason = f"the file's address answered HTTP {answer.status}: WeCom keeps it for 5 minutes"
        return Judgement("dead", reason, str(answer.status))
    for key in _keys_of(content.media, keys):
        try:
            return open_file(answer.body, key)
        except BadEnvelope:
            continue
    return Judgement("dead", "the file does not decrypt: is encoding_aes_key the one on the bot's page?")


def _keys_of(media: str, keys: Sequence[bytes]) -> Sequence[bytes]:
    own = media.removeprefix(KEY).strip()
    if not own or not media.startswith(KEY):
        return keys
    try:
        return [base64.b64decode(own + "=" * (-len(own) % 4))]
    except (binascii.Error, ValueError):
        return []
