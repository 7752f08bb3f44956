"""Which store a project wants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from config.settings import TrackerStore
from config.source import BadProject, Problem, check, read_yaml

DEFAULT_DB = "yingda"
KINDS = ("mongodb://", "mongodb+srv://", "sqlite:///")


def store_url(project: Path, configured: str, env: Mapping[str, str]) -> tuple[str, str]:
    """The store's address and, for MongoDB, its database: `configured` (`YINGDA_STORE`), else endpoints.yml, else
    SQLite.
    Raises `BadProject` for an address of another kind."""
    if configured:
        if not configured.startswith(KINDS):
            kinds = " or ".join(KINDS)
            raise BadProject(Problem("environment", 1, "YINGDA_STORE: no store of this kind", f"write {kinds}…"))
        return configured, _database(configured)
    path = project / "endpoints.yml"
    source = read_yaml(path, env) if path.is_file() else None
    if source is None or not (source.data or {}).get("tracker_store"):
        return f"sqlite:///{project / '.yingda' / 'yingda.db'}", ""
    tracker = check(source, TrackerStore, ("tracker_store",))
    if tracker.type.lower() in ("mongod", "mongo", "mongodb"):
        return _with_login(tracker), tracker.db
    if tracker.type.lower() in ("sqlite", ""):
        return f"sqlite:///{project / (tracker.db if tracker.db != DEFAULT_DB else '.yingda/yingda.db')}", ""
    what = f"no store of type '{tracker.type}'"
    raise BadProject(source.problem(("tracker_store", "type"), what, "write mongod, or leave it out"))


def _database(url: str) -> str:
    """The database that a MongoDB address names."""
    _, _, rest = url.partition("://")
    return rest.partition("/")[2].partition("?")[0] or DEFAULT_DB


def _with_login(tracker: TrackerStore) -> str:
    url = tracker.url or "mongodb://localhost:27017"
    if not tracker.username or "@" in url:
        return url
    scheme, _, rest = url.partition("://")
    login = f"{quote(tracker.username, safe='')}:{quote(tracker.password.get_secret_value(), safe='')}"
    mark = "&" if "?" in rest else "?" if "/" in rest else "/?"
    return f"{scheme}://{login}@{rest}{mark}authSource={tracker.auth_source}"
