"""`/conversations/{id}/…` of Rasa's HTTP API: trackers read, and changed by turns like any other.

What changes a conversation is accepted as a turn, durable and in its order, so that no webhook at the same moment is
lost or thinks of an older state.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from urllib.parse import unquote

from aiohttp import web

from adapters.channel import Route
from adapters.message import Address, Message
from adapters.message import Event as Happened
from adapters.web import LIVE, rest_items
from bot.turn import Session, Turn
from bot.web.rasa.answers import Refusal, answer, bad, body_of
from bot.web.rasa.auth import Auth
from bot.web.site import Site
from bot.work import Bot
from flows.mixed import domain_of, rasa_of
from flows.rasa import events
from flows.rasa.engine import API, RasaEngine
from flows.rasa.events import BadEvent, Event, check_event
from flows.rasa.parsing import parse_data
from flows.rasa.policies.ensemble import predict
from flows.rasa.reminders import entities_of
from flows.rasa.testing import story_yaml
from flows.rasa.tracker import Tracker, Verbosity
from flows.state import EVENTS, Dialogue

OWN_CHANNELS = ("rest", "socketio", "callback")
"""Rasa's channels, whose conversations are called by the bare sender."""
WATCHED = ("rest", "socketio", "web")
"""Channels on which an answer is seen by whoever looks."""
WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Conversations:
    site: Site
    bot: Callable[[], Bot]
    auth: Auth

    def routes(self) -> list[web.RouteDef]:
        at = "/conversations/{id:.+}"
        return [
            web.get(f"{at}/tracker", self.auth.guarded(self.tracker)),
            web.post(f"{at}/tracker/events", self.auth.guarded(self.append)),
            web.put(f"{at}/tracker/events", self.auth.guarded(self.replace)),
            web.get(f"{at}/story", self.auth.guarded(self.story)),
            web.post(f"{at}/messages", self.auth.guarded(self.message)),
            web.post(f"{at}/trigger_intent", self.auth.guarded(self.trigger)),
            web.post(f"{at}/execute", self.auth.guarded(self.execute)),
            web.post(f"{at}/predict", self.auth.guarded(self.predict)),
        ]

    # --- reading

    async def tracker(self, request: web.Request) -> web.Response:
        """The conversation's state; it is begun where it is new."""
        verbosity = _verbosity(request)
        address, session = await self._found(request)
        if session is None or not session.dialogue.memory.get(EVENTS):
            done = await self._turn(address, "events", {"events": []})
            session = await self._session(done)
        tracker = await self._tracker(address, session.dialogue, everything=verbosity in ("ALL", "AFTER_RESTART"))
        until = _until(request)
        if until is not None:
            told = [event for event in tracker.events if float(event.get("timestamp") or 0.0) <= until]
            tracker = Tracker(tracker.sender, tracker.initial, told)
        return answer(tracker.state(verbosity))

    async def story(self, request: web.Request) -> web.Response:
        """The conversation as a test story."""
        address, session = await self._found(request)
        if session is None:
            raise Refusal(404, "Not found", "Conversation ID not found.")
        tracker = await self._tracker(address, session.dialogue, everything=_yes(request, "all_sessions"))
        told = tracker.events if _yes(request, "all_sessions") else tracker.applied()
        text = story_yaml(request.match_info["id"], told)
        return web.Response(text=text, content_type="text/plain")

    async def predict(self, request: web.Request) -> web.Response:
        address, session = await self._found(request)
        engine = self._engine()
        tracker = await self._tracker(address, session.dialogue if session else Dialogue(), everything=False)
        said = predict(engine.policies, tracker, engine.domain)
        scores = dict.fromkeys(engine.domain.actions, 0.0) | dict(said.scores) | {said.action: said.confidence}
        ranked = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
        return answer(
            {
                "scores": [{"action": action, "score": score} for action, score in ranked],
                "policy": said.policy or None,
                "confidence": said.confidence,
                "tracker": tracker.state(_verbosity(request)),
            }
        )

    # --- changing

    async def append(self, request: web.Request) -> web.Response:
        return await self._events(request, replace=False)

    async def replace(self, request: web.Request) -> web.Response:
        return await self._events(request, replace=True)

    async def _events(self, request: web.Request, *, replace: bool) -> web.Response:
        verbosity = _verbosity(request)
        given = await body_of(request)
        try:
            told = [check_event(each) for each in (given if isinstance(given, list) else [given])]
        except BadEvent as error:
            docs = "For more information about the format visit the docs."
            raise bad(f"Failed to validate the events format. {docs} Error: {error}") from None
        if not told:
            raise bad("Couldn't extract a proper event from the request body.")
        address, _ = await self._found(request)
        more = {"replace": replace, "execute_side_effects": _yes(request, "execute_side_effects")}
        done = await self._turn(address, "events", {"events": told, **more}, _way_out(request, address))
        return answer((await self._after(address, done)).state(verbosity))

    async def message(self, request: web.Request) -> web.Response:
        """Note what a user says, without an answer."""
        verbosity = _verbosity(request)
        given = await body_of(request)
        if not isinstance(given, Mapping) or not isinstance(given.get("text"), str) or "sender" not in given:
            raise bad("An object with 'text' and 'sender' is expected.", "text")
        if given["sender"] != "user":
            told = f"Messages of sender '{given['sender']}' cannot be handled."
            raise bad(f"Currently, only user messages can be passed to this endpoint. {told}", "sender")
        own = given.get("parse_data")
        parse = dict(own) if isinstance(own, Mapping) else await asyncio.to_thread(self._parse, given["text"])
        event = events.user(given["text"], parse, 0.0, message_id=uuid.uuid4().hex)
        address, _ = await self._found(request)
        done = await self._turn(address, "message", {"event": event})
        return answer((await self._after(address, done)).state(verbosity))

    async def trigger(self, request: web.Request) -> web.Response:
        """Act as though a user had meant an intent."""
        verbosity = _verbosity(request)
        given = await body_of(request)
        name = given.get("name") if isinstance(given, Mapping) else None
        if not name:
            raise bad("Name of the intent not provided in request body.", "name")
        if name not in self._engine().domain.intents:
            raise Refusal(404, "NotFound", f"The intent {name} does not exist in the domain.")
        event = events.external(str(name), entities_of(given), 0.0, None)
        return await self._acted(request, "intent", {"event": event}, verbosity)

    async def execute(self, request: web.Request) -> web.Response:
        """Run an action."""
        verbosity = _verbosity(request)
        given = await body_of(request)
        name = given.get("name") if isinstance(given, Mapping) else None
        if not name:
            raise bad("Name of the action not provided in request body.", "name")
        if not self._engine().domain.knows(str(name)):
            message = f"Failed to execute the action '{name}': there is no such action."
            raise Refusal(500, "ConversationError", message)
        return await self._acted(request, "action", dict(given), verbosity)

    async def _acted(
        self, request: web.Request, verb: str, given: Mapping[str, Any], verbosity: Verbosity
    ) -> web.Response:
        address, _ = await self._found(request)
        route = _way_out(request, address)
        done = await self._turn(address, verb, given, route)
        tracker = await self._after(address, done)
        collected = {"messages": rest_items(address.user, await self.site.shown(done.replies))} if route else {}
        return answer({"tracker": tracker.state(verbosity), **collected})

    # --- how

    def _engine(self) -> RasaEngine:
        engine = rasa_of(self.bot().engine)
        if engine is None:
            raise Refusal(409, "Conflict", "This bot is written in flows: it has no stories, rules or forms.")
        return engine

    def _parse(self, text: str) -> dict[str, Any]:
        bot = self.bot()
        meaning = bot.parse(text, datetime.fromtimestamp(self.site.clock(), bot.timezone))
        return parse_data(meaning, domain_of(bot.engine))

    async def _found(self, request: web.Request) -> tuple[Address, Session | None]:
        """The conversation by its id: a bare sender of Rasa's channels, or a conversation's escaped key."""
        name = request.match_info["id"]
        addresses = [Address(channel, "main", name, name) for channel in OWN_CHANNELS]
        parts = request.raw_path.partition("/conversations/")[2]
        key = _key_in(parts) if name.count("/") == 3 or parts.count("%2F") >= 3 else ""
        if key:
            session = await self.site.store.session(key)
            if session is not None:
                return _address(key), session
        for address in addresses:
            session = await self.site.store.session(address.conversation)
            if session is not None:
                return address, session
        return addresses[0], None

    async def _turn(self, address: Address, verb: str, given: Mapping[str, Any], route: Route | None = LIVE) -> Turn:
        content = Happened(API, verb, {"json": json.dumps(given, ensure_ascii=False)})
        message = Message(uuid.uuid4().hex, address, content, self.site.clock())
        turn = await self.site.inbox.accept(message, route)
        done = await self.site.inbox.ready(turn.id, WAIT_S)
        if done is None:
            raise Refusal(504, "Timeout", f"No answer within {WAIT_S:.0f} s.")
        return done

    async def _session(self, done: Turn) -> Session:
        session = await self.site.store.session(done.conversation)
        return session or Session(done.conversation)

    async def _after(self, address: Address, done: Turn) -> Tracker:
        session = await self._session(done)
        return await self._tracker(address, session.dialogue, everything=True)

    async def _tracker(self, address: Address, dialogue: Dialogue, *, everything: bool) -> Tracker:
        told: list[Event] = list(dialogue.memory.get(EVENTS) or ())
        if everything:
            turns = await self.site.store.turns(address.conversation, limit=1000)
            found: list[Event] = []
            for turn in sorted(turns, key=lambda turn: turn.ready_at):
                found = [*([] if _replaces(turn) else found), *turn.events]
            told = found or told
        return Tracker(address.user, self._engine().domain.initial, told)


