"""The callback URL that every kind of WeCom account has: who posts is proved, what is posted is decrypted.

Sources: 回调配置 https://developer.work.weixin.qq.com/document/path/90930
加解密方案说明 https://developer.work.weixin.qq.com/document/path/90968
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from adapters.channel import Challenge, Outgoing, Reject, Request
from adapters.crypto import Envelope, Random16, Sealed, random16
from adapters.fields import Fields, read_fields, said
from adapters.markup import sealed_xml
from adapters.refusals import Refused, check_size, check_time, or_reject

WINDOW_S = 300.0
ACK = Outgoing(b"", "text/plain")
"""The answer that says: received, no reply, do not send it again. WeCom wants an empty body, not a word."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A verified callback: the decrypted fields, and what its answer must be sealed with (`Callback.seal`)."""

    fields: Fields
    stamp: Mapping[str, str]


class Callback:
    """The callback of one account. `keys` are the current EncodingAESKey and the one before it (empty ones are left
    out); `receive_id` is the corp id; `window_s` is how far the timestamp of a request may be off, in seconds (0:
    any). Raises ValueError where a key is none."""

    def __init__(
        self,
        token: SecretStr,
        keys: Sequence[SecretStr],
        receive_id: str,
        window_s: float = WINDOW_S,
        random: Random16 = random16,
    ) -> None:
        used = [key.get_secret_value() for key in keys if key.get_secret_value()]
        self._envelope = Envelope(token.get_secret_value(), used, receive_id, random)
        self._window_s = window_s

    def read(self, request: Request, now: float) -> Challenge | Opened | Reject:
        """What `request` is. Never raises: what is not WeCom's for this account is a `Reject`."""
        return or_reject(self._read, request, now)

    def _read(self, request: Request, now: float) -> Challenge | Opened:
        check_size(request.body)
        check_time(request.query, now, self._window_s, "WeCom")
        if request.method == "GET":
            # base64 has no spaces: they are plus signs that somebody on the way decoded
            return Challenge(self._echo(request.query, request.query.get("echostr", "").replace(" ", "+")))
        if request.method != "POST":
            raise Refused(405, f"{request.method} is not what WeCom sends")
        encrypt = said(read_fields(request.body), "Encrypt")
        if not encrypt:
            raise Refused(400, "the body has no <Encrypt>: WeCom sends nothing that is not encrypted")
        opened = self._envelope.open(_sealed(request.query, encrypt))
        stamp = {"timestamp": request.query["timestamp"], "nonce": request.query.get("nonce", "")}
        return Opened(read_fields(opened.message), stamp | ({"key": str(opened.key)} if opened.key else {}))

    def _echo(self, query: Mapping[str, str], echo: str) -> str:
        if not echo:
            raise Refused(400, "there is no echostr to answer with")
        try:
            return self._envelope.open(_sealed(query, echo)).message.decode()
        except UnicodeDecodeError:
            raise Refused(400, "the echostr is no text") from None

    def seal(self, body: bytes, stamp: Mapping[str, str]) -> Outgoing:
        """`body` as the answer to the callback that `stamp` is of, under the key that opened it."""
        sealed = self._envelope.seal(body, stamp["timestamp"], stamp["nonce"], int(stamp.get("key", "0")))
        return Outgoing(sealed_xml(sealed), "application/xml")


def _sealed(query: Mapping[str, str], encrypt: str) -> Sealed:
    return Sealed(encrypt, query.get("msg_signature", ""), query.get("timestamp", ""), query.get("nonce", ""))
