"""Custom actions of a Rasa action server (`action_endpoint` in endpoints.yml), by its HTTP protocol.

https://rasa.com/docs/rasa/action-server — `POST url {"next_action", "sender_id", "tracker", "domain", "version"}` gives
`{"events", "responses"}`; 400 with `action_name` is a refusal to run; 449 asks for the domain.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from adapters.message import Json, Reply
from config.settings import ActionEndpoint
from config.source import check, environment, read_yaml
from flows.actions import Registry
from flows.domain import Domain
from flows.rasa.engine import sender_of
from flows.rasa.events import slots_in
from flows.rasa.parsing import parse_data
from flows.rasa.tracker import Tracker
from flows.rasa.utterances import replies_to
from flows.responses import NoResponse, Speaker
from flows.state import ActionFailed, Heard, Result

VERSION = "3.6.21"
"""The Rasa whose protocol is spoken; a server of another version says so in its log, and answers."""
MOST_BYTES = 8 * 1024 * 1024
"""A longer answer is none."""
COMPRESS_FROM_BYTES = 64 * 1024
"""A longer request is sent deflated, where the server is told to take that."""
_WANTS_DOMAIN = 449


class _Unreadable(Exception):
    """The answer is not what an action server gives; the text ends a sentence that begins with it."""


@dataclass(frozen=True, slots=True)
class Remote:
    """What is known of an action that another process runs: nothing."""

    idempotent: bool = False


@dataclass
class ActionServer:
    """The bot's actions over HTTP. `domain` is what `raw` says, for the responses that a server names.

    Its connections are kept for the next call until `close`; a turn that is under way then still ends with them.
    """

    endpoint: ActionEndpoint
    domain: Domain
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _session: aiohttp.ClientSession | None = field(default=None, repr=False)
    _calls: int = 0
    _closed: bool = False
    _asked_for_domain: bool = False
    """The server is a newer one, which wants the domain with every action."""

    def find(self, name: str) -> Remote:
        return Remote()

    async def perform(
        self, name: str, args: Mapping[str, Json], key: str, heard: Heard, slots: Mapping[str, Json]
    ) -> Result:
        """`args` is the request of Rasa's dialogue, or what a flow has collected. Raises `ActionFailed`."""
        rasa = "next_action" in args
        request = {**(args if rasa else self._of_flow(name, heard, slots)), "version": VERSION}
        answer = await self._ask(name, request)
        if rasa or answer.get("rejected"):
            return Result(answer)
        return self._for_flow(answer, heard, slots)

    async def close(self) -> None:
        """Give the connections up, now or when the last call has ended."""
        self._closed = True
        await self._let_go()

    async def _let_go(self) -> None:
        if self._closed and not self._calls and self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _ask(self, name: str, request: Mapping[str, Any]) -> dict[str, Any]:
        with_domain = {**request, "domain": self.raw}
        try:
            async with asyncio.timeout(self.endpoint.timeout):
                status, body = await self._post(with_domain if self._sends_domain(name) else request)
                if status == _WANTS_DOMAIN:
                    self._asked_for_domain = True
                    status, body = await self._post(with_domain)
        except TimeoutError:
            seconds = f"{self.endpoint.timeout:g} s"
            raise ActionFailed(f"the action server took longer than {seconds} over '{name}'") from None
        except (aiohttp.ClientError, OSError) as error:
            what = f"the action server cannot be reached for '{name}' ({type(error).__name__})"
            raise ActionFailed(f"{what}; see action_endpoint in endpoints.yml") from None
        except _Unreadable as unreadable:
            raise ActionFailed(f"the action server's answer to '{name}' {unreadable}; its log says why") from None
        return self._read(name, status, body)

    def _sends_domain(self, name: str) -> bool:
        """To all actions, or with `enable_selective_domain` to those that are marked `send_domain: true`."""
        if not self.endpoint.enable_selective_domain or self._asked_for_domain:
            return True
        marked = [each[name] for each in self.raw.get("actions") or () if isinstance(each, Mapping) and name in each]
        return any(isinstance(each, Mapping) and each.get("send_domain") for each in marked)

    async def _post(self, request: Mapping[str, Any]) -> tuple[int, Any]:
        body = orjson.dumps(request, default=str, option=orjson.OPT_NON_STR_KEYS)
        headers = {"Content-Type": "application/json", **self.endpoint.headers}
        if self.endpoint.compress and len(body) >= COMPRESS_FROM_BYTES:
            body, headers = zlib.compress(body), {**headers, "Content-Encoding": "deflate"}
        token = self.endpoint.token.get_secret_value()
        params = {"token": token} if token else {}
        async with (
            self._opened() as session,
            session.post(self.endpoint.url, data=body, headers=headers, params=params) as response,
        ):
            return response.status, await _read(response)

    def _login(self) -> dict[str, str]:
        login = self.endpoint.basic_auth
        if not login.get("username"):
            return {}
        pair = f"{login['username']}:{login.get('password', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[aiohttp.ClientSession]:
        if self._session is None:
            cafile = self.endpoint.cafile
            trusted = ssl.create_default_context(cafile=cafile) if cafile else True
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted), headers=self._login())
        self._calls += 1
        try:
            yield self._session
        finally:
            self._calls -= 1
            await self._let_go()

    def _read(self, name: str, status: int, body: Any) -> dict[str, Any]:
        if status == 400 and isinstance(body, dict) and body.get("action_name"):
            return {"rejected": True, "error": str(body.get("error") or "")}
        if status == 404:
            raise ActionFailed(f"the action server has no action '{name}'; it is registered by its name()")
        if status != 200:
            raise ActionFailed(f"the action server answered {status} to '{name}'; its log says why")
        if body is None:
            body = {}
        found = {key: body.get(key) or [] for key in ("events", "responses")} if isinstance(body, dict) else {}
        if not found or not all(
            isinstance(each, list) and all(isinstance(item, dict) for item in each) for each in found.values()
        ):
            raise ActionFailed(f"the action server's answer to '{name}' is not {{events, responses}}")
        return found

    # --- for flows, which know no tracker

    def _of_flow(self, name: str, heard: Heard, slots: Mapping[str, Json]) -> dict[str, Any]:
        tracker = Tracker(sender_of(heard.address), {**dict.fromkeys(self.domain.slots), **slots})
        tracker.latest_message = {**parse_data(heard.meaning, self.domain), "message_id": heard.turn, "metadata": {}}
        tracker.channel = heard.address.channel
        state = {**tracker.state("ALL"), "latest_event_time": heard.at, "followup_action": None}
        return {"next_action": name, "sender_id": tracker.sender, "tracker": state}

    def _for_flow(self, answer: Mapping[str, Any], heard: Heard, slots: Mapping[str, Json]) -> Result:
        speaker = Speaker(self.domain, heard.address.channel, heard.turn)
        replies: list[Reply] = []
        for each in answer["responses"]:
            named = each.get("response") or each.get("template")
            try:
                replies += speaker.say(str(named), {**slots, **each}) if named else replies_to(each)
            except NoResponse as missing:
                raise ActionFailed(f"the action server says a response that is not there: {missing}") from None
        told = [event for event in answer["events"] if event.get("event") == "slot" and event.get("name")]
        found = slots_in(told)
        return Result(found, found, tuple(replies))


