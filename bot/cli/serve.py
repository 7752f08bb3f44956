"""Verbs that let people talk with the bot: run and shell."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import click
import watchfiles
from pydantic import SecretStr

from bot.app import serve
from bot.cli.learn import train_where_stale, trained
from bot.cli.options import project_option, settings_for
from bot.talk import LocalBot, TalkClient
from bot.turn import Turn
from config.credentials import load_credentials
from config.settings import Settings
from nlu.meaning import Entity

STOP_S = 12.0
"""How long a worker process gets to finish what is under way."""
RESTART_S = 1.0


@click.command()
@project_option
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1, or YINGDA_HOST]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on.  [default: 5005, or YINGDA_PORT]")
@click.option("--workers", type=click.IntRange(1), help="Processes to serve with.  [default: 1, or YINGDA_WORKERS]")
@click.option("--reload", is_flag=True, help="Start anew whenever a file of the bot changes.")
@click.option("--as-worker", is_flag=True, hidden=True)
def run(project: Path, host: str | None, port: int | None, workers: int | None, reload: bool, as_worker: bool) -> None:
    """Serve the bot: its web page, REST, console and the webhooks of credentials.yml.

    Trains first where the bot's files have changed. SIGTERM finishes what is under way.
    """
    settings = settings_for(project, host=host, port=port, workers=workers)
    if as_worker:
        asyncio.run(serve(project, settings, reuse_port=True))
        return
    check_address(settings.host, settings.port)
    if reload:
        _reload(project, _with_token(settings))
        return
    for channel in load_credentials(project).others:
        click.echo(f"credentials.yml: the channel {channel} is not served here", err=True)
    train_where_stale(project)
    settings = _with_token(settings)
    if settings.workers > 1:
        _serve_with_many(project, settings)
    else:
        asyncio.run(serve(project, settings, announce=lambda url: _announce(url, settings)))


class CannotListen(click.ClickException):
    exit_code = 2


def check_address(host: str, port: int) -> None:
    """Raises `CannotListen` where nobody could listen there, before the training rather than after it; workers,
    which share their port, would else share it with another bot's too."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            mend = f"stop what listens there (another bot?), or take another port: --port {port + 1}"
            raise CannotListen(f"port {port} of {host} is in use; {mend}") from None
        if error.errno == errno.EACCES:
            mend = "ports below 1024 are for root; take another and put a proxy in front, see docs/deploy.md"
            raise CannotListen(f"port {port} may not be listened on by this user; {mend}") from None
        mend = "it must be an address of this machine: 127.0.0.1, or 0.0.0.0 for every interface"
        raise CannotListen(f"cannot listen on {host} ({error.strerror}); {mend}") from None


def _announce(url: str, settings: Settings) -> None:
    click.echo(f"Chat     {url}/chat\nConsole  {url}/console\nCtrl-C stops.")


def _with_token(settings: Settings) -> Settings:
    """Settings with a console token; one that is made here is printed, since nobody else knows it."""
    if settings.console_token.get_secret_value():
        return settings
    token = secrets.token_urlsafe(16)
    click.echo(f"Console token for this start: {token}")
    return settings.model_copy(update={"console_token": SecretStr(token)})


# --- several processes


def _environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "YINGDA_HOST": settings.host,
        "YINGDA_PORT": str(settings.port),
        "YINGDA_CONSOLE_TOKEN": settings.console_token.get_secret_value(),
    }


def _serve_with_many(project: Path, settings: Settings) -> None:
    """Keep `settings.workers` processes on one port; one that dies is started again."""
    if not hasattr(socket, "SO_REUSEPORT"):
        raise click.UsageError("several processes on one port need SO_REUSEPORT, which this system lacks; --workers 1")
    if settings.port == 0:
        settings = settings.model_copy(update={"port": _free_port(settings.host)})
    command = [sys.executable, "-m", "bot", "run", "--project", str(project), "--as-worker"]
    stopping = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    children = [subprocess.Popen(command, env=_environment(settings)) for _ in range(settings.workers)]  # noqa: S603
    _announce(f"http://{settings.host}:{settings.port}", settings)
    while not stopping:
        time.sleep(RESTART_S)
        for place, child in enumerate(children):
            if child.poll() is not None and not stopping:
                click.echo(f"process {child.pid} ended with {child.returncode}; starting another", err=True)
                children[place] = subprocess.Popen(command, env=_environment(settings))  # noqa: S603
    _stop(children)


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + STOP_S
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


