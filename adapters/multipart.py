"""Files as the body of an HTTP form (multipart/form-data, RFC 7578)."""

from __future__ import annotations

import hashlib
import re

_QUOTED = {'"': "%22", "\r": "%0D", "\n": "%0A"}
_ASCII = re.compile(r"[^\x20-\x7e]")


def form_file(field: str, name: str, content_type: str, data: bytes, **more: str) -> tuple[bytes, str]:
    """The body with one file, called `name`, in the form's `field` and texts in the fields of `more`; and the body's
    content type. The boundary is made from the data's hash, so that the same file is the same body."""
    boundary = f"----{hashlib.sha256(data).hexdigest()[:48]}"
    texts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(key)}"\r\n\r\n{value}\r\n'
        for key, value in more.items()
    )
    head = (
        f"{texts}--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{_quoted(field)}"; filename="{_quoted(name)}"\r\n'
        f"Content-Type: {_ASCII.sub('', content_type) or 'application/octet-stream'}\r\n\r\n"
    )
    body = b"".join((head.encode("utf-8", "replace"), data, f"\r\n--{boundary}--\r\n".encode()))
    return body, f"multipart/form-data; boundary={boundary}"


def _quoted(text: str) -> str:
    return "".join(_QUOTED.get(char, char) for char in text)
