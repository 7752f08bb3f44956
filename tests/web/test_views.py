"""What the console shows of turns, conversations and sessions."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from adapters.channel import Route
from adapters.message import Address, Button, Card, Event, Image, Location, Message, Text, Voice
from bot.store import Conversation
from bot.turn import Session, Turn
from bot.web.views import Piece, pieces, row, said, standing, step, when
from flows.state import Dialogue, Frame, SetSlot, Why
from nlu.meaning import Answer, Entity, Intent, Meaning

ZONE = ZoneInfo("Asia/Shanghai")
NOW = 1_795_000_000.0  # 2026-11-18 19:06:40 in Shanghai
ADDRESS = Address("wechat", "main", "oX1", "oX1")
LOST = Entity("number", "001", 1, 3, 6, extractor="rules")
TURN = Turn(
    id="wechat/main/oX1/oX1/7",
    conversation=ADDRESS.conversation,
    kind="message",
    address=ADDRESS,
    at=NOW - 60,
    message=Message("7", ADDRESS, Text("查DD001的物流"), NOW - 60, raw={"MsgId": "7"}),
    accepted=NOW - 60,
    status="sent",
    route=Route("passive"),
    attempts=2,
    error="45015: outside the window",
    meaning=Meaning(
        "查DD001的物流",
        "track_express",
        0.97,
        (Intent("track_express", 0.97), Intent("check_order", 0.02)),
        (Entity("order_id", "DD001", "DD001", 1, 6, "main", extractor="CrfEntityExtractor", also=(LOST,)),),
        (Answer("faq/shipping", 0.2),),
        model="m1",
    ),
    replies=(Text("在路上"), Card("还要吗", buttons=(Button("要"), Button("不要")))),
    commands=(SetSlot("order_id", "DD001"),),
    trace=(Why("fill", "from the rule entity", {"n": 1}),),
    flags=("handoff",),
    flow="track/order_id",
    ready_at=NOW - 59.9,
)


def entity(start: int, end: int) -> Entity:
    return Entity("x", "", "", start, end)


class TestPieces:
    def test_entities_are_cut_out_in_place(self) -> None:
        found = Entity("order_id", "DD1", "DD1", 1, 4)
        assert pieces("查DD1吧", [found]) == (Piece("查"), Piece("DD1", found), Piece("吧"))

    def test_of_two_that_overlap_the_earlier_and_longer_is_shown(self) -> None:
        longer, shorter, later = entity(0, 5), entity(0, 2), entity(3, 6)
        assert [piece.entity for piece in pieces("0123456", [later, shorter, longer])] == [longer, None]

    def test_a_text_without_entities_is_one_piece_and_no_text_none(self) -> None:
        assert pieces("你好", []) == (Piece("你好"),)
        assert pieces("", []) == ()

    @given(st.text(max_size=30), st.lists(st.builds(entity, st.integers(-3, 35), st.integers(-3, 35)), max_size=8))
    def test_the_pieces_are_the_text(self, text: str, entities: list[Entity]) -> None:
        cut = pieces(text, entities)
        assert "".join(piece.text for piece in cut) == text
        assert all(piece.text for piece in cut)
        for piece in cut:
            assert piece.entity is None or text[piece.entity.start : piece.entity.end] == piece.text


class TestStep:
    def test_a_turn_says_what_was_understood_decided_and_delivered(self) -> None:
        shown = step(TURN, NOW, ZONE)
        assert (shown.intent, shown.ranking[0], shown.answers) == (
            "track_express",
            ("track_express", 0.97),
            (("faq/shipping", 0.2),),
        )
        assert shown.entities == (("order_id/main", "DD001", "CrfEntityExtractor"), ("↳ number", "1", "rules"))
        assert shown.commands == (("set_slot", "order_id DD001"),)
        assert shown.trace == (("fill", "from the rule entity", '{"n": 1}'),)
        assert (shown.fate, shown.attempts, shown.error, shown.route) == (
            "已送达",
            2,
            "45015: outside the window",
            "被动回复",
        )
        assert shown.flags == (("handoff", "转人工"),)
        assert (shown.took, shown.when) == ("100 ms", "19:05:40")
        assert '"MsgId": "7"' in shown.raw
        assert shown.replies[1].buttons == ("要", "不要")

    def test_offsets_of_another_text_are_not_drawn(self) -> None:
        other = replace(TURN, meaning=Meaning("别的话", entities=(entity(0, 2),)))
        assert step(other, NOW, ZONE).pieces == (Piece("查DD001的物流"),)

    def test_a_turn_not_thought_about_yet_shows_as_waiting(self) -> None:
        fresh = Turn("c/1", "c", "message", ADDRESS, NOW, Message("1", ADDRESS, Text("在吗"), NOW))
        shown = step(fresh, NOW, ZONE)
        assert (shown.fate, shown.intent, shown.replies, shown.took) == ("待处理", "", (), "")

    def test_what_is_no_text_is_named(self) -> None:
        assert said(Image("https://a/i.png", alt="票")).kind == "图片"
        assert said(Voice("m1", recognition="查订单")).text == "查订单"
        assert said(Location(31.2, 121.5, "人民广场")).text == "人民广场 (31.2, 121.5)"
        assert said(Event("subscribe", "scene1")).text == "subscribe scene1"
        photo = replace(TURN, message=Message("8", ADDRESS, Image(media="M"), NOW), meaning=None)
        assert step(photo, NOW, ZONE).content == said(Image(media="M"))


class TestRow:
    def test_a_row_names_channel_person_and_what_was_said_last(self) -> None:
        shown = row(Conversation(TURN.conversation, TURN, 3, waiting=True), NOW, ZONE)
        assert (shown.channel, shown.user, shown.preview, shown.waiting) == ("微信", "oX1", "查DD001的物流", True)

    def test_a_visitor_of_the_web_has_a_short_name_and_other_accounts_are_named(self) -> None:
        web = Address("web", "main", "ab" * 16, "ab" * 16)
        turn = replace(TURN, address=web, conversation=web.conversation)
        assert row(Conversation(web.conversation, turn, 1, waiting=False), NOW, ZONE).user == "访客 ababab"
        second = Address("wechat", "store2", "o", "o")
        assert row(Conversation(second.conversation, turn, 1, waiting=False), NOW, ZONE).channel == "微信 · store2"

    def test_times_are_as_short_as_they_can_be(self) -> None:
        assert when(NOW, NOW, ZONE) == "19:06:40"
        assert when(NOW - 86400, NOW, ZONE) == "11-17 19:06"
        assert when(NOW - 366 * 86400, NOW, ZONE) == "2025-11-17 19:06"


def test_the_standing_shows_the_active_flow_first_and_no_empty_slots() -> None:
    dialogue = Dialogue(
        stack=(Frame("check_order"), Frame("pattern_correction", waiting="confirm")),
        slots={"order_id": "DD1", "amount": 5, "empty": None},
        mentions={"order_id": "DD0"},
    )
    shown = standing(Session("c", dialogue, rev=4, owner="小王"))
    assert shown.flows == (("pattern_correction", "confirm"), ("check_order", ""))
    assert shown.slots == (("order_id", "DD1"), ("amount", "5"))
    assert (shown.owner, shown.rev) == ("小王", 4)
    assert standing(None).flows == ()
