"""Files as vendors take them: multipart/form-data."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from adapters.channel import Outgoing, Upload


def form(url: str, field: str, given: Upload, more: Mapping[str, str]) -> Outgoing:
    """A file, and texts beside it, as multipart/form-data."""
    edge = hashlib.sha256(given.data).hexdigest()
    name = re.sub(r'[\x00-\x1f"\\]', "_", given.name) or "file"
    texts = "".join(
        f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in more.items()
    )
    head = (
        f'{texts}--{edge}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        f"Content-Type: {given.content_type or 'application/octet-stream'}\r\n\r\n"
    )
    body = head.encode() + given.data + f"\r\n--{edge}--\r\n".encode()
    return Outgoing(body, f"multipart/form-data; boundary={edge}", url)
