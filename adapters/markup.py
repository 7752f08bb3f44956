"""Texts as they may stand in what goes out, and the encrypted envelope around it in XML and JSON."""

from __future__ import annotations

import re

import orjson

from adapters.crypto import Sealed
from adapters.fields import Fields
from adapters.message import Json

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """`text` without the characters that XML 1.0 cannot hold (NUL, control characters, lone surrogates)."""
    return _NOT_XML.sub("", text)


def cdata(text: str) -> str:
    """`text` as it may stand in a CDATA section: wechatpy writes it there as it is, and `]]>` would end it."""
    return clean(text).replace("]]>", "]]]]><![CDATA[>")


def cleaned(value: Json) -> Json:
    """Without characters that the vendor refuses as bad JSON (47001): control characters, lone surrogates."""
    match value:
        case str():
            return clean(value)
        case dict():
            return {key: cleaned(item) for key, item in value.items()}
        case list() | tuple():
            return [cleaned(item) for item in value]
        case _:
            return value


# --- the encrypted body --------------------------------------------------------------------------------------


def sealed_xml(sealed: Sealed) -> bytes:
    return (
        f"<xml><Encrypt><![CDATA[{sealed.encrypt}]]></Encrypt>"
        f"<MsgSignature><![CDATA[{sealed.signature}]]></MsgSignature>"
        f"<TimeStamp>{cdata(sealed.timestamp)}</TimeStamp><Nonce><![CDATA[{cdata(sealed.nonce)}]]></Nonce></xml>"
    ).encode()


def sealed_json(sealed: Sealed) -> bytes:
    return orjson.dumps(
        {
            "Encrypt": sealed.encrypt,
            "MsgSignature": sealed.signature,
            "TimeStamp": int(sealed.timestamp),
            "Nonce": sealed.nonce,
        }
    )


def read_sealed(fields: Fields) -> Sealed:
    """The four fields of an encrypted answer, as the vendor's side reads them."""
    encrypt, signature, timestamp, nonce = (
        str(fields.get(name, "")) for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")
    )
    return Sealed(encrypt, signature, timestamp, nonce)
