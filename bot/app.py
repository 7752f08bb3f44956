"""The service: a project and settings become an aiohttp application. The one place that names concrete classes."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web
from pydantic import BaseModel, SecretStr

from adapters.degrade import fit
from adapters.transport import HttpTransport
from bot import faults
from bot.before import OptWords, bare
from bot.broadcast.board import Board
from bot.broadcast.forecast import Forecaster
from bot.broadcast.order import Desk
from bot.broadcast.reach import Reach
from bot.channels import alert_robot, outlets
from bot.line import Lines
from bot.log import set_up
from bot.mediation import make_media, recognizers_of
from bot.mongo import MongoStore
from bot.receive import MAX_BODY_BYTES, Proxies, Webhook
from bot.service import Service
from bot.sqlite import SqliteStore
from bot.store import Store, StoreDown
from bot.tracker import store_url
from bot.ways import Key, Times
from bot.web import Origins, Site, mount
from bot.web.callback import CallbackInput
from bot.web.rasa import RASA_GREETING, Auth, Conversations, Models
from bot.web.send import SendApi
from bot.web.socketio import SocketIoChannel
from bot.work import Bot
from config.credentials import Credentials, load_credentials
from config.settings import Settings
from config.source import BadProject, Problem, environment
from flows.domain import Domain
from flows.mixed import domain_of, load_dialogues
from flows.rasa.server import catalogue_of
from flows.responses import say_first
from nlu.data import nlu_files, read_data
from nlu.faq import read_faq
from nlu.model import latest, load, read_manifest
from nlu.training import train_apart

SLOW_PARSE_MS = 2.0
MODEL_POLL_S = 2.0
OPEN_AGAIN_S = 1.0
FINISH_REQUESTS_S = 5.0
"""How long requests that are open at a shutdown may take; with the service's own draining less than 10 s."""
MAX_FRAME_BYTES = 4 * 1024 * 1024
DAY_S = 86400.0
LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))

T = TypeVar("T")
SERVICE = web.AppKey("service", Service)


def open_store(project: Path, settings: Settings) -> Store:
    """The project's store, still to be opened: `settings.store`, else endpoints.yml, else SQLite in `.yingda/`.
    Raises `BadProject` for an address that is neither MongoDB's nor SQLite's."""
    url, db = store_url(project, settings.store, environment(project))
    if url.startswith(("mongodb://", "mongodb+srv://")):
        return MongoStore(url, db)
    return SqliteStore(Path(url.removeprefix("sqlite:///")))


def load_bot(project: Path, settings: Settings) -> Bot:
    """What thinks for the project, from its newest model; trains one where there is none of
    this release. Raises `BadProject`."""
    pipeline = load(_usable_model(project) or train_apart(project, lambda phase, fraction: None))
    dialogues = load_dialogues(project, settings.timezone, settings.session_minutes)
    # what is here now stays: a full garbage collection that walked it would hold up a turn for 80 ms
    gc.collect()
    gc.freeze()
    return Bot(
        parse=pipeline.parse,
        engine=dialogues.engine,
        actions=catalogue_of(project, dialogues.registry, dialogues.domain, dialogues.raw),
        timezone=ZoneInfo(settings.timezone),
        version=pipeline.version,
        slow=pipeline.parse_ms > SLOW_PARSE_MS,
        recognizers=recognizers_of(dialogues.registry),
        claims=_claims(project, dialogues.domain, settings),
        profile=dialogues.domain.of_user,
        say=partial(say_first, dialogues.domain),
    )


def _claims(project: Path, domain: Domain, settings: Settings) -> frozenset[str]:
    """Words of opting out and in that the bot has a meaning of its own for: an example of an intent, or the title of a
    button that leads somewhere."""
    words = OptWords.of(settings.opt_out_words, settings.opt_in_words)
    wanted = frozenset(map(bare, (*words.out, *words.back)))
    buttons = (b.title for said in domain.responses.values() for one in said for b in one.buttons if b.payload)
    claimed = wanted.intersection(map(bare, buttons))
    if any(_mentions(path, (*words.out, *words.back)) for path in nlu_files(project)):
        claimed |= wanted.intersection(bare(example.text) for example in read_data(project).examples)
    asked = (bare(text) for entry in read_faq(project).entries for text, _ in entry.questions)
    return claimed | wanted.intersection(asked)


def _mentions(path: Path, words: Sequence[str]) -> bool:
    """A look at the text spares reading thousands of examples at each start."""
    text = path.read_text("utf-8", errors="replace")
    return any(word in text for word in words)


def _usable_model(project: Path) -> Path | None:
    """The newest model, where it is one that this release reads."""
    folder = latest(project)
    try:
        return folder if folder is not None and read_manifest(folder) else None
    except BadProject:
        return None


