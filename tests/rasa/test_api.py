"""Rasa's HTTP API and its channels, by HTTP, over a served project."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import jwt
import pytest
from aiohttp.test_utils import TestServer

from bot.app import make_app
from config.credentials import Credentials
from config.settings import Settings, load_settings
from config.source import BadProject
from nlu.training import train
from tests.rasa.shop import write

NLU = """
version: "3.1"
nlu:
  - intent: greet
    examples: |
      - 你好
      - 您好
      - 在吗
      - 嗨
  - intent: refund
    examples: |
      - 我要退款
      - 退货
      - 帮我退[DD1](order_id)
      - 申请退款
  - intent: hours
    examples: |
      - 几点开门
      - 营业时间
      - 什么时候关门
      - 你们几点上班
  - intent: stop
    examples: |
      - 算了
      - 不弄了
      - 别弄了
  - lookup: order_id
    examples: |
      - DD1
"""
PIPELINE = """
language: zh
pipeline: [Normalizer, JiebaTokenizer, TfidfFeaturizer, LinearIntentClassifier, LookupEntityExtractor]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write(tmp_path_factory.mktemp("served"), data__nlu_yml=NLU, config_yml=PIPELINE, credentials_yml="rest:\n")
    train(folder, lambda phase, fraction: None)
    return folder


async def served(project: Path, **settings: object) -> TestServer:
    app = await make_app(project, Settings(**settings), Credentials(rest={}))  # type: ignore[arg-type]
    server = TestServer(app)
    await server.start_server()
    return server


class Client:
    def __init__(self, server: TestServer, session: aiohttp.ClientSession) -> None:
        self.server, self.session = server, session

    async def call(self, method: str, path: str, json: object = None, **more: object) -> tuple[int, object]:
        async with self.session.request(method, self.server.make_url(path), json=json, **more) as response:  # type: ignore[arg-type]
            if response.content_type == "application/json":
                return response.status, await response.json()
            return response.status, await response.text() if response.content_type.startswith("text") else None


@pytest.fixture
async def api(project: Path) -> AsyncIterator[Client]:
    server = await served(project, enable_api=True)
    async with aiohttp.ClientSession() as session:
        yield Client(server, session)
    await server.close()


async def test_a_conversation_by_rest_is_seen_by_its_bare_sender(api: Client) -> None:
    _, said = await api.call("POST", "/webhooks/rest/webhook", {"sender": "anna", "message": "我要退款"})
    assert said == [{"recipient_id": "anna", "text": "订单号是多少？"}]
    status, state = await api.call("GET", "/conversations/anna/tracker")
    assert status == 200
    assert state["sender_id"] == "anna"
    assert state["active_loop"]["name"] == "refund_form"
    assert state["slots"]["requested_slot"] == "order_id"
    assert state["latest_message"]["intent"]["name"] == "refund"
    assert state["latest_input_channel"] == "rest"
    assert state["latest_action_name"] == "action_listen"
    kinds = [event["event"] for event in state["events"]]
    assert kinds[:4] == ["action", "session_started", "action", "user"]


async def test_what_a_client_sends_along_is_kept_with_what_was_said(api: Client) -> None:
    said = {"sender": "meta", "message": "你好", "metadata": {"page": "/cart"}, "input_channel": "app"}
    await api.call("POST", "/webhooks/rest/webhook", said)
    _, state = await api.call("GET", "/conversations/meta/tracker")
    assert state["latest_message"]["metadata"] == {"page": "/cart"}
    assert state["latest_input_channel"] == "app"
    # the session that it began carries it over
    assert state["slots"]["session_started_metadata"] == {"page": "/cart"}


async def test_a_new_conversation_begins_when_it_is_looked_at(api: Client) -> None:
    _, state = await api.call("GET", "/conversations/nobody/tracker")
    assert [event["event"] for event in state["events"]] == ["action", "session_started", "action"]
    assert state["latest_message"] == {"intent": {}, "entities": [], "text": None, "message_id": None, "metadata": {}}
    _, bare = await api.call("GET", "/conversations/nobody/tracker?include_events=NONE")
    assert bare["events"] is None


