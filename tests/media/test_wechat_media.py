"""Files over WeChat's wire, in and out, through the whole service."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.message import Address, Image, Message
from bot.media.recognize import Recognizer
from bot.simulate.wechat import Seen
from bot.simulate.wechat_account import Endpoint
from bot.ways import Times
from examples.asr_server import StandIn
from examples.asr_server import make_app as make_asr
from tests.media.making import AMR, Place, listening, picture, place

OPENID = "oSimulatedCustomer"


async def test_a_picture_of_a_customer_is_fetched_by_its_media_id_and_kept(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        data = picture()
        media = here.api.media.add("image", data, "image/png")
        seen = await here.phone.deliver(here.phone.webhook("image", PicUrl="http://127.0.0.1/x", MediaId=media))
        assert seen.text == f"听到：image/png {len(data)}"
        (turn,) = await here.media.store.turns(f"wechat/main/{OPENID}/{OPENID}")
        assert turn.message is not None
        here.api.media.files.clear()
        again = await here.media.fetch(turn.message)
        assert again.data == data
        assert here.api.calls["media"] == 1


async def test_where_the_vendor_refuses_the_pictures_own_address_is_used(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.shop.files["/p"] = picture()
        seen = await here.phone.deliver(here.phone.webhook("image", PicUrl=f"{here.shop.url}/p", MediaId="gone"))
        assert seen.text.startswith("听到：image/png")


async def test_a_video_comes_from_the_address_that_wechat_gives(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        data = b"\x00\x00\x00\x18ftypmp42" + b"v" * 5000
        media = here.api.media.add("video", data)
        seen = await here.phone.deliver(here.phone.webhook("video", MediaId=media, ThumbMediaId="t"))
        assert seen.text == f"听到：video/mp4 {len(data)}"


@pytest.mark.parametrize("data", [b"<html><script>alert(1)</script>", b"", b"MZ\x90\x00", b"%PDF-1.7"])
async def test_what_is_no_picture_is_not_kept_as_one(tmp_path: Path, data: bytes) -> None:
    async with place(tmp_path) as here:
        media = here.api.media.add("image", data, "image/png")
        await here.phone.deliver(here.phone.webhook("image", PicUrl="", MediaId=media))
        assert list((tmp_path / ".yingda" / "media").rglob("*.json")) == []


async def test_a_voice_message_is_heard_by_a_service_of_the_operators(tmp_path: Path) -> None:
    async with listening(make_asr(StandIn(), "hush")) as asr:
        (tmp_path / "endpoints.yml").write_text(f"asr:\n  url: {asr}/\n  token: hush\n")
        async with place(tmp_path) as here:
            media = here.api.media.add("voice", AMR, "audio/amr")
            hook = here.phone.webhook("voice", MediaId=media, Format="amr", Recognition="")
            assert (await here.phone.deliver(hook)).text == "听到：2.0秒的语音"
            told = here.phone.webhook("voice", MediaId=media, Format="amr", Recognition="我要退款")
            assert (await here.phone.deliver(told)).text == "听到：我要退款"
            turns = await here.media.store.turns(f"wechat/main/{OPENID}/{OPENID}")
            assert [turn.meaning.text for turn in turns if turn.meaning] == ["2.0秒的语音", "我要退款"]


async def test_a_recognizer_that_is_slow_or_broken_holds_nothing_up_and_loses_nothing(tmp_path: Path) -> None:
    asked = []

    async def slow(data: bytes, content_type: str) -> str:
        asked.append(content_type)
        await asyncio.sleep(0.6)
        return "发票抬头"

    async def broken(data: bytes, content_type: str) -> str:
        raise RuntimeError("no engine")

    own = {"image": Recognizer(slow, 0.2), "voice": Recognizer(broken, 1.0)}
    async with place(tmp_path, own=own) as here:  # type: ignore[arg-type]
        hook = here.phone.webhook("image", PicUrl="", MediaId=here.api.media.add("image", picture()))
        assert (await here.phone.deliver(hook)).text.startswith("听到：image/png")
        voice = here.phone.webhook("voice", MediaId=here.api.media.add("voice", AMR), Format="amr", Recognition="")
        assert (await here.phone.deliver(voice)).text.startswith("听到：audio/amr")
        await asyncio.sleep(0.7)
        turns = await here.media.store.turns(f"wechat/main/{OPENID}/{OPENID}")
        (message,) = [turn.message for turn in turns if turn.message and isinstance(turn.message.content, Image)]
        assert isinstance(message, Message)
        heard = await here.media.heard(message, own)  # type: ignore[arg-type]
        assert heard.text == "发票抬头"
        assert asked == ["image/png"]


# --- out


async def test_a_picture_that_is_sent_twenty_times_is_uploaded_once_and_again_after_its_end(tmp_path: Path) -> None:
    async def tell(here: Place) -> Seen:
        return await here.phone.says(f"图 {here.shop.url}/logo.png")

    async with place(tmp_path) as here:
        here.shop.files["/logo.png"] = picture()
        seen = [await tell(here) for _ in range(20)]
        first = {each.reply["Image"]["MediaId"] for each in seen if each.reply and each.kind == "image"}
        assert len(first) == 1, seen
        assert len(here.api.media.uploads) == 1
        assert here.shop.hits == ["/logo.png"]
        key = next(key for key, _ in await here.media.store.notes("media/out/"))
        note = await here.media.store.note(key)
        assert note is not None
        assert here.api.media.files[here.api.media.uploads[0]].name == "logo.png"
        # three days later, as the store's note sees it
        await here.media.store.write_note(key, {**note.value, "until": note.value["at"]}, rev=note.rev)
        here.api.media.files.clear()
        later = await tell(here)
        assert later.reply is not None
        assert later.reply["Image"]["MediaId"] == here.api.media.uploads[1]
        assert len(here.api.media.uploads) == 2


async def test_many_who_send_it_at_once_upload_it_once(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.shop.files["/a.png"] = picture()
        channel = here.media.outlets["wechat", "main"].channel
        reply = Image(url=f"{here.shop.url}/a.png")
        found = await asyncio.gather(*(here.media.ready(channel, reply, within=5.0) for _ in range(30)))
        assert len({each.media for each in found if isinstance(each, Image)}) == 1
        assert len(here.api.media.uploads) == 1


async def test_a_picture_that_is_too_large_is_shrunk_until_it_fits(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.shop.files["/big.bmp"] = big = picture(2400, 1800, "BMP", noise=True)
        assert len(big) > 4_000_000
        seen = await here.phone.says(f"图 {here.shop.url}/big.bmp")
        assert seen.reply is not None
        stored = here.api.media.files[here.api.media.uploads[0]]
        assert (stored.content_type, stored.name) == ("image/jpeg", "big.jpg")
        assert len(stored.data) < 10 << 20


async def test_a_videos_still_goes_up_as_a_thumb_of_64_kilobytes(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.shop.files |= {
            "/v.mp4": b"\x00\x00\x00\x18ftypmp42" + b"v" * 5000,
            "/t.png": picture(1600, 1200, noise=True),
        }
        await here.phone.says(f"片 {here.shop.url}/v.mp4 {here.shop.url}/t.png")
        kinds = [here.api.media.files[media].kind for media in here.api.media.uploads]
        assert kinds == ["video", "thumb"]


@pytest.mark.parametrize(
    ("path", "data"),
    [("/missing.png", None), ("/page.png", b"<html>"), ("/huge.png", b"\x89PNG\r\n\x1a\n" + b"0" * 3_000_000)],
)
async def test_what_cannot_be_uploaded_is_shown_as_a_link_and_never_lost(
    tmp_path: Path, path: str, data: bytes | None
) -> None:
    async with place(tmp_path, media_max_mb=2) as here:
        if data is not None:
            here.shop.files[path] = data
        seen = await here.phone.says(f"图 {here.shop.url}{path}")
        assert seen.kind == "news"
        assert here.api.media.uploads == []


async def test_a_bots_address_may_not_lead_into_our_own_network(tmp_path: Path) -> None:
    async with place(tmp_path, media_allow="") as here:
        here.shop.files["/a.png"] = picture()
        assert (await here.phone.says(f"图 {here.shop.url}/a.png")).kind == "news"
        assert here.shop.hits == []


async def test_a_file_beside_the_bots_yaml_is_uploaded_and_nothing_outside_it(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "map.png").write_bytes(picture())
    (tmp_path / "secret.png").write_bytes(picture(9, 9))
    async with place(tmp_path) as here:
        assert (await here.phone.says("图 media/map.png")).kind == "image"
        for outside in ("media/../secret.png", "media/../../x.png", "media/none.png"):
            assert (await here.phone.says(f"图 {outside}")).text == "示意图"
        assert len(here.api.media.uploads) == 1


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000, "a\x00b"], ids=["long", "longer", "with a NUL"])
async def test_a_file_name_that_no_file_can_have_costs_the_picture_and_not_the_answer(
    tmp_path: Path, name: str
) -> None:
    """A part of the name may be what a customer said."""
    async with place(tmp_path) as here:
        shown = Image(url=f"media/{name}.png", alt="示意图")
        for channel in (outlet.channel for outlet in here.media.outlets.values()):
            assert await here.media.ready(channel, shown, within=5.0) == Image(alt="示意图")
        assert await here.media.shown((shown,)) == (Image(alt="示意图"),)


async def test_a_vendor_that_is_busy_is_asked_again_and_the_picture_arrives(tmp_path: Path) -> None:
    """The response carries a link where the upload fails; a push waits for the vendor."""
    async with place(tmp_path) as here:
        here.shop.files["/a.png"] = picture()
        channel = here.media.outlets["wechat", "main"].channel
        here.api.fail("upload", -1)
        reply = Image(url=f"{here.shop.url}/a.png")
        first = await here.media.ready(channel, reply, within=5.0, patient=True)
        assert getattr(first, "verdict", "") == "retry"
        second = await here.media.ready(channel, reply, within=5.0, patient=True)
        assert isinstance(second, Image)
        assert second.media == here.api.media.uploads[0]


async def test_a_push_waits_for_a_busy_vendor_and_then_shows_the_picture(tmp_path: Path) -> None:
    async with place(tmp_path, times=Times(answer_s=0.0)) as here:
        here.shop.files["/a.png"] = picture()
        here.api.fail("upload", -1)
        await here.phone.says(f"图 {here.shop.url}/a.png")
        (sent,) = await here.api.wait_for(OPENID, 1)
        assert sent.body["image"] == {"media_id": here.api.media.uploads[0]}
        assert here.api.calls["upload"] == 2


async def test_a_push_of_what_the_vendor_will_never_take_is_a_link(tmp_path: Path) -> None:
    async with place(tmp_path, times=Times(answer_s=0.0)) as here:
        here.shop.files["/a.ogg"] = b"OggS" + bytes(100)
        await here.phone.says(f"声 {here.shop.url}/a.ogg")
        (sent,) = await here.api.wait_for(OPENID, 1)
        assert f"{here.shop.url}/a.ogg" in sent.text


async def test_a_push_whose_media_id_the_vendor_has_forgotten_is_uploaded_anew_once(tmp_path: Path) -> None:
    async with place(tmp_path, times=Times(answer_s=0.0)) as here:
        here.shop.files["/a.png"] = picture()
        await here.phone.says(f"图 {here.shop.url}/a.png")
        await here.api.wait_for(OPENID, 1)
        here.api.media.files.clear()
        await here.phone.says(f"图 {here.shop.url}/a.png")
        sent = await here.api.wait_for(OPENID, 2)
        assert [each.body["image"]["media_id"] for each in sent] == here.api.media.uploads
        assert (here.api.calls["upload"], here.api.calls["send"]) == (2, 3)


async def test_the_time_that_an_upload_takes_is_not_taken_from_the_claim_of_the_send(tmp_path: Path) -> None:
    """Else another process would send it as well, while it is under way."""

    async def claimed_until(here: Place, call: Endpoint) -> float:
        async with asyncio.timeout(5.0):
            while not here.api.calls[call]:  # noqa: ASYNC110 -- the vendor's own counter
                await asyncio.sleep(0.01)
        (turn,) = await here.media.store.unsent(Address("wechat", "main", OPENID, OPENID).conversation)
        return turn.until

    async with place(tmp_path, times=Times(answer_s=0.0)) as here:
        here.shop.files["/a.png"] = picture()
        here.api.delay_s = 0.4
        await here.phone.says(f"图 {here.shop.url}/a.png")
        first = await claimed_until(here, "upload")
        assert await claimed_until(here, "send") > first + 0.3


async def test_a_vendor_that_knows_no_media_id_at_all_is_not_asked_for_ever(tmp_path: Path) -> None:
    async with place(tmp_path, times=Times(answer_s=0.0)) as here:
        here.shop.files["/a.png"] = picture()
        here.api.fail("send", 40007, 9)
        await here.phone.says(f"图 {here.shop.url}/a.png")
        await asyncio.sleep(1.0)
        assert (here.api.calls["upload"], here.api.calls["send"]) == (2, 2)


async def test_old_files_and_the_notes_on_them_go_together(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        here.shop.files["/a.png"] = picture()
        await here.phone.says(f"图 {here.shop.url}/a.png")
        media = here.api.media.add("image", picture(8, 8))
        await here.phone.deliver(here.phone.webhook("image", PicUrl="", MediaId=media))
        assert await here.media.expire(1.0) == 0
        assert await here.media.expire(await here.media.store.now() + 1.0) == 2
        left = [key for key, _ in await here.media.store.notes("media/")]
        assert [key.split("/")[1] for key in left] == ["key", "out"]