async def make_app(
    project: Path,
    settings: Settings,
    credentials: Credentials | None = None,
    *,
    bot: Bot | None = None,
    store: Store | None = None,
    times: Times | None = None,
) -> web.Application:
    """The whole service for `project`. Call it in the event loop that serves it. Raises `BadProject`.

    `credentials`, `bot` and `store` stand in for the project's own; `times` is the clockwork, faster in tests.
    """
    _check_rasa_api(settings)
    credentials = credentials or load_credentials(project)
    thinks = bot if bot is not None else await asyncio.to_thread(load_bot, project, settings)
    proxies = _read("trusted_proxies", settings.trusted_proxies, Proxies.of)
    session = aiohttp.ClientSession()
    try:
        service = _service(project, settings, credentials, thinks, session, store, times or Times())
        site = _site(service, settings, credentials, proxies)
    except BadProject:
        await session.close()
        raise
    app = web.Application(client_max_size=MAX_BODY_BYTES * 16)
    app[SERVICE] = service
    _mount_webhooks(app, service, proxies)
    _mount_health(app, service)
    mount(app, site)
    _mount_send(app, service, settings)
    _mount_rasa_api(app, service, site, settings, project)
    if "main" in credentials.callback:
        app.add_routes(CallbackInput(site).routes())
    if credentials.socketio is not None:
        SocketIoChannel(site, credentials.socketio).attach(app)
    reload = None if bot else partial(load_bot, project, settings)
    _run_with(app, Parts(service, session, project, reload))
    return app


async def serve(
    project: Path,
    settings: Settings,
    *,
    reuse_port: bool = False,
    announce: Callable[[str], None] = lambda url: None,
    make: Callable[[Path, Settings], Awaitable[web.Application]] = make_app,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way (under 10 s; a second signal cuts that short).

    `reuse_port` lets several processes listen on one port; `announce` is told the address that is served. Raises
    `BadProject`, and `StoreDown` where an embedded store cannot be opened.
    """
    set_up(settings.log_level, settings.log_format, secrets_of(settings, load_credentials(project)))
    faults.arm_from(environment(project))
    app = await make(project, settings)
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=FINISH_REQUESTS_S, keepalive_timeout=75.0
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port, reuse_port=reuse_port or None, backlog=1024)
        await site.start()
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        announce(f"http://{host}:{runner.addresses[0][1]}")
        await _told_to_stop()
    finally:
        await runner.cleanup()


def secrets_of(*models: BaseModel) -> list[str]:
    """Every secret value in settings or credentials, to be kept out of the log."""
    return [secret.get_secret_value() for model in models for secret in _secrets(model) if secret.get_secret_value()]


def _secrets(value: object) -> Iterator[SecretStr]:
    match value:
        case SecretStr():
            yield value
        case BaseModel():
            for name in type(value).model_fields:
                yield from _secrets(getattr(value, name))
        case Mapping():
            for each in value.values():
                yield from _secrets(each)


async def _told_to_stop() -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            raise SystemExit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, on_signal)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    await stop.wait()


# --- what it is made of


def _service(
    project: Path,
    settings: Settings,
    credentials: Credentials,
    bot: Bot,
    session: aiohttp.ClientSession,
    store: Store | None,
    times: Times,
) -> Service:
    store = store or open_store(project, settings)
    lines = Lines()
    transport = HttpTransport(session, store, time.time, wires=lines)
    robot = alert_robot(credentials, settings)
    channels = outlets(credentials, settings, *([robot] if robot else []))
    media_days = settings.media_days or settings.retention_days
    return Service(
        store=store,
        bot=bot,
        fit=fit,
        outlets=channels,
        transport=transport,
        media=make_media(project, settings, credentials, session, store, transport, channels),
        media_retention_s=media_days * DAY_S,
        lines=lines,
        connect=partial(session.ws_connect, autoping=False, autoclose=False, max_msg_size=MAX_FRAME_BYTES),
        pull_since_s=settings.pull_since_s,
        alert_to=robot.address if robot else None,
        times=times,
        retention_s=settings.retention_days * DAY_S,
        daily_sends=daily_sends(settings),
        opt_words=OptWords.of(settings.opt_out_words, settings.opt_in_words),
    )


def daily_sends(settings: Settings) -> dict[Key, int]:
    """How many people each account may be sent a broadcast a day. Raises `BadProject`."""
    found: dict[Key, int] = {}
    for part in filter(None, map(str.strip, settings.daily_sends.split(","))):
        account, _, count = part.partition("=")
        channel, _, name = account.strip().partition("/")
        if not name or not count.strip().isdecimal():
            what = f"YINGDA_DAILY_SENDS: {part!r} is no limit"
            raise BadProject(Problem("environment", 1, what, "write wecom/main=20000"))
        found[channel, name] = int(count)
    return found


def _mount_send(app: web.Application, service: Service, settings: Settings) -> None:
    token, zone = settings.api_token.get_secret_value(), ZoneInfo(settings.timezone)
    if not token:
        return

    def desk() -> Desk:
        return Desk(service.store, domain_of(service.work.bot.engine), frozenset(service.outlets), zone)

    forecaster = Forecaster(service.store, Reach(service.ways), service.daily_sends, zone)
    app.add_routes(SendApi(token, desk, forecaster, Board(service.store), service.clock, zone).routes())


def _serves_rasa_api(settings: Settings) -> bool:
    return bool(settings.enable_api or settings.auth_token.get_secret_value() or settings.jwt_secret.get_secret_value())


def _check_rasa_api(settings: Settings) -> None:
    """Raises `BadProject` where Rasa's HTTP API would be open to others without a token."""
    guarded = settings.auth_token.get_secret_value() or settings.jwt_secret.get_secret_value()
    if settings.enable_api and not guarded and settings.host not in LOOPBACK:
        what = f"Rasa's HTTP API would be open to everybody who reaches {settings.host}"
        raise BadProject(Problem("environment", 1, what, "set YINGDA_AUTH_TOKEN or YINGDA_JWT_SECRET"))


def _mount_rasa_api(app: web.Application, service: Service, site: Site, settings: Settings, project: Path) -> None:
    token, secret = settings.auth_token.get_secret_value(), settings.jwt_secret.get_secret_value()
    if not _serves_rasa_api(settings):
        return
    auth = Auth(token, secret, settings.jwt_method)

    def bot() -> Bot:
        return service.work.bot

    def load_from(folder: Path) -> Bot:
        return load_bot(folder, settings)

    app.add_routes(Conversations(site, bot, auth).routes())
    app.add_routes(Models(site, bot, auth, project, load_from, service.swap).routes())


def _site(service: Service, settings: Settings, credentials: Credentials, proxies: Proxies) -> Site:
    return Site(
        store=service.store,
        inbox=service.inbox,
        console_token=settings.console_token.get_secret_value(),
        origins=_read("cors_origins", settings.cors_origins, Origins.read),
        timezone=ZoneInfo(settings.timezone),
        remote=proxies.remote_of,
        rest=credentials.rest is not None,
        greeting=RASA_GREETING if _serves_rasa_api(settings) else "",
        media=service.media,
    )


def _read(name: str, text: str, read: Callable[[str], T]) -> T:
    """A setting's value; what is wrong with it is told as a problem of the environment."""
    try:
        return read(text)
    except ValueError as error:
        raise BadProject(Problem("environment", 1, f"YINGDA_{name.upper()}: {error}")) from None


def _mount_webhooks(app: web.Application, service: Service, proxies: Proxies) -> None:
    for (channel, account), outlet in service.outlets.items():
        hook = Webhook(
            outlet.channel, service.passive, service.inbox, service.metrics, service.log, service.own_clock, proxies,
            service.puller.signal,
        )  # fmt: skip
        app.router.add_route("*", f"/webhooks/{channel}/{account}", hook.answer)


def _mount_health(app: web.Application, service: Service) -> None:
    async def healthz(request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(request: web.Request) -> web.Response:
        return web.Response(text="ready") if service.ready else web.Response(status=503, text="not ready")

    async def metrics(request: web.Request) -> web.Response:
        return web.Response(body=service.metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})

    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])