async def test_a_wrong_verbosity_is_told_as_rasa_tells_it(api: Client) -> None:
    status, error = await api.call("GET", "/conversations/x/tracker?include_events=XX")
    assert status == 400
    assert error == {
        "version": "3.6.21",
        "status": "failure",
        "message": "Invalid parameter value for 'include_events'. Should be one of NONE, APPLIED, AFTER_RESTART, ALL",
        "reason": "BadRequest",
        "details": {"parameter": "include_events", "in": "query"},
        "help": None,
        "code": 400,
    }


async def test_events_are_appended_and_count_in_the_next_turn(api: Client) -> None:
    event = [{"event": "slot", "name": "order_id", "value": "DD9"}]
    status, state = await api.call("POST", "/conversations/bob/tracker/events", event)
    assert (status, state["slots"]["order_id"]) == (200, "DD9")
    _, said = await api.call("POST", "/webhooks/rest/webhook", {"sender": "bob", "message": "申请退款"})
    assert said == [{"recipient_id": "bob", "text": "为什么退？"}]


async def test_events_are_replaced(api: Client) -> None:
    await api.call("POST", "/conversations/cid/tracker/events", {"event": "slot", "name": "reason", "value": "x"})
    told = [{"event": "slot", "name": "order_id", "value": "DD10"}]
    _, state = await api.call("PUT", "/conversations/cid/tracker/events", told)
    assert (state["slots"]["order_id"], state["slots"]["reason"]) == ("DD10", None)


@pytest.mark.parametrize(
    "event",
    [
        {"event": "nonsense"},
        {"event": "slot"},
        3,
        {"name": "x"},
        {"event": "user", "text": "x", "timestamp": "2026-01-01"},
        {"event": "user", "text": "x", "parse_data": {"intent": "greet"}},
        {"event": "user", "text": "x", "parse_data": {"entities": [1]}},
    ],
)
async def test_what_is_no_event_is_refused(api: Client, event: object) -> None:
    status, error = await api.call("POST", "/conversations/dan/tracker/events", event)
    assert status == 400
    assert error["message"].startswith("Failed to validate the events format.")


async def test_an_intent_is_triggered_and_answers(api: Client) -> None:
    body = {"name": "refund", "entities": {"order_id": "DD77"}}
    _, done = await api.call("POST", "/conversations/eve/trigger_intent?include_events=NONE", body)
    assert done["messages"] == [{"recipient_id": "eve", "text": "为什么退？"}]
    assert done["tracker"]["slots"]["order_id"] == "DD77"
    assert done["tracker"]["latest_message"]["text"] == "EXTERNAL: refund"
    assert done["tracker"]["latest_message"]["metadata"] == {"is_external": True}
    status, _ = await api.call("POST", "/conversations/eve/trigger_intent", {"name": "nope"})
    assert status == 404


async def test_an_action_is_executed(api: Client) -> None:
    _, done = await api.call("POST", "/conversations/fay/execute", {"name": "utter_hours"})
    assert done["messages"] == [{"recipient_id": "fay", "text": "九点到六点"}]
    assert (await api.call("POST", "/conversations/fay/execute", {}))[0] == 400


async def test_a_message_is_noted_without_an_answer(api: Client) -> None:
    _, state = await api.call("POST", "/conversations/gus/messages", {"text": "你好", "sender": "user"})
    assert state["latest_message"]["intent"]["name"] == "greet"
    assert state["latest_action_name"] == "action_listen"
    _, next_one = await api.call("POST", "/conversations/gus/predict")
    assert next_one["scores"][0] == {"action": "utter_greet", "score": 1.0}
    assert next_one["policy"] == "RulePolicy"
    assert (await api.call("POST", "/conversations/gus/messages", {"text": "x", "sender": "bot"}))[0] == 400


