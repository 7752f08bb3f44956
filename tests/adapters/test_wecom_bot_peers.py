"""Webhooks of AI bots that implementations of others encrypted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.channel import Messages, Request
from adapters.wecom_bot import WeComBot
from config.credentials import WeComBotAccount
from tests.vectors import vectors

PEERS = [vector for vector in vectors("peers.json") if "aibot" in vector["case"]]


@pytest.mark.parametrize("vector", PEERS, ids=lambda vector: f"{vector['case']} by {vector['producer']}")
def test_a_webhook_that_another_implementation_encrypted_is_read(vector: dict[str, Any]) -> None:
    keys = {"token": vector["token"], "encoding_aes_key": vector["aeskey"], "name": "机器人"}
    query = {name: vector[name] for name in ("msg_signature", "timestamp", "nonce")}
    request = Request("POST", "/", query, {}, json.dumps({"encrypt": vector["encrypt"]}).encode())
    found = WeComBot("main", WeComBotAccount.model_validate(keys)).parse(request, float(vector["timestamp"]))
    assert isinstance(found, Messages), found
    meant = json.loads(vector["plaintext"])
    assert (found.messages[0].id, found.messages[0].text) == (meant["msgid"], meant["text"]["content"])
    assert found.messages[0].at == float(vector["timestamp"])
