"""Whatever a reply says, the XML that carries it stays well formed, and says just that."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.channel import Request
from adapters.crypto import BadEnvelope, Envelope
from adapters.fields import read_fields
from adapters.markup import read_sealed
from adapters.message import Link, News, Reply, Text, Video
from adapters.passive_xml import passive_xml
from adapters.wecom.cards import update_xml
from tests.contracts.channels import CHANNELS
from tests.contracts.entry import NOW, SECRETS, Entry
from tests.contracts.test_channel import parsed, vectors

NASTY = ["]]>", "<&", "a\x00b", "\x1b[0m", "]]>]]>", "<xml>", "&amp;", "\ud800", "]]><Content>x", "﷐\ufffe", "]]\x00>"]
nasty = st.sampled_from(NASTY)
texts = st.one_of(nasty, st.text(max_size=40), st.tuples(st.text(), nasty).map("".join))
SHOWABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def shown(text: str) -> str:
    """What of `text` XML can hold; readers make line ends of carriage returns."""
    return SHOWABLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


@given(texts)
def test_a_text_says_what_it_said(text: str) -> None:
    root = fromstring(passive_xml(Text(text), "corp", "user", 1))
    assert sorted(child.tag for child in root) == ["Content", "CreateTime", "FromUserName", "MsgType", "ToUserName"]
    assert (root.findtext("Content") or "") == shown(text)


@given(texts, texts)
def test_who_it_is_from_and_to_cannot_break_out_either(sender: str, receiver: str) -> None:
    root = fromstring(passive_xml(Text("a"), sender, receiver, 1))
    assert len(root) == 5
    assert (root.findtext("FromUserName") or "") == shown(sender)


OTHERS: list[Callable[[str], Reply]] = [
    lambda text: News((Link("http://a", text, text, text), Link(text))),
    lambda text: Video("m", title=text, description=text),
]


@pytest.mark.parametrize("make", OTHERS)
@given(text=texts)
def test_other_kinds_are_well_formed(make: Callable[[str], Reply], text: str) -> None:
    read_fields(passive_xml(make(text), "corp", "user", 1))


@given(texts, st.dictionaries(st.text(max_size=8), texts, max_size=3))
def test_a_cards_update_is_well_formed_whatever_its_fields_are_called(text: str, more: dict[str, str]) -> None:
    card = {"main_title": {"title": text} | more, "button_list": [more, {"text": text}]} | more
    fields = read_fields(update_xml({"msgtype": "update_template_card", "template_card": card}, "corp", "user", 1))
    assert set(fields) <= {"ToUserName", "FromUserName", "CreateTime", "MsgType", "TemplateCard"}


XML = [entry for entry in CHANNELS if not entry.speaks_only and vectors(entry)[0]["body"].startswith("<xml>")]


@pytest.mark.parametrize("entry", XML, ids=lambda entry: entry.name)
@settings(max_examples=40)
@given(text=texts)
def test_every_channel_that_answers_in_xml_answers_well(entry: Entry, text: str) -> None:
    channel = entry.make()
    if not channel.limits.passive_messages:
        return
    (answer,) = channel.render([Text(f"甲{text}乙")], parsed(entry, vectors(entry)[0]).route)
    fields = read_fields(answer.body)
    if "Encrypt" in fields:
        opened = next(Envelope(SECRETS[0], [SECRETS[2]], corp) for corp in ("ww1", "wx1") if corp in _receivers(entry))
        fields = read_fields(opened.open(read_sealed(fields)).message)
    assert fields["Content"] == shown(f"甲{text}乙")


def _receivers(entry: Entry) -> set[str]:
    """Whose id is in its envelopes."""
    request: Request = entry.wrap(vectors(entry)[0]["body"].encode(), NOW, True)
    sealed = read_sealed(read_fields(request.body) | {
        "MsgSignature": request.query["msg_signature"],
        "TimeStamp": request.query["timestamp"],
        "Nonce": request.query["nonce"],
    })  # fmt: skip
    found = set()
    for corp in ("ww1", "wx1"):
        try:
            Envelope(SECRETS[0], [SECRETS[2]], corp).open(sealed)
        except BadEnvelope:
            continue
        found.add(corp)
    return found


def test_an_updates_text_cannot_become_fields_of_its_own() -> None:
    xml = update_xml({"msgtype": "update_button", "button": {"replace_name": "</Button><x/>"}}, "c", "u", 1)
    assert read_fields(xml)["Button"] == {"ReplaceName": "</Button><x/>"}