async def test_a_conversation_is_a_story(api: Client) -> None:
    await api.call("POST", "/webhooks/rest/webhook", {"sender": "hal", "message": "你好"})
    _, story = await api.call("GET", "/conversations/hal/story")
    assert "- intent: greet\n    user: |-\n      你好\n" in story
    assert "- action: utter_greet" in story
    assert (await api.call("GET", "/conversations/unknown/story"))[0] == 404
    await api.call("POST", "/webhooks/rest/webhook", {"sender": "hal", "message": "帮我退DD1"})
    _, story = await api.call("GET", "/conversations/hal/story")
    assert "      帮我退[DD1](order_id)\n" in story
    assert "  - slot_was_set:\n    - order_id: DD1\n" in story


async def test_a_text_is_parsed(api: Client) -> None:
    _, parsed = await api.call("POST", "/model/parse", {"text": "帮我退DD1"})
    assert parsed["intent"]["name"] == "refund"
    assert parsed["entities"][0]["entity"] == "order_id"
    assert parsed["entities"][0]["value"] == "DD1"
    _, command = await api.call("POST", "/model/parse", {"text": '/refund{"order_id":"DD1"}'})
    assert command["entities"][0]["extractor"] == "RegexMessageHandler"
    assert (await api.call("POST", "/model/parse", {}))[0] == 500
    assert (await api.call("POST", "/model/parse"))[0] == 400


async def test_status_version_and_domain(api: Client) -> None:
    assert (await api.call("GET", "/version"))[1] == {"version": "3.6.21", "minimum_compatible_version": "3.6.21"}
    _, status = await api.call("GET", "/status")
    assert status["num_active_training_jobs"] == 0
    _, domain = await api.call("GET", "/domain", headers={"Accept": "application/json"})
    assert domain["forms"] == {"refund_form": {"required_slots": ["order_id", "reason"]}}
    assert (await api.call("GET", "/domain", headers={"Accept": "image/png"}))[0] == 406


async def test_a_model_is_trained_loaded_and_left_again(api: Client) -> None:
    body = (
        NLU.rstrip()
        + "\n"
        + (
            "responses:\n  utter_greet: [{text: 新的您好}]\n"
            "intents: [greet, refund, hours, stop]\n"
            "rules:\n- rule: hi\n  steps:\n  - intent: greet\n  - action: utter_greet\n" + PIPELINE
        )
    )
    url = api.server.make_url("/model/train")
    async with api.session.post(url, data=body.encode(), headers={"Content-Type": "application/x-yaml"}) as response:
        assert response.status == 200, await response.text()
        name = response.headers["filename"]
        with tarfile.open(fileobj=io.BytesIO(await response.read())) as archive:
            assert "./domain.yml" in archive.getnames()
    assert (await api.call("PUT", "/model", {"model_file": name}))[0] == 204
    _, said = await api.call("POST", "/webhooks/rest/webhook", {"sender": "ida", "message": "你好"})
    assert said == [{"recipient_id": "ida", "text": "新的您好"}]
    assert (await api.call("DELETE", "/model"))[0] == 204
    _, said = await api.call("POST", "/webhooks/rest/webhook", {"sender": "jan", "message": "你好"})
    assert said == [{"recipient_id": "jan", "text": "您好"}]


@pytest.mark.parametrize("name", ["nosuch.tar.gz", "../../etc/passwd", ""])
async def test_a_model_that_is_not_there_is_refused(api: Client, name: str) -> None:
    assert (await api.call("PUT", "/model", {"model_file": name}))[0] == 400


async def test_bad_yaml_is_told(api: Client) -> None:
    url = api.server.make_url("/model/train")
    async with api.session.post(url, data=b"bad: [", headers={"Content-Type": "application/x-yaml"}) as response:
        assert response.status == 400
        assert "valid YAML" in (await response.json())["message"]


