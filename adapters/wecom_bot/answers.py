"""What WeCom answers to what an AI bot sends, by errcode: the response of a response_url, the word on a frame.

Sources: 主动回复消息 https://developer.work.weixin.qq.com/document/path/101138
智能机器人长连接 https://developer.work.weixin.qq.com/document/path/101463
全局错误码 https://developer.work.weixin.qq.com/document/path/90313
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.channel import Judgement, Verdict
from adapters.errcodes import RETRY_STATUS, Errcodes, bounded, read_json

NOT_SUBSCRIBED = 846609

ERRCODES: Mapping[int, tuple[Verdict, str]] = {
    0: ("ok", ""),
    -1: ("retry", "WeCom is busy"),
    45009: ("retry", "the bot sends too much: 30 messages a minute and 1000 an hour go into one chat"),
    45033: ("retry", "too many calls at a time"),
    45047: ("retry", "the bot sends too much into this chat"),
    846601: ("retry", "WeCom's WebSocket service is busy"),
    846602: ("retry", "WeCom's WebSocket service is busy"),
    846605: ("elsewhere", "the message can no longer be answered by its req_id"),
    846608: ("elsewhere", "the streamed answer has expired: WeCom takes it for 6 minutes"),
    NOT_SUBSCRIBED: ("retry", "the connection has lost its subscription"),
    40001: ("config", "secret is not valid: copy it again from the bot's page in WeCom"),
    40003: ("dead", "there is no such member or chat, or they have never spoken with the bot"),
    40007: ("dead", "the media_id is not valid or older than 3 days: upload the file again"),
    40008: ("dead", "the message type is not valid"),
    40058: ("dead", "a field of the message is not valid"),
    41010: ("dead", "a field of the message is missing"),
    44004: ("dead", "the message is empty"),
    45002: ("dead", "the message is longer than WeCom allows"),
    47001: ("dead", "WeCom cannot read the message's JSON"),
}
"""errcode -> what to do, and the sentence for the operator. The codes from 846601 on are known from the vendor's SDK
and its users, not from a document."""

_WORDS = Errcodes("WeCom", ERRCODES, keys="bot_id and secret", base="ws_url")
TRANSIENT = frozenset((-1, 45009, 45033, 846601, 846602))
"""Codes that say nothing of the keys where a subscription is refused."""


def of_response_url(status: int, body: bytes) -> Judgement:
    """What the answer of a response_url means. It takes one message within an hour: whatever else it is refused for,
    this way is closed."""
    if status in RETRY_STATUS or status >= 500:
        return Judgement("retry", f"WeCom's response_url answered HTTP {status}", str(status))
    answer = read_json(body)
    if status == 200 and answer is None:
        return Judgement("retry", "the response_url answered something else than JSON")
    code = answer.get("errcode", 0) if answer and status == 200 else status
    if not isinstance(code, int) or code not in ERRCODES:
        said = bounded(str(answer.get("errmsg", ""))) if answer else f"HTTP {status}"
        return Judgement("elsewhere", f"the response_url is used up or older than an hour: {said}", str(code))
    return _WORDS.of(code, "")


def of_frame(code: int, words: str, *, ours: bool, receipt: str = "") -> Judgement:
    """The vendor's word on a frame. `ours`: the frame had an id of our own, it answered no message of theirs."""
    if code == 0:
        return Judgement("ok", receipt=receipt)
    if code not in ERRCODES and not ours:
        # a message that can no longer be answered can still be spoken to
        return Judgement("elsewhere", f"{code}: WeCom refuses the answer: {bounded(words)}", str(code))
    return _WORDS.of(code, words)


def of_subscription(code: int, words: str) -> Judgement:
    """The vendor's word on our keys."""
    if code == 0:
        return Judgement("ok")
    if code in TRANSIENT:
        return _WORDS.of(code, words)
    reason = f"{code}: WeCom refuses the subscription: are bot_id and secret right? ({bounded(words)})"
    return Judgement("config", reason, str(code))
