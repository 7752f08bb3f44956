"""Whose pages may use the chat, and hold it in a frame."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins (`https://shop.example`) of other sites that may use this one; our own pages always may."""

    allowed: frozenset[str] = frozenset()
    anyone: bool = False

    @classmethod
    def read(cls, text: str) -> Origins:
        """From the setting: comma-separated origins, `*` for anyone. Raises ValueError, saying how to mend it."""
        names = [name.strip().rstrip("/").lower() for name in text.split(",") if name.strip()]
        for name in names:
            if name != "*" and not _ORIGIN.fullmatch(name):
                raise ValueError(f"{name!r} is no origin: write https://shop.example, without a path, or *")
        return cls(frozenset(names) - {"*"}, "*" in names)

    def admits(self, origin: str, host: str) -> bool:
        """May a page of `origin` (the Origin header; empty where no browser asks) talk to us, who are `host`?"""
        return not origin or self.anyone or origin.lower() in self.allowed or urlsplit(origin).netloc == host

    @property
    def frame_ancestors(self) -> str:
        """The value of the content policy's `frame-ancestors`."""
        return "*" if self.anyone else " ".join(["'self'", *sorted(self.allowed)])

    def cors(self, origin: str) -> Mapping[str, str]:
        """The headers by which a browser lets a page of `origin` read an answer; none for a stranger."""
        if not origin or not (self.anyone or origin.lower() in self.allowed):
            return {}
        return {"Access-Control-Allow-Origin": "*" if self.anyone else origin, "Vary": "Origin"}
