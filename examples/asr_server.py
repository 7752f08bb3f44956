"""A speech-recognition service as `asr:` of endpoints.yml wants it: `python examples/asr_server.py --port 5055`.

    POST / with the voice message's bytes, Content-Type: audio/amr (silk, mpeg, …) -> 200 {"text": "我要退款"}

    # endpoints.yml
    asr: {url: "http://127.0.0.1:5055/", timeout: 2.5}

`Engine` is where a real one goes (FunASR, Vosk, a cloud's API). `StandIn` recognizes no speech: it says how long a
recording is, by its frames, which shows that the bytes arrived whole.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import Protocol

from aiohttp import web

MAX_BYTES = 20 * 1024 * 1024
AMR_HEAD = b"#!AMR\n"
AMR_FRAME_BYTES: Sequence[int] = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)
"""By frame type, with the byte that names it: RFC 4867, section 5.3, and 3GPP TS 26.101, annex A."""
AMR_FRAME_S = 0.02


class Engine(Protocol):
    def recognize(self, data: bytes, content_type: str) -> str:
        """The words, empty where there are none. Called in a thread of its own; may raise ValueError."""
        ...


class StandIn:
    """No recognizer: it measures."""

    def recognize(self, data: bytes, content_type: str) -> str:
        if content_type != "audio/amr":
            raise ValueError(f"this stand-in reads audio/amr, not {content_type}")
        return f"{amr_seconds(data):.1f}秒的语音"


def amr_seconds(data: bytes) -> float:
    """How long a narrow-band AMR recording is. Raises ValueError where it is none."""
    if not data.startswith(AMR_HEAD):
        raise ValueError("this is no AMR recording")
    place, frames = len(AMR_HEAD), 0
    while place < len(data):
        place += AMR_FRAME_BYTES[data[place] >> 3 & 0x0F]
        frames += 1
    return frames * AMR_FRAME_S


def make_app(engine: Engine, token: str = "") -> web.Application:
    """Where there is a `token`, only who shows it (`Authorization: Bearer …`) is answered."""

    async def recognize(request: web.Request) -> web.Response:
        if token and request.headers.get("Authorization") != f"Bearer {token}":
            return web.json_response({"error": "the token is wrong"}, status=401)
        data = await request.read()
        try:
            text = await asyncio.to_thread(engine.recognize, data, request.content_type)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=422)
        return web.json_response({"text": text})

    app = web.Application(client_max_size=MAX_BYTES)
    app.router.add_post("/", recognize)
    return app


def main() -> None:
    options = argparse.ArgumentParser(description="A stand-in for a speech-recognition service.")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=5055)
    options.add_argument("--token", default="")
    given = options.parse_args()
    web.run_app(make_app(StandIn(), given.token), host=given.host, port=given.port, print=None)


if __name__ == "__main__":
    main()
