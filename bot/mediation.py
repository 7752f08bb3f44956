"""The set-up of files: settings, credentials and endpoints.yml become a `Media`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import aiohttp
from yarl import URL

from adapters.channel import MediaKind, Transport
from bot.log import get_logger
from bot.media.addresses import Allow
from bot.media.blobs import Blobs, FileBlobs
from bot.media.guard import Guard
from bot.media.inbound import MediaLimits
from bot.media.media import Media
from bot.media.recognize import HttpRecognizer, Recognizer
from bot.mongo import MongoStore
from bot.service import worker_name
from bot.store import Store
from bot.ways import Key, Outlet
from config.credentials import Credentials
from config.settings import RecognizerEndpoint, Settings
from config.source import BadProject, Problem, check, environment, read_yaml
from flows.actions import Registry

ENDPOINTS: Mapping[str, MediaKind] = {"asr": "voice", "vision": "image"}


def make_media(
    project: Path,
    settings: Settings,
    credentials: Credentials,
    session: aiohttp.ClientSession,
    store: Store,
    transport: Transport,
    outlets: Mapping[Key, Outlet],
) -> Media:
    """Raises `BadProject`."""
    try:
        allow = Allow.of(settings.media_allow)
    except ValueError as error:
        raise BadProject(Problem("environment", 1, f"YINGDA_MEDIA_ALLOW: {error}")) from None
    return Media(
        store=store,
        blobs=blobs_of(project, store),
        transport=transport,
        outlets=outlets,
        folder=project,
        worker=worker_name(),
        log=get_logger("yingda"),
        guard=Guard(allow),
        limits=MediaLimits(int(settings.media_max_mb * 1024 * 1024), frozenset(_words(settings.media_types))),
        homes={(channel, name): home_of(account) for channel, name, account in credentials.accounts()},
        hooks=recognizers(project, session),
        eager=frozenset(_words(settings.media_eager)),
        public_url=settings.public_url,
    )


def blobs_of(project: Path, store: Store) -> Blobs:
    """Files beside the conversations: in the same database, or in the project's folder."""
    return store.blobs() if isinstance(store, MongoStore) else FileBlobs(project / ".yingda" / "media")


def home_of(account: object) -> Allow:
    """The places of an account's own API: the vendor's, or a simulator's on this machine."""
    urls = [URL(str(getattr(account, name, ""))) for name in ("api_base", "oapi_base", "gateway")]
    return Allow(origins=frozenset((url.host, url.port) for url in urls if url.host and url.port))


def recognizers(project: Path, session: aiohttp.ClientSession) -> Mapping[MediaKind, Recognizer]:
    """`asr` and `vision` of endpoints.yml."""
    path = project / "endpoints.yml"
    source = read_yaml(path, environment(project)) if path.is_file() else None
    data = source.data if source is not None and isinstance(source.data, dict) else {}
    found: dict[MediaKind, Recognizer] = {}
    for name, kind in ENDPOINTS.items():
        if source is not None and data.get(name):
            endpoint = check(source, RecognizerEndpoint, (name,))
            found[kind] = Recognizer(HttpRecognizer(session, endpoint.url, endpoint.token), endpoint.timeout)
    return found


def recognizers_of(registry: Registry) -> Mapping[MediaKind, Recognizer]:
    """Those of a bot's `actions.py`."""
    return {kind: Recognizer(own.recognize, own.timeout) for kind, own in registry.recognizers.items()}


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