async def _read(response: aiohttp.ClientResponse) -> Any:
    """The answer's JSON. Raises `_Unreadable`."""
    raw = bytearray()
    async for piece in response.content.iter_chunked(64 * 1024):
        raw += piece
        if len(raw) > MOST_BYTES:
            raise _Unreadable(f"is longer than {MOST_BYTES // 1024 // 1024} MB")
    try:
        return orjson.loads(raw) if raw else None
    except orjson.JSONDecodeError:
        if response.status == 200:
            raise _Unreadable("is not JSON") from None
        return None


def catalogue_of(project: Path, registry: Registry, domain: Domain, raw: Mapping[str, Any]) -> Registry | ActionServer:
    """What runs the project's custom actions: the server that endpoints.yml names, else its own `actions.py`. Raises
    `BadProject`."""
    path = project / "endpoints.yml"
    source = read_yaml(path, environment(project)) if path.is_file() else None
    if source is None or not isinstance(source.data, dict) or not source.data.get("action_endpoint"):
        return registry
    return ActionServer(check(source, ActionEndpoint, ("action_endpoint",)), domain, sent(raw))


def sent(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The domain as action servers of Rasa 3 read it: a form of Rasa 2 names its slots with their mappings."""
    forms = raw.get("forms")
    if isinstance(forms, list):
        forms = {str(name): {} for name in forms}
    if not isinstance(forms, Mapping):
        return dict(raw)
    return {**raw, "forms": {name: _form(given or {}) for name, given in forms.items()}}


def _form(given: Mapping[str, Any]) -> dict[str, Any]:
    if "required_slots" in given or "ignored_intents" in given or not given:
        slots, rest = given.get("required_slots") or [], given
    else:
        slots, rest = given, {}
    return {**rest, "required_slots": [str(name) for name in slots]}
