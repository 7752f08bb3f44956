"""Passive replies: the body that answers WeChat's own request.

Source: 被动回复用户消息 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Passive_user_reply_message.html
"""

from __future__ import annotations

import orjson

from adapters.fields import read_fields

NOTHING = b"success"
"""The body that says: received, no reply, do not send it again. Never encrypted."""


def passive_json(xml: bytes) -> bytes:
    """The same reply for an account whose data format is JSON."""
    fields = read_fields(xml)
    return orjson.dumps(fields | {"CreateTime": int(fields["CreateTime"])})
