"""Files as browsers get them: by a signed address, as what they are, and without a way to run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.media.kinds import content_type, file_name
from bot.media.links import is_valid, signed_path
from tests.media.making import AMR, picture, place

KEY = b"k" * 32


async def test_a_signed_address_shows_the_picture_and_nothing_else_does(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await here.media.open()
        data = picture()
        blob = await here.media.inbound.keep(data, "image", "小票.png")
        path = here.media.path(blob.ref, time.time())
        async with here.session.get(here.base + path) as response:
            assert (response.status, response.content_type, await response.read()) == (200, "image/png", data)
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "sandbox" in response.headers["Content-Security-Policy"]
            assert response.headers["Content-Disposition"].startswith("inline; filename*=UTF-8")
        other = await here.media.inbound.keep(AMR, "voice", "")
        for wrong in (
            f"/media/{blob.ref}", "/media/", path.replace(blob.ref, other.ref), path[:-4] + "AAAA",
            here.media.path(blob.ref, time.time() - 30 * 86400), here.media.path("0" * 64, time.time()),
        ):  # fmt: skip
            async with here.session.get(here.base + wrong) as response:
                assert response.status == 404, wrong


@pytest.mark.parametrize("data", [b"<html><script>alert(1)</script></html>", b"<svg onload=alert(1)>", b"%PDF-1.7 x"])
async def test_what_could_run_is_only_ever_saved(tmp_path: Path, data: bytes) -> None:
    async with place(tmp_path) as here:
        await here.media.open()
        blob = await here.media.inbound.keep(data, "file", "evil.html")
        async with here.session.get(here.base + here.media.path(blob.ref, time.time())) as response:
            assert response.content_type == "application/octet-stream"
            assert response.headers["Content-Disposition"].startswith("attachment")


async def test_every_process_signs_with_the_same_key(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await here.media.open()
        path = here.media.path("a" * 64, 1000.0)
        here.media._key = b""
        assert here.media.path("a" * 64, 1000.0) == ""
        await here.media.open()
        assert here.media.path("a" * 64, 1000.0) == path
        query = dict(pair.split("=", 1) for pair in path.partition("?")[2].split("&"))
        assert here.media.admits("a" * 64, query["until"], query["sign"], 2000.0)


@given(ref=st.text(max_size=70), until=st.text(max_size=20), sign=st.text(max_size=40))
def test_nobody_guesses_a_signature(ref: str, until: str, sign: str) -> None:
    assert not is_valid(ref, until, sign, 0.0, KEY)
    assert not is_valid("a" * 64, until, sign, 0.0, KEY)


def test_an_address_ends() -> None:
    query = dict(pair.split("=", 1) for pair in signed_path("a" * 64, 7000.0, KEY).partition("?")[2].split("&"))
    assert query["until"] == "7200"
    assert is_valid("a" * 64, "7200", query["sign"], 7200.0, KEY)
    assert not is_valid("a" * 64, "7200", query["sign"], 7201.0, KEY)
    assert not is_valid("a" * 64, "9999", query["sign"], 7000.0, KEY)


DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("data", "meant"),
    [
        (picture(), "image/png"), (picture(kind="JPEG"), "image/jpeg"), (picture(kind="GIF"), "image/gif"),
        (picture(kind="WEBP"), "image/webp"), (picture(kind="BMP"), "image/bmp"), (AMR, "audio/amr"),
        (b"\x02#!SILK_V3", "audio/silk"), (b"ID3\x04", "audio/mpeg"), (b"\xff\xfb\x90\x00", "audio/mpeg"),
        ("您好".encode() * 3000, "text/plain"), (b"", "application/octet-stream"),
        (b"PK\x03\x04" + b"x" * 26 + b"word/a", DOCX),
        (b"\x00" * 9, "application/octet-stream"), (b"\xef\xbb\xbf <!DOCTYPE html>", "text/markup"),
    ],
)  # fmt: skip
def test_bytes_say_what_they_are(data: bytes, meant: str) -> None:
    assert content_type(data) == meant


@given(st.binary(max_size=300))
def test_any_bytes_are_something(data: bytes) -> None:
    assert "/" in content_type(data)


@given(st.text(max_size=200))
def test_any_name_is_made_one_of_a_file(name: str) -> None:
    made = file_name(name, "image/png")
    assert made
    assert not set(made) & set("/\\\r\n\x00")
    assert made not in (".", "..")


async def test_a_file_beside_the_bots_yaml_is_shown_to_rest_clients_by_a_signed_address(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "map.png").write_bytes(data := picture())
    async with place(tmp_path, rest=True, public_url="https://bot.example") as here:
        await here.media.open()
        body = {"sender": "a", "message": "图 media/map.png"}
        async with here.session.post(f"{here.base}/webhooks/rest/webhook", json=body) as response:
            ((item,),) = [await response.json()]
        path = item["image"].removeprefix("https://bot.example")
        assert path.startswith("/media/")
        async with here.session.get(here.base + path) as shown:
            assert await shown.read() == data


async def test_the_chat_page_is_told_the_signed_address(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "map.png").write_bytes(data := picture())
    async with place(tmp_path) as here:
        await here.media.open()
        async with here.session.ws_connect(f"{here.base}/chat/ws", headers={"Origin": here.base}) as socket:
            await socket.send_json({"type": "hello", "key": ""})
            await socket.send_json({"type": "say", "id": "a" * 32, "text": "图 media/map.png"})
            while not (bubbles := (frame := await socket.receive_json(timeout=5)).get("turn", {}).get("bubbles")):
                assert frame["type"] != "refuse", frame
            async with here.session.get(here.base + bubbles[0]["url"]) as shown:
                assert await shown.read() == data
