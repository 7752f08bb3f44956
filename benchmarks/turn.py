"""What a whole WeChat turn costs: verify, decrypt, understand, decide, store, encrypt; beside a bare aiohttp + wechatpy
AES echo that does nothing of it, in the same run. Prints JSON.

    python -m benchmarks.turn [--seconds 8] [--users 32] [--project DIR] [--mongo mongodb://...] [--profile FILE]

One server process, one load process on the loopback; each user posts its next message when the last is answered.
MongoDB is left out where there is neither `--mongo` nor a `mongod` to start.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import SecretStr
from wechatpy import create_reply, parse_message
from wechatpy.crypto import WeChatCrypto

from bot.app import SERVICE, make_app
from bot.simulate.wechat import WeChatPhone
from config.credentials import Credentials, WeChatAccount
from config.settings import DEFAULT_PROJECT, Settings
from tests.mongod import Node, find_mongod, free_ports, wait_for

WORDS = ("你好", "我要查订单", "DD20260101001", "运费谁出", "谢谢")
WARM_UP = 320
ACCOUNT = WeChatAccount(
    app_id="wx1234567890abcdef",
    token=SecretStr("token-of-the-bench"),
    encoding_aes_key=SecretStr("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"),
    push=False,
)
PATH = "/webhooks/wechat/main"


def bare_app() -> web.Application:
    crypto = WeChatCrypto(ACCOUNT.token.get_secret_value(), ACCOUNT.encoding_aes_key.get_secret_value(), ACCOUNT.app_id)

    async def echo(request: web.Request) -> web.Response:
        query = request.query
        body = await request.read()
        opened = crypto.decrypt_message(body, query["msg_signature"], query["timestamp"], query["nonce"])
        message = parse_message(opened)
        reply = create_reply(message.content, message).render()
        return web.Response(
            text=crypto.encrypt_message(reply, query["nonce"], query["timestamp"]), content_type="application/xml"
        )

    app = web.Application()
    app.router.add_post(PATH, echo)
    return app


async def bot_app(project: Path, store: str) -> web.Application:
    settings = Settings(store=store, timestamp_window_s=0)
    return await make_app(project, settings, Credentials(wechat={"main": ACCOUNT}))


async def serve(kind: str, project: Path, store: str, port: int) -> None:
    app = bare_app() if kind == "bare" else await bot_app(project, store)

    async def used(request: web.Request) -> web.Response:
        operations = app[SERVICE].store.operations if kind != "bare" else 0
        return web.json_response({"cpu_s": time.process_time(), "operations": operations})

    app.router.add_get("/used", used)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("serving", flush=True)
    await stop.wait()
    await runner.cleanup()


@contextmanager
def server(kind: str, project: Path, store: str, profile: str) -> Iterator[str]:
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "benchmarks.turn", "--serve", kind, "--port", str(port), "--store", store]
    command += ["--project", str(project), *(["--profile", profile] if profile else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "serving":
            raise SystemExit(f"the {kind} server did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


async def measure(url: str, users: int, seconds: float) -> dict[str, float]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        phones = [WeChatPhone(url + PATH, ACCOUNT, session, f"oUser{n}") for n in range(users)]
        await load(phones, time.perf_counter() + 60, WARM_UP // users)
        before = await used(session, url)
        began = time.perf_counter()
        took = await load(phones, began + seconds, 1 << 30)
        elapsed = time.perf_counter() - began
        after = await used(session, url)
    took.sort()
    return {
        "turns_per_s": round(len(took) / elapsed, 1),
        "p50_ms": round(statistics.median(took) * 1000, 2),
        "p99_ms": round(took[int(len(took) * 0.99)] * 1000, 2),
        "server_cpu_ms_per_turn": round((after["cpu_s"] - before["cpu_s"]) / len(took) * 1000, 3),
        "store_operations_per_turn": round((after["operations"] - before["operations"]) / len(took), 2),
        "turns": len(took),
    }


async def used(session: aiohttp.ClientSession, url: str) -> dict[str, float]:
    async with session.get(url + "/used") as response:
        answer: dict[str, float] = await response.json()
        return answer


async def load(phones: list[WeChatPhone], until: float, most: int) -> list[float]:
    """Seconds of each turn; every one must be answered with a reply."""
    took: list[float] = []

    async def customer(phone: WeChatPhone) -> None:
        for n in range(most):
            if time.perf_counter() >= until:
                return
            post = await phone.post(phone.webhook("text", Content=WORDS[n % len(WORDS)]))
            if post.status != 200 or not post.body.startswith(b"<xml"):
                raise SystemExit(f"not answered: {post}")
            took.append(post.seconds)

    await asyncio.gather(*map(customer, phones))
    return took


@contextmanager
def mongo(url: str) -> Iterator[str]:
    """A database of this run's own; empty where there is no MongoDB to be had."""
    name = f"bench_{os.getpid()}"
    if url:
        yield f"{url.rstrip('/')}/{name}"
        return
    binary = find_mongod()
    if not binary:
        yield ""
        return
    with tempfile.TemporaryDirectory() as folder:
        node = Node(binary, Path(folder), free_ports(1)[0])
        node.start()
        try:
            wait_for(node.up)
            yield f"mongodb://{node.address}/{name}"
        finally:
            node.kill()


def run(options: argparse.Namespace) -> dict[str, Any]:
    report: dict[str, Any] = {"users": options.users, "seconds": options.seconds}
    with tempfile.TemporaryDirectory() as folder, mongo(options.mongo) as mongo_url:
        stores = {"bare": "", "sqlite": f"sqlite:///{folder}/bench.db", "mongodb": mongo_url}
        for kind, store in stores.items():
            if kind == "mongodb" and not store:
                continue
            profile = options.profile and f"{options.profile}.{kind}"
            with server(kind, options.project, store, profile) as url:
                report[kind] = asyncio.run(measure(url, options.users, options.seconds))
    for kind in ("sqlite", "mongodb"):
        if kind in report:
            report[kind]["of_bare_rate"] = round(report[kind]["turns_per_s"] / report["bare"]["turns_per_s"], 3)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--project", type=Path, default=DEFAULT_PROJECT)
    parser.add_argument("--mongo", default="")
    parser.add_argument("--profile", default="", help="write a cProfile of each server to FILE.<kind>")
    parser.add_argument("--serve", default="", help=argparse.SUPPRESS)
    parser.add_argument("--store", default="", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.serve:
        print(json.dumps(run(options), indent=2))
        return
    profiler = cProfile.Profile() if options.profile else None
    if profiler:
        profiler.enable()
    asyncio.run(serve(options.serve, options.project, options.store, options.port))
    if profiler:
        profiler.disable()
        profiler.dump_stats(options.profile)


if __name__ == "__main__":
    main()
