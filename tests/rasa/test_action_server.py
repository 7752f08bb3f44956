"""Custom actions by Rasa's HTTP protocol: with a real rasa-sdk server, and with servers that misbehave."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.message import Card, Image
from bot.app import SERVICE, make_app
from config.credentials import Credentials, Rest
from config.settings import ActionEndpoint, Settings
from flows.rasa.engine import RasaEngine
from flows.rasa.server import MOST_BYTES, ActionServer, sent
from nlu.training import train
from tests.rasa import sdk
from tests.rasa.shop import DOMAIN, Talk, load, write
from tests.rasa.test_api import NLU, PIPELINE, Client

ACTIONS = ("give", "say", "reject", "boom", "slow", "look", "nowhere", "remind")
NAMES = ", ".join(f"action_{name}" for name in ACTIONS)
SLOTS = """
  which: {type: text, mappings: [{type: from_entity, entity: which}]}
  city: {type: text, mappings: [{type: from_entity, entity: city}]}
  proof: {type: text, mappings: [{type: custom}]}
"""
DOMAIN_WITH_ACTIONS = (
    DOMAIN.replace("actions: [", f"actions: [action_validate_slot_mappings, {NAMES}, ")
    .replace("slots:\n", f"slots:{SLOTS}", 1)
    .replace("entities: [", "entities: [which, city, ")
    .replace("  - greet\n", "  - greet\n" + "".join(f"  - {name}\n" for name in ACTIONS))
    .replace("responses:\n", "responses:\n  utter_ask_proof: [{text: 请发一个照片的链接}]\n")
)
RULES = "version: '3.1'\nrules:\n" + "".join(
    f"- rule: {name}\n  steps:\n  - intent: {name}\n  - action: action_{name}\n" for name in ACTIONS
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RasaEngine:
    return load(tmp_path_factory.mktemp("acting"), domain_yml=DOMAIN_WITH_ACTIONS, data__actions_yml=RULES)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sdk.serving(tmp_path_factory.mktemp("sdk") / "log") as served:
        yield served


@asynccontextmanager
async def talking(engine: RasaEngine, url: str, **settings: Any) -> AsyncIterator[Talk]:
    server = ActionServer(ActionEndpoint(url=url, **settings), engine.domain.base, engine.domain.raw)
    try:
        yield Talk(engine, server)  # type: ignore[arg-type]
    finally:
        await server.close()


@pytest_asyncio.fixture
async def talk(engine: RasaEngine, url: str) -> AsyncIterator[Talk]:
    async with talking(engine, url) as talk:
        yield talk


def errors(talk: Talk) -> str:
    return " | ".join(why.why for why in talk.outcome.trace if why.what == "error")


# --- what a real server gives


async def test_the_server_is_sent_everything_that_happened_and_the_domain(talk: Talk) -> None:
    await talk.says("greet")
    assert await talk.says("look", "看看") == ["u 看看 2 ['order_id', 'reason'] rest"]


async def test_it_may_say_something_in_every_way(talk: Talk) -> None:
    await talk.says("say")
    card, image, video, custom, named, *elements = talk.outcome.replies
    assert isinstance(card, Card)
    assert (card.text, card.buttons[0].payload) == ("文字", "/refund")
    assert isinstance(image, Image)
    assert image.url == "https://shop.example/a.png"
    assert getattr(video, "url", "") == "https://shop.example/v.mp4"
    assert getattr(custom, "payload", None) == {"card": 1}
    assert getattr(named, "text", "") == "DD3退好了，原因：坏了"
    assert elements


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("slot", []),
        ("restart", []),
        ("session_started", []),
        ("reset_slots", []),
        ("reminder", []),
        ("cancel_reminder", []),
        ("followup", ["九点到六点"]),
        ("pause", []),
        ("resume", []),
        ("action", []),
        ("active_loop", ["订单号是多少？"]),
        ("loop_interrupted", []),
        ("action_execution_rejected", ["没听懂"]),
        ("user", []),
        ("bot", ["顺便说一句 [好]"]),
        ("agent", []),
        ("export", []),
    ],
)
async def test_every_event_comes_back_and_does_what_it_means(talk: Talk, kind: str, said: list[str]) -> None:
    heard = await talk.says("give", which=kind)
    assert kind in talk.events
    assert errors(talk) == ""
    assert heard[:1] == said


async def test_events_change_what_the_next_turn_finds(talk: Talk) -> None:
    await talk.says("give", which="slot")
    assert talk.dialogue.slots["order_id"] == "DD5"
    await talk.says("give", which="reminder")
    assert talk.outcome.timers[0].due == 1893585600.0
    await talk.says("give", which="reset_slots")
    assert "order_id" not in talk.dialogue.slots
    await talk.says("give", which="user")
    assert talk.dialogue.slots["order_id"] == "DD7"
    await talk.says("give", which="pause")
    assert await talk.says("greet") == []
    assert talk.actions == []


@pytest.mark.parametrize("kind", ["rewind", "undo"])
async def test_what_is_taken_back_is_forgotten(talk: Talk, kind: str) -> None:
    await talk.says("greet")
    await talk.says("give", which=kind)
    assert kind in talk.events
    # the turn ends, and the next one finds a conversation in which it never was
    assert await talk.says("hours") == ["九点到六点"]


async def test_a_restart_forgets_the_form(talk: Talk) -> None:
    await talk.says("refund")
    await talk.says("give", which="restart")
    assert await talk.says("inform", order_id="DD1") != ["为什么退？"]


async def test_a_form_validates_extracts_and_asks_for_more(talk: Talk) -> None:
    assert await talk.says("refund") == ["订单号是多少？"]
    assert await talk.says("inform", order_id="12") == ["订单号以DD开头", "订单号是多少？"]
    assert await talk.says("inform", order_id="DDa1") == ["为什么退？"]
    assert talk.dialogue.slots["order_id"] == "DDA1"
    assert await talk.says("inform", "外壳有破损") == ["请发一个照片的链接"]
    assert await talk.says("inform", "没有") == ["没听懂", "请发一个照片的链接"] or errors(talk) == ""
    assert await talk.says("inform", "https://x.example/1.jpg") == ["DDA1退好了，原因：外壳有破损"]
    assert talk.dialogue.slots["proof"] == "https://x.example/1.jpg"


async def test_slots_are_validated_outside_of_forms(talk: Talk) -> None:
    await talk.says("greet", city="帝都")
    assert talk.dialogue.slots["city"] == "北京"


async def test_a_refusal_lets_another_policy_decide(talk: Talk) -> None:
    assert await talk.says("reject") == ["没听懂"]
    assert "action_execution_rejected" in talk.events
    assert any(why.what == "rejected" and "今天不行" in why.why for why in talk.outcome.trace)


@pytest.mark.parametrize(
    ("intent", "told"),
    [("boom", "answered 500 to 'action_boom'"), ("nowhere", "has no action 'action_nowhere'")],
)
async def test_an_action_that_fails_has_no_events_and_the_turn_goes_on(talk: Talk, intent: str, told: str) -> None:
    assert await talk.says(intent) == []
    assert told in errors(talk)
    assert talk.actions[-2:] == [f"action_{intent}", "action_listen"]
    assert await talk.says("greet") == ["您好"]


async def test_a_slow_action_is_given_up(engine: RasaEngine, url: str) -> None:
    async with talking(engine, url, timeout=0.2) as talk:
        assert await talk.says("slow") == []
        assert "longer than 0.2 s" in errors(talk)


async def test_a_domain_that_is_left_out_is_sent_once_the_server_asks_for_it(engine: RasaEngine, url: str) -> None:
    async with talking(engine, url, enable_selective_domain=True) as talk:
        assert await talk.says("look") == ["u /look 1 ['order_id', 'reason'] rest"]
        assert errors(talk) == ""


async def test_long_requests_are_deflated(engine: RasaEngine, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.rasa.server.COMPRESS_FROM_BYTES", 1)
    async with talking(engine, url, compress=True) as talk:
        assert await talk.says("look") == ["u /look 1 ['order_id', 'reason'] rest"]


# --- a whole service with it


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, url: str) -> Path:
    endpoints = f"action_endpoint:\n  url: {url}\n"
    more = {"data__actions_yml": RULES, "data__nlu_yml": NLU, "config_yml": PIPELINE, "endpoints_yml": endpoints}
    folder = write(tmp_path_factory.mktemp("served"), domain_yml=DOMAIN_WITH_ACTIONS, **more)
    train(folder, lambda phase, fraction: None)
    return folder


async def test_a_served_bot_asks_it_is_reminded_and_leaves_no_connection_open(
    project: Path, recwarn: pytest.WarningsRecorder
) -> None:
    app = await make_app(project, Settings(enable_api=True), Credentials(rest=Rest()))
    server = TestServer(app)
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        client = Client(server, session)

        async def says(text: str) -> list[str]:
            _, said = await client.call("POST", "/webhooks/rest/webhook", {"sender": "r1", "message": text})
            return [item["text"] for item in said]  # type: ignore[attr-defined]

        assert await says("/look") == ["r1 /look 1 ['order_id', 'reason'] rest"]
        actions: Any = app[SERVICE].work.bot.actions
        app[SERVICE].swap(replace(app[SERVICE].work.bot, actions=replace(actions, _session=None, _calls=0)))
        assert await says("/remind") == []
        assert actions._session is None
        for _ in range(50):
            _, state = await client.call("GET", "/conversations/r1/tracker")
            said = [event["text"] for event in state["events"] if event["event"] == "bot"]  # type: ignore[index]
            if said[1:]:
                break
            await asyncio.sleep(0.1)
        assert said[1:] == ["九点到六点"]
    await server.close()
    del app, actions
    gc.collect()
    assert [str(each.message) for each in recwarn if issubclass(each.category, ResourceWarning)] == []


# --- servers that misbehave


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[str]:
    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/webhook", handler)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/webhook"))
    finally:
        await server.close()


def with_body(status: int, body: bytes, kind: str = "application/json") -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, content_type=kind)

    return handler


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"{bad", "is not JSON"),
        (200, b"<html>", "is not JSON"),
        (200, b"\xff\xfe", "is not JSON"),
        (200, b"3", "is not {events, responses}"),
        (200, b'{"events": 3}', "is not {events, responses}"),
        (200, b'{"events": ["x"]}', "is not {events, responses}"),
        (200, b'{"responses": [null]}', "is not {events, responses}"),
        (200, b" " * (MOST_BYTES + 1), "longer than 8 MB"),
        (400, b'{"error": "Invalid body request"}', "answered 400"),
        (400, b"[1]", "answered 400"),
        (500, b"oops", "answered 500"),
        (302, b"", "answered 302"),
        (204, b"", "answered 204"),
    ],
)
async def test_no_answer_of_a_server_breaks_the_turn(engine: RasaEngine, status: int, body: bytes, told: str) -> None:
    async with answering(with_body(status, body)) as url, talking(engine, url) as talk:
        assert await talk.says("look") == []
        assert told in errors(talk)
        assert await talk.says("greet") == ["您好"]


@pytest.mark.parametrize("body", [b"null", b"", b"{}", b'{"events": null, "responses": null}'])
async def test_an_action_may_give_nothing(engine: RasaEngine, body: bytes) -> None:
    async with answering(with_body(200, body)) as url, talking(engine, url) as talk:
        assert await talk.says("look") == []
        assert errors(talk) == ""


async def test_a_long_answer_in_many_pieces_is_read_to_its_end(engine: RasaEngine) -> None:
    text = "长" * 200_000

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        asked = (await request.json())["next_action"] == "action_look"
        said = [{"text": text}] if asked else []
        body = json.dumps({"events": [], "responses": said}, ensure_ascii=False).encode()
        for at in range(0, len(body), 50_000):
            await response.write(body[at : at + 50_000])
        return response

    async with answering(handler) as url, talking(engine, url) as talk:
        assert await talk.says("look") == [text]


async def test_an_event_that_is_none_is_left_out_and_the_others_count(engine: RasaEngine) -> None:
    good = {"event": "slot", "name": "order_id", "value": "DD6"}
    bad = [{"event": "nonsense"}, {"event": "slot"}, {"name": "x"}, {"event": "reminder", "intent": "hours"}]
    body = json.dumps({"events": [*bad, good], "responses": []}).encode()
    async with answering(with_body(200, body)) as url, talking(engine, url) as talk:
        await talk.says("look")
        assert talk.dialogue.slots["order_id"] == "DD6"
        assert errors(talk).count("'action_look' sent an event that is left out") == 4


async def test_a_dead_server_is_told_without_its_address(engine: RasaEngine) -> None:
    async with talking(engine, "http://127.0.0.1:9/webhook?token=secret") as talk:
        assert await talk.says("look") == []
        assert "cannot be reached" in errors(talk)
        assert "secret" not in errors(talk)


async def test_the_request_is_signed_as_endpoints_yml_says(engine: RasaEngine) -> None:
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response({"events": [], "responses": []})

    more = {"basic_auth": {"username": "u", "password": "p"}, "headers": {"X-Shop": "1"}, "token": "t0"}
    async with answering(handler) as url, talking(engine, url, **more) as talk:
        await talk.says("look")
    (request,) = seen[-1:]
    assert request.query["token"] == "t0"
    assert request.headers["X-Shop"] == "1"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"u:p").decode()
    assert request.headers["Content-Type"] == "application/json"


async def test_the_domain_goes_to_marked_actions_alone_where_that_is_asked_for(tmp_path: Path) -> None:
    domain = DOMAIN_WITH_ACTIONS.replace(" action_say,", " {action_say: {send_domain: true}},")
    engine = load(tmp_path, domain_yml=domain, data__actions_yml=RULES)
    seen: dict[str, list[str]] = {}

    async def handler(request: web.Request) -> web.Response:
        given = await request.json()
        seen[given["next_action"]] = list(given)
        return web.json_response({"events": [], "responses": []})

    async with answering(handler) as url, talking(engine, url, enable_selective_domain=True) as talk:
        await talk.says("look")
        await talk.says("say")
    assert seen["action_look"] == ["next_action", "sender_id", "tracker", "version"]
    assert seen["action_say"] == ["next_action", "sender_id", "tracker", "version", "domain"]


async def test_connections_are_let_go_when_the_last_call_has_ended(engine: RasaEngine, url: str) -> None:
    server = ActionServer(ActionEndpoint(url=url), engine.domain.base, engine.domain.raw)
    talk = Talk(engine, server)  # type: ignore[arg-type]
    await talk.says("look")
    assert server._session is not None
    await server.close()
    assert server._session is None
    # a turn that was under way when the bot was replaced still ends with it, and leaves nothing open
    assert await talk.says("look")
    assert server._session is None


@pytest.mark.parametrize(
    ("forms", "shown"),
    [
        ({"f": {"required_slots": ["a", "b"]}}, {"f": {"required_slots": ["a", "b"]}}),
        ({"f": {"required_slots": {"a": [{"type": "from_text"}]}}}, {"f": {"required_slots": ["a"]}}),
        ({"f": {"a": [{"type": "from_text"}], "b": []}}, {"f": {"required_slots": ["a", "b"]}}),
        ({"f": {"ignored_intents": ["x"]}}, {"f": {"ignored_intents": ["x"], "required_slots": []}}),
        ({"f": None}, {"f": {"required_slots": []}}),
        (["f"], {"f": {"required_slots": []}}),
    ],
)
def test_forms_of_rasa_2_are_sent_as_rasa_3_writes_them(forms: Any, shown: Any) -> None:
    assert sent({"forms": forms})["forms"] == shown


# --- the same as Rasa asks

RECORDED = Path(__file__).parents[3] / "shared" / "rasa" / "recorded"


def recorded() -> list[dict[str, Any]]:
    found = sorted(RECORDED.glob("action_*.json"))
    if not found:
        pytest.skip("no recorded requests: ../shared/rasa/recorded is not there")
    return [json.loads(path.read_text("utf-8")) for path in found]


async def test_a_request_has_the_keys_that_rasas_has_in_its_order(engine: RasaEngine) -> None:
    seen: list[dict[str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(await request.json())
        return web.json_response({"events": [], "responses": []})

    theirs = [each["request"] for each in recorded()]
    async with answering(handler) as url, talking(engine, url) as talk:
        await talk.says("greet", "你好")
        await talk.says("hours", "DD1几点能到", order_id="DD1")
        await talk.says("look", "看一下")
        await talk.says("refund", "我要退款")
        await talk.says("hours", "几点开门")
        await talk.says("inform", "坏了")
    for ours in seen:
        assert list(ours) == list(theirs[0])
        assert list(ours["tracker"]) == list(theirs[0]["tracker"])
        message = ours["tracker"]["latest_message"]
        assert list(message) == list(theirs[0]["tracker"]["latest_message"])
        assert next(iter(ours["domain"])) == "version"
    for kind, keys in _keys(seen).items():
        assert keys <= _keys(theirs).get(kind, keys), kind
    loops = [each["tracker"]["active_loop"] for each in (*seen, *theirs) if each["tracker"]["active_loop"]]
    assert len({tuple(loop) for loop in loops}) == 1


def _keys(requests: list[dict[str, Any]]) -> Mapping[str, set[tuple[str, ...]]]:
    """The keys of each kind of event, in their order; `metadata` only where it is more than Rasa's model id."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for request in requests:
        for event in request["tracker"]["events"]:
            told = event["event"] in ("user", "bot")
            found.setdefault(event["event"], set()).add(tuple(key for key in event if told or key != "metadata"))
    return found