# --- reload


class _BotFiles(watchfiles.DefaultFilter):
    """What a bot's author edits: not what the bot writes itself."""

    ignore_dirs = (*watchfiles.DefaultFilter.ignore_dirs, ".yingda")
    # ~$faq.xlsx comes and goes as a spreadsheet is opened and closed
    ignore_entity_patterns = (*watchfiles.DefaultFilter.ignore_entity_patterns, r"^~\$")


def _reload(project: Path, settings: Settings) -> None:
    # a fresh process rather than re-imported modules: an author's actions.py keeps no state from before
    command = shlex.join([sys.executable, "-m", "bot", "run", "--project", str(project), "--workers", "1"])
    os.environ.update(_environment(settings))
    # a bot that a typo has stopped has said so itself; watchfiles' 「process already dead」 adds nothing
    logging.getLogger("watchfiles").setLevel(logging.ERROR)
    watchfiles.run_process(
        project,
        target=command,
        target_type="command",
        watch_filter=_BotFiles(),
        sigint_timeout=round(STOP_S),
        callback=lambda changes: click.echo(f"{Path(min(changes)[1]).name} has changed: starting anew"),
    )


# --- shell


@click.command()
@project_option
@click.option("--debug", is_flag=True, help="Show intent, entities, flow step, slots and the why of each turn.")
def shell(project: Path, debug: bool) -> None:
    """Talk with the bot here. /quit or Ctrl-D ends, /debug shows or hides its thinking."""
    trained(project)
    asyncio.run(_shell(project, debug))


async def _shell(project: Path, debug: bool) -> None:
    async with LocalBot.open(project, timezone=settings_for(project).timezone) as bot:
        talk = bot.talk("shell", time.time())
        while True:
            line = await asyncio.to_thread(_ask)
            if line is None or line == "/quit":
                return
            if line == "/debug":
                debug = not debug
            elif line:
                talk.at = max(talk.at, time.time())
                for said in await talk.says(line):
                    click.secho(said, fg="green")
                if debug and talk.turn is not None:
                    _explain(talk, talk.turn)


def _ask() -> str | None:
    if sys.stdin.isatty():
        click.echo("> ", nl=False)
    line = sys.stdin.readline()
    return line.strip() if line else None


def _told(entity: Entity) -> str:
    name = "/".join(filter(None, (entity.type, entity.role, entity.group)))
    return f"{name} = {entity.value!r}   「{entity.text}」 {entity.extractor} {entity.confidence:.2f}"


def _explain(talk: TalkClient, turn: Turn) -> None:
    meaning = turn.meaning
    if meaning:
        ranking = "  ".join(f"{each.name} {each.confidence:.2f}" for each in meaning.ranking[:3])
        click.secho(f"  intent   {meaning.intent} {meaning.confidence:.2f}   ({ranking})", dim=True)
        for entity in meaning.entities:
            click.secho(f"  entity   {_told(entity)}", dim=True)
            for other in entity.also:
                click.secho(f"    not    {_told(other)}", dim=True)
        if meaning.signals:
            mood = "  ".join(f"{name} {value:.2f}" for name, value in meaning.signals.items())
            click.secho(f"  mood     {mood}", dim=True)
    click.secho(f"  flow     {turn.flow or '-'}", dim=True)
    filled = {name: value for name, value in talk.slots.items() if value is not None}
    click.secho(f"  slots    {filled}", dim=True)
    for why in turn.trace:
        click.secho(f"  {why.what:<8} {why.why}", dim=True)