def _replaces(turn: Turn) -> bool:
    """Whether the turn put other events in the place of all before it."""
    content = turn.message.content if turn.message else None
    return (
        isinstance(content, Happened) and content.name == API and bool(json.loads(content.data["json"]).get("replace"))
    )


def _way_out(request: web.Request, address: Address) -> Route | None:
    """What is said goes into the answer, or with `?output_channel=` (its name, or `latest`) out by the conversation's
    channel, where that is one that can speak first."""
    wanted = request.query.get("output_channel", "")
    return None if wanted in ("latest", address.channel) and address.channel not in WATCHED else LIVE


def _verbosity(request: web.Request) -> Verbosity:
    given = request.query.get("include_events", "AFTER_RESTART")
    known: Iterable[Verbosity] = get_args(Verbosity)
    for each in known:
        if each == given:
            return each
    allowed = "NONE, APPLIED, AFTER_RESTART, ALL"
    raise bad(f"Invalid parameter value for 'include_events'. Should be one of {allowed}", "include_events", "query")


def _until(request: web.Request) -> float | None:
    given = request.query.get("until")
    try:
        return float(given) if given else None
    except ValueError:
        raise bad("Invalid parameter value for 'until'. Should be epoch seconds.", "until", "query") from None


def _yes(request: web.Request, name: str) -> bool:
    return request.query.get(name, "").lower() in ("true", "1", "yes")


def _key_in(path: str) -> str:
    """The conversation's key in the raw path: its parts are escaped once more there."""
    head = path.split("?")[0]
    for tail in ("/tracker/events", "/tracker", "/story", "/messages", "/trigger_intent", "/execute", "/predict"):
        if head.endswith(tail):
            return unquote(head.removesuffix(tail))
    return ""


def _address(key: str) -> Address:
    channel, account, chat, user = (unquote(part) for part in key.split("/"))
    return Address(channel, account, chat, user)
