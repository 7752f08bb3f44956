"""A hub of models on loopback, as far as a program that downloads one asks it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Hub:
    """`asked` are the paths that were asked for."""

    address: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], asked: list[str]) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Hub(f"http://127.0.0.1:{server.server_address[1]}", asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def hub_of(folder: Path, model: str) -> Iterator[Hub]:
    """One that has `model`, with the files of `folder`, and no other."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path.split("?")[0] == f"/api/models/{model}":
                names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
                told = {"id": model, "modelId": model, "sha": COMMIT, "siblings": [{"rfilename": one} for one in names]}
                self._give(json.dumps(told).encode(), "application/json")
                return
            where = self.path.split("?")[0].removeprefix(f"/{model}/resolve/main/")
            path = folder / where
            if where.startswith("/") or not path.is_file():
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound" if "/resolve/" in self.path else "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._give(path.read_bytes(), "application/octet-stream")

        do_HEAD = do_GET

        def _give(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with serving(Handler, asked) as hub:
        yield hub


@contextmanager
def deaf_hub(status: int | None) -> Iterator[Hub]:
    """One that answers everything with `status`; None: nothing, ever."""
    asked: list[str] = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if status is None:
                over.wait()
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    try:
        with serving(Handler, asked) as hub:
            try:
                yield hub
            finally:
                over.set()
    finally:
        over.set()
