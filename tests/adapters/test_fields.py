"""Our reader of XML, which is there for its speed, reads what a careful reader that others trust reads, and no more."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

import pytest
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from adapters.fields import MAX_DEPTH, Malformed, read_fields

names = st.sampled_from(["a", "B", "MsgType", "中", "a-b"])
words = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn", "Co"]), max_size=12)
leaves = words.map(escape) | words.map(lambda text: f"<![CDATA[{text.replace(']]>', '')}]]>")
odd = st.sampled_from(
    ["", " ", "\n", "&#65;", "&amp;", "<!-- x -->", "<?pi x?>", "&gone;", "]]>", "<a>", "</a>", "<a/>"]
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(st.tuples(names, inner, odd), max_size=4).map(
        lambda found: "".join(f"<{name}>{body}</{name}>{more}" for name, body, more in found)
    ),
    max_leaves=8,
)


def oracle(text: str) -> dict[str, Any] | None:
    """By defusedxml and ElementTree; None where they refuse."""
    try:
        root = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        return None
    found = _of(root)
    return (found if isinstance(found, dict) else {}) if root.tag == "xml" else None


def _of(element: Element) -> Any:
    if not len(element):
        return element.text or ""
    fields: dict[str, Any] = {}
    for child in element:
        fields.setdefault(child.tag, []).append(_of(child))
    return {tag: found[0] if len(found) == 1 else found for tag, found in fields.items()}


def ours(text: str) -> dict[str, Any] | None:
    try:
        return read_fields(text.encode())
    except Malformed:
        return None


@given(trees, odd)
def test_any_document_reads_the_same(body: str, more: str) -> None:
    text = f"<xml>{body}{more}</xml>"
    assert ours(text) == oracle(text)


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE xml><xml/>",
        "<!DOCTYPE xml SYSTEM 'http://127.0.0.1/x.dtd'><xml/>",
        "<!DOCTYPE xml [<!ENTITY a 'b'>]><xml><a>&a;</a></xml>",
        "<!DOCTYPE xml [<!ENTITY % a SYSTEM 'file:///etc/passwd'>%a;]><xml/>",
        "<x:xml xmlns:x='u'/>",
        "<xml xmlns='u'><a>1</a></xml>",
        "<x:xml/>",
        "<xml/><xml/>",
        "<xml>\x00</xml>",
        "<xml a='1' a='2'/>",
        "",
    ],
)
def test_what_a_careful_reader_refuses_is_refused(text: str) -> None:
    assert oracle(text) is None
    assert ours(text) is None


def test_a_long_text_is_read_whole() -> None:
    said = "长😀<&" * 20_000
    assert read_fields(f"<xml><Content>{escape(said)}</Content></xml>".encode()) == {"Content": said}


def test_nesting_has_an_end() -> None:
    def nested(depth: int) -> str:
        return "<xml>" + "<a>" * depth + "x" + "</a>" * depth + "</xml>"

    assert ours(nested(MAX_DEPTH)) == oracle(nested(MAX_DEPTH))
    assert ours(nested(MAX_DEPTH + 1)) is None