async def test_intents_and_stories_are_tested(api: Client) -> None:
    url = api.server.make_url("/model/test/intents")
    async with api.session.post(url, data=NLU.encode()) as response:
        assert (await response.json())["intent_evaluation"]["accuracy"] == 1.0
    story = "stories:\n- story: hi\n  steps:\n  - user: 你好\n    intent: greet\n  - action: utter_greet\n"
    async with api.session.post(api.server.make_url("/model/test/stories?e2e=true"), data=story.encode()) as response:
        assert (await response.json())["conversation_accuracy"] == {"accuracy": 1.0, "correct": 1, "total": 1}


# --- who may


async def test_a_token_opens_the_api(project: Path) -> None:
    server = await served(project, auth_token="open-sesame")
    async with aiohttp.ClientSession() as session:
        client = Client(server, session)
        assert (await client.call("GET", "/version"))[0] == 200
        status, error = await client.call("GET", "/status")
        assert (status, error["reason"]) == (401, "NotAuthenticated")
        assert (await client.call("GET", "/status?token=open-sesame"))[0] == 200
        assert (await client.call("GET", "/status?token=wrong"))[0] == 401
    await server.close()


async def test_a_jwt_opens_what_its_user_may(project: Path) -> None:
    secret = "s" * 32
    server = await served(project, jwt_secret=secret)

    def bearer(**user: str) -> dict[str, str]:
        return {"Authorization": "Bearer " + jwt.encode({"user": user}, secret, "HS256")}

    async with aiohttp.ClientSession() as session:
        client = Client(server, session)
        anna, admin = bearer(username="anna", role="user"), bearer(username="root", role="admin")
        assert (await client.call("GET", "/conversations/anna/tracker", headers=anna))[0] == 200
        assert (await client.call("GET", "/conversations/bob/tracker", headers=anna))[0] == 403
        assert (await client.call("GET", "/status", headers=anna))[0] == 403
        assert (await client.call("GET", "/conversations/bob/tracker", headers=admin))[0] == 200
        forged = {"Authorization": "Bearer " + jwt.encode({"user": {"role": "admin"}}, "x" * 32, "HS256")}
        assert (await client.call("GET", "/status", headers=forged))[0] == 401
    await server.close()


async def test_without_a_switch_there_is_no_api(project: Path) -> None:
    server = await served(project)
    async with aiohttp.ClientSession() as session:
        assert (await Client(server, session).call("GET", "/status"))[0] == 404
    await server.close()


async def test_a_long_body_is_read_whole(api: Client) -> None:
    told = [{"event": "slot", "name": "reason", "value": "长" * 100_000}]
    status, state = await api.call("POST", "/conversations/long/tracker/events?include_events=NONE", told)
    assert (status, len(state["slots"]["reason"])) == (200, 100_000)


async def test_a_time_that_is_none_is_refused(api: Client) -> None:
    assert (await api.call("GET", "/conversations/x/tracker?until=abc"))[0] == 400


async def test_entities_of_a_triggered_intent_may_be_a_list(api: Client) -> None:
    body = {"name": "refund", "entities": [{"entity": "order_id", "value": "DD8"}]}
    _, done = await api.call("POST", "/conversations/lou/trigger_intent", body)
    assert done["tracker"]["slots"]["order_id"] == "DD8"


async def test_an_api_for_everybody_needs_a_token(project: Path) -> None:
    with pytest.raises(BadProject, match="set YINGDA_AUTH_TOKEN or YINGDA_JWT_SECRET"):
        await make_app(project, Settings(enable_api=True, host="0.0.0.0"), Credentials(rest={}))


def test_how_tokens_are_signed_is_checked_at_the_start() -> None:
    with pytest.raises(BadProject, match="YINGDA_JWT_METHOD"):
        load_settings({"YINGDA_JWT_METHOD": "HS265"})