# --- its life


@dataclass(frozen=True, slots=True)
class Parts:
    """What lives as long as the application does."""

    service: Service
    session: aiohttp.ClientSession
    project: Path
    reload: Callable[[], Bot] | None


def _run_with(app: web.Application, parts: Parts) -> None:
    chores: list[asyncio.Task[None]] = []
    service = parts.service

    async def start(app: web.Application) -> None:
        chores.append(asyncio.create_task(_open(service), name="open"))
        if not isinstance(service.store, MongoStore):
            await chores[0]
        if parts.reload:
            chores.append(asyncio.create_task(_follow_models(parts, parts.reload), name="models"))

    async def refuse(app: web.Application) -> None:
        service.inbox.closed = True
        service.ready = False

    async def end(app: web.Application) -> None:
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        if not await service.stop():
            service.log.warning("stopped with work under way; it is taken up at the next start")
        await parts.session.close()
        await service.store.close()

    app.on_startup.append(start)
    app.on_shutdown.append(refuse)
    app.on_cleanup.append(end)


async def _open(service: Service) -> None:
    """Open the store and begin. A database that is down is waited for; an embedded store that fails is an error."""
    told = False
    while True:
        try:
            await service.store.open()
            break
        except StoreDown as down:
            if not isinstance(service.store, MongoStore):
                raise
            if not told:
                service.log.error("the store is down; waiting for it", error=str(down))
            told = True
            await asyncio.sleep(OPEN_AGAIN_S)
    await service.start()


async def _follow_models(parts: Parts, reload: Callable[[], Bot]) -> None:
    """Think with a newly trained model as soon as it is there; one that cannot be loaded is told of once."""
    service, seen = parts.service, latest(parts.project)
    while True:
        await asyncio.sleep(MODEL_POLL_S)
        newest = latest(parts.project)
        if newest is None or newest == seen:
            continue
        seen = newest
        try:
            service.swap(await asyncio.to_thread(reload))
            service.log.info("a new model thinks from now on", model=newest.name)
        except BadProject as bad:
            service.log.error("the new model is not used", problems=str(bad))


__all__ = ["SERVICE", "load_bot", "make_app", "open_store", "secrets_of", "serve"]
