"""Rasa's HTTP API, call by call as it was recorded from Rasa 3.6.21: status, kind, keys in their order, and texts where
they say the same of every bot."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from nlu.training import train
from tests.rasa.shop import write
from tests.rasa.test_api import NLU, PIPELINE, Client
from tests.rasa.test_api import api as served_api

api = served_api


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same bot in Rasa's own way: by ours it says that it begins again."""
    exact = PIPELINE + "rasa_exact: true\n"
    folder = tmp_path_factory.mktemp("exact")
    write(folder, data__nlu_yml=NLU, config_yml=exact, credentials_yml="rest:\n")
    train(folder, lambda phase, fraction: None)
    return folder


RECORDED = Path(__file__).parents[3] / "shared" / "rasa" / "recorded"
JSON = {"content-type": "application/json"}
SET = '[{{"event":"slot","name":"order_id","value":"{}"}}]'
SAME = [
    ("POST", "/model/parse", "{}", 500),
    ("POST", "/model/parse", None, 400),
    ("GET", "/conversations/new1/tracker?include_events=XX", None, 400),
    ("GET", "/conversations/nosuch/story", None, 404),
    ("POST", "/conversations/new4/messages", '{"text":"查一下余额","sender":"bot"}', 400),
    ("PUT", "/model", '{"model_file":"nosuch.tar.gz"}', 400),
    ("GET", "/", None, 200),
    ("GET", "/version", None, 200),
    ("GET", "/webhooks/rest/", None, 200),
    ("POST", "/webhooks/rest/webhook", '{"sender":"r2"}', 200),
    ("POST", "/webhooks/rest/webhook", "{bad", 400),
    ("POST", "/webhooks/rest/webhook", '{"sender":"r3","message":"/restart"}', 200),
]
ALIKE = [
    ("GET", "/conversations/new1/tracker", None),
    ("GET", "/conversations/new1/tracker?include_events=NONE", None),
    ("POST", "/conversations/new1/tracker/events?include_events=APPLIED", SET.format("DD9")),
    ("PUT", "/conversations/new2/tracker/events?include_events=ALL", SET.format("DD10")),
    ("GET", "/status", None),
    ("POST", "/model/parse", '{"text":"/refund{\\"order_id\\":\\"DD1\\"}"}'),
    (
        "POST",
        "/conversations/new3/trigger_intent?output_channel=latest&include_events=NONE",
        '{"name":"refund","entities":{"order_id":"DD77"}}',
    ),
]  # fmt: skip


def recorded(method: str, path: str, body: str | None) -> tuple[int, str, str]:
    """Status, content type and body."""
    file = RECORDED / "httpapi.txt"
    if not file.is_file():
        pytest.skip("no recorded calls: ../shared/rasa/recorded is not there")
    for each in file.read_text("utf-8").split("\n### "):
        asked, _, answer = each.removeprefix("### ").partition("\n")
        of = f"http://127.0.0.1:5005{path}"
        verb = re.match(r"-X(\w+)", asked)
        if not asked.endswith(of) or (verb[1] if verb else "GET") != method:
            continue
        if (body or "") == (asked.removesuffix(of).partition(" -d ")[2].strip()):
            head, _, text = answer.partition("\n\n")
            found = re.search(r"content-type: (.+)", head)
            return int(head.split()[1]), found[1] if found else "", text.strip("\n")
    raise AssertionError(f"{method} {path} was not recorded")


async def call(api: Client, method: str, path: str, body: str | None) -> tuple[int, str, str]:
    url = api.server.make_url(path)
    data = body.encode() if body is not None else None
    async with api.session.request(method, url, data=data, headers=JSON if body else {}) as response:
        return response.status, response.headers["Content-Type"], await response.text()


@pytest.mark.parametrize(("method", "path", "body", "status"), SAME)
async def test_what_says_the_same_of_every_bot_is_the_same(
    api: Client, method: str, path: str, body: str | None, status: int
) -> None:
    theirs = recorded(method, path, body)
    assert theirs[0] == status
    assert await call(api, method, path, body) == theirs


@pytest.mark.parametrize(("method", "path", "body"), ALIKE)
async def test_what_depends_on_the_bot_has_the_same_keys(api: Client, method: str, path: str, body: str | None) -> None:
    status, kind, text = recorded(method, path, body)
    ours = await call(api, method, path, body)
    assert ours[:2] == (status, kind)
    assert shape(json.loads(ours[2])) == shape(json.loads(text))


def shape(value: Any) -> Any:
    """Keys in their order and kinds of values; what the bot's author names, and Rasa's model ids, left out."""
    match value:
        case {"event": kind, **rest}:
            told = {key: each for key, each in rest.items() if key != "metadata" or kind in ("user", "bot")}
            return ["event", *((key, type(each).__name__) for key, each in told.items() if key != "value")]
        case dict():
            return [(key, "slots" if key == "slots" else shape(each)) for key, each in value.items()]
        case list():
            return [shape(each) for each in value]
        case int() | float() if not isinstance(value, bool):
            return "number"
    return type(value).__name__
