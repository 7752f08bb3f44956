"""The codec of the web: Rasa's REST items and the chat page's frames."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channel import Reject
from adapters.degrade import LEAVE_A_MESSAGE
from adapters.message import (
    Address,
    Button,
    Card,
    Custom,
    File,
    Image,
    Link,
    Markdown,
    News,
    Reply,
    Text,
    Transfer,
    Typing,
    Video,
    Voice,
)
from adapters.web import (
    REST_BODY_BYTES,
    SAY_CHARS,
    Earlier,
    Hello,
    Ping,
    Refused,
    RestCall,
    Say,
    Sync,
    bubbles,
    read_frame,
    read_rest,
    rest_items,
    safe_url,
    visitor,
)

texts = st.text(st.characters(codec="utf-8"), max_size=60)
links = st.builds(Link, texts, texts, texts, texts)
replies = st.one_of(
    st.builds(Text, texts),
    st.builds(Image, texts, texts, texts),
    st.builds(Voice, texts, texts),
    st.builds(Video, texts, texts),
    st.builds(File, texts, texts, texts),
    links,
    st.builds(News, st.lists(links, max_size=3).map(tuple)),
    st.builds(
        Card, texts, texts, texts, texts, st.lists(st.builds(Button, texts, texts, texts), max_size=4).map(tuple)
    ),
    st.builds(Markdown, texts, texts),
    st.builds(Custom, st.recursive(st.none() | st.integers() | texts, lambda inner: st.lists(inner, max_size=3))),
    st.builds(Transfer, texts),
    st.builds(Typing, st.booleans()),
)

frames = st.dictionaries(
    st.sampled_from(["type", "id", "text", "key", "before"]),
    st.none() | st.integers() | st.text(max_size=40) | st.sampled_from(["say", "hello", "earlier", "sync"]),
)


class TestRestCall:
    def test_a_message_of_a_rasa_client_is_read(self) -> None:
        call = read_rest('{"sender":"r1","message":"你好","metadata":{"k":1}}'.encode())
        assert call == RestCall("r1", "你好", {"metadata": {"k": 1}})
        message = call.message("m1", 5.0)
        assert (message.address, message.content) == (Address("rest", "main", "r1", "r1"), Text("你好"))
        assert message.raw == {"metadata": {"k": 1}}

    def test_no_sender_is_default(self) -> None:
        assert read_rest(b'{"message":"hi"}') == RestCall("default", "hi", {})

    def test_no_message_is_no_message(self) -> None:
        call = read_rest(b'{"sender":"r2"}')
        assert call == RestCall("r2", None, {})
        with pytest.raises(ValueError, match="no message"):
            call.message("m", 0)

    @pytest.mark.parametrize(
        "body",
        [
            b"{bad",
            b"",
            b"[]",
            b'"text"',
            b'{"sender":5}',
            b'{"message":["a"]}',
            b'{"sender":"%s"}' % (b"x" * 257),
            b'{"message":"\\ud800"}',
            b"[" * 50_000,
            b"\xff\xfe",
        ],
    )
    def test_what_is_no_call_is_refused(self, body: bytes) -> None:
        refusal = read_rest(body)
        assert isinstance(refusal, Reject)
        assert refusal.status == 400

    def test_a_body_over_the_cap_is_refused_as_too_large(self) -> None:
        refusal = read_rest(b" " * (REST_BODY_BYTES + 1))
        assert isinstance(refusal, Reject)
        assert refusal.status == 413

    @given(st.binary(max_size=200))
    def test_no_bytes_raise(self, body: bytes) -> None:
        assert isinstance(read_rest(body), RestCall | Reject)


class TestRestItems:
    def test_text_is_cut_at_blank_lines(self) -> None:
        assert rest_items("u", [Text("a\nb\n\nc")]) == [
            {"recipient_id": "u", "text": "a\nb"},
            {"recipient_id": "u", "text": "c"},
        ]

    def test_buttons_stay_with_their_text_and_a_picture_follows_as_its_own_item(self) -> None:
        card = Card("选吧", image="https://a.example/i.png", buttons=(Button("好", "/affirm"), Button("不")))
        assert rest_items("u", [card]) == [
            {
                "recipient_id": "u",
                "text": "选吧",
                "buttons": [{"title": "好", "payload": "/affirm"}, {"title": "不", "payload": "不"}],
            },
            {"recipient_id": "u", "image": "https://a.example/i.png"},
        ]

    def test_custom_and_attachments_are_items_of_their_own(self) -> None:
        assert rest_items("u", [Custom({"a": 1}), File(url="https://a.example/f.pdf")]) == [
            {"recipient_id": "u", "custom": {"a": 1}},
            {"recipient_id": "u", "attachment": {"type": "file", "payload": {"src": "https://a.example/f.pdf"}}},
        ]

    def test_markdown_and_links_arrive_as_text(self) -> None:
        items = rest_items("u", [Markdown("**好**的"), Link("https://a.example", "看看")])
        assert [set(item) for item in items] == [{"recipient_id", "text"}] * 2
        assert "https://a.example" in items[1]["text"]

    @given(st.lists(replies, max_size=4))
    def test_every_reply_becomes_json(self, said: list[Reply]) -> None:
        for item in rest_items("u", said):
            assert item["recipient_id"] == "u"
            assert len(item) >= 2
            json.dumps(item)


class TestFrames:
    def test_the_pages_frames_are_read(self) -> None:
        key, id = "0123456789abcdef" * 2, "a" * 32
        assert read_frame('{"type":"hello"}') == Hello("")
        assert read_frame(json.dumps({"type": "hello", "key": key})) == Hello(key)
        assert read_frame(json.dumps({"type": "say", "id": id, "text": "你好"})) == Say(id, "你好")
        assert read_frame('{"type":"earlier","before":12.5}') == Earlier(12.5)
        assert (read_frame('{"type":"sync"}'), read_frame('{"type":"ping"}')) == (Sync(), Ping())

    def test_a_tapped_button_says_its_payload_and_remembers_its_title(self) -> None:
        frame = read_frame(json.dumps({"type": "say", "id": "b" * 32, "text": "/affirm", "title": "好的"}))
        assert isinstance(frame, Say)
        message = frame.message("v1", 3.0)
        assert (message.text, message.raw, message.id) == ("/affirm", {"title": "好的"}, "b" * 32)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "x",
            "[]",
            "{}",
            '{"type":"who"}',
            '{"type":"hello","key":"short"}',
            '{"type":"hello","key":5}',
            '{"type":"hello","key":"%s"}' % ("G" * 32),
            '{"type":"say","id":"x","text":"hi"}',
            '{"type":"earlier","before":"1"}',
            '{"type":"earlier","before":NaN}',
            '{"type":"earlier","before":1e400}',
            "[" * 9000,
        ],
    )
    def test_what_is_no_frame_is_refused(self, text: str) -> None:
        assert isinstance(read_frame(text), Refused)

    @pytest.mark.parametrize("text", ["", "  \n", None, 5, "\ud800"])
    def test_a_refused_say_is_named_so_that_the_page_forgets_it(self, text: object) -> None:
        frame = read_frame(json.dumps({"type": "say", "id": "c" * 32, "text": text}))
        assert isinstance(frame, Refused)
        assert (frame.id, frame.too_long) == ("c" * 32, False)

    def test_more_than_the_cap_is_too_long_and_the_cap_itself_is_not(self) -> None:
        say = {"type": "say", "id": "d" * 32, "text": "长" * SAY_CHARS}
        assert isinstance(read_frame(json.dumps(say)), Say)
        refused = read_frame(json.dumps({**say, "text": "长" * (SAY_CHARS + 1)}))
        assert isinstance(refused, Refused)
        assert refused.too_long

    @given(st.text(max_size=100) | frames.map(json.dumps))
    def test_no_text_raises(self, text: str) -> None:
        assert isinstance(read_frame(text), Hello | Say | Earlier | Sync | Ping | Refused)

    def test_the_visitors_public_id_tells_nothing_of_the_key(self) -> None:
        key = "0" * 32
        assert visitor(key) != key
        assert visitor(key) == visitor(key) != visitor("1" + key[1:])
        assert len(visitor(key)) == 32


class TestBubbles:
    @pytest.mark.parametrize(
        ("url", "safe"),
        [
            ("https://a.example/x", True),
            ("http://a.example", True),
            ("HTTPS://a.example", True),
            ("/static/a.png", True),
            ("javascript:alert(1)", False),
            ("JaVaScript:alert(1)", False),
            (" javascript:alert(1)", False),
            ("java\nscript:alert(1)", False),
            ("data:text/html,<script>", False),
            ("//evil.example", False),
            ("/\\evil.example", False),
            ("https:", False),
            ("file:///etc/passwd", False),
            ("http://[", False),
            ("relative", False),
            ("", False),
        ],
    )
    def test_only_what_a_page_may_open_passes(self, url: str, safe: bool) -> None:
        assert safe_url(url) == (url if safe else "")

    def test_a_transfer_without_words_asks_for_a_message_instead_of_promising_somebody(self) -> None:
        assert bubbles([Transfer()]) == [{"kind": "notice", "text": LEAVE_A_MESSAGE}]

    def test_a_typing_sign_is_not_drawn(self) -> None:
        assert bubbles([Typing(), Text("好")]) == [{"kind": "text", "text": "好"}]

    @given(st.lists(replies, max_size=4))
    def test_every_reply_is_drawn_with_a_kind_and_no_unsafe_address(self, said: list[Reply]) -> None:
        drawn = bubbles([*said, Text("完")])
        assert drawn[-1] == {"kind": "text", "text": "完"}
        for bubble in drawn:
            assert bubble["kind"]
            assert safe_url(bubble.get("url", "")) == bubble.get("url", "")
        json.dumps(drawn)
