"""One YAML response on every channel: Rasa's keys become replies, and a choice is understood however it is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.channel import Limits
from adapters.degrade import fit
from adapters.message import Button, Card, Custom, File, Image, Link, News, Reply, Text, Video, Voice, reply_to_dict
from config.source import BadProject, parse_yaml
from flows.domain import read_variations
from flows.responses import names_in, render
from flows.state import PUSHED, told
from tests.flows.making import SLOTS, engine
from tests.flows.talk import Talk

PAGE = "https://shop.example/a"


def replies(text: str, **values: str) -> tuple[Reply, ...]:
    (variation,) = read_variations(parse_yaml(text, Path("reply.yml")))
    return render(variation, values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("text: 您好{name}", (Text("您好张三"),)),
        (
            "{text: 选哪个, buttons: [{title: 甲, payload: /a}, {title: 看, url: 'https://shop.example/a'}]}",
            (Card("选哪个", buttons=(Button("甲", "/a"), Button("看", "", PAGE))),),
        ),
        ("{text: 选, quick_replies: [{title: 甲, payload: 甲}]}", (Card("选", buttons=(Button("甲", "甲"),)),)),
        ("{text: 图, image: 'https://shop.example/{name}.png'}", (Text("图"), Image("https://shop.example/张三.png"))),
        ("attachment: https://shop.example/a.JPG?x=1", (Image("https://shop.example/a.JPG?x=1"),)),
        ("attachment: https://shop.example/a.pdf", (File(url="https://shop.example/a.pdf", name="a.pdf"),)),
        (
            "attachment: {type: video, payload: {src: 'https://shop.example/a', title: 教程}}",
            (Video(url=PAGE, title="教程"),),
        ),
        ("attachment: {type: audio, payload: {src: 'https://shop.example/a'}}", (Voice(url=PAGE),)),
        ("attachment: {type: image, payload: {url: 'https://shop.example/a'}}", (Image(PAGE),)),
        ("attachment: {type: file, payload: {src: 'https://shop.example/a'}}", (File(url=PAGE, name="a"),)),
        ("attachment: {type: template, payload: {x: 1}}", (Custom({"type": "template", "payload": {"x": 1}}),)),
        ("attachment: {type: image, payload: 3}", (Custom({"type": "image", "payload": 3}),)),
        ("custom: {msgtype: music, name: '{name}'}", (Custom({"msgtype": "music", "name": "张三"}),)),
        (
            "elements: [{title: '{name}', subtitle: 乙, image_url: 'https://shop.example/a',"
            " default_action: {type: web_url, url: 'https://shop.example/a'}}]",
            (News((Link(PAGE, "张三", "乙", PAGE),)),),
        ),
        (
            "elements: [{title: 甲, subtitle: 一, buttons: [{title: 买甲, payload: /buy}]}, {title: 乙}]",
            (Card("一", "甲", buttons=(Button("买甲", "/buy"),)), Card(title="乙")),
        ),
    ],
)
def test_rasas_keys_become_replies(text: str, said: tuple[Reply, ...]) -> None:
    assert replies(text, name="张三") == said


def test_names_in_cards_are_known_and_typos_are_told_with_their_line() -> None:
    text = "elements:\n  - title: '{a}'\n    subtitle: '{b}'\n    buttons: [{title: '{c}', payload: '{d}'}]\n"
    (variation,) = read_variations(parse_yaml(text, Path("reply.yml")))
    assert names_in(variation) == ["a", "b", "c", "d"]
    with pytest.raises(BadProject, match=r"reply\.yml:3: unknown key 'subtitel' — did you mean 'subtitle'"):
        read_variations(parse_yaml(text.replace("subtitle", "subtitel"), Path("reply.yml")))


CHOICES = """  utter_menu:
    - text: 您想办理什么
      buttons:
        - {title: 查询订单, payload: /order}
        - {title: 申请退款, payload: /refund}
        - {title: 联系人工, payload: /human}
  utter_refund: [{text: 退款}]
  utter_order: [{text: 订单}]
"""
FLOWS = """
flows:
  menu: {description: m, nlu_trigger: [{intent: menu}], steps: [{action: utter_menu}]}
  order: {description: o, nlu_trigger: [{intent: order}], steps: [{action: utter_order}]}
  refund: {description: r, nlu_trigger: [{intent: refund}], steps: [{action: utter_refund}]}
"""


@pytest.mark.parametrize(
    "choice", ["2", "２", "第二个", "选2", "选择2", "2.", "2、", "第2个", "申请退款", "退款", " 申请退款。", "/refund"]
)
@pytest.mark.parametrize("channel", ["web", "wechat", "wecom", "dingtalk"])
async def test_a_choice_is_understood_by_number_and_by_words(choice: str, channel: str) -> None:
    talk = Talk(engine(FLOWS, domain=SLOTS + CHOICES), channel)
    await talk.says("/menu")
    assert await talk.says(choice) == ["退款"]


async def test_a_pushed_choice_is_understood_too_and_can_be_said_again() -> None:
    talk = Talk(engine(FLOWS, domain=SLOTS + CHOICES))
    pushed = Card("大促", buttons=(Button("看订单", "/order"), Button("要退款", "/refund")))
    talk.dialogue = told(talk.dialogue, (pushed,), talk.at)
    assert talk.dialogue.memory[PUSHED]["said"] == [reply_to_dict(pushed)]
    assert await talk.says("2") == ["退款"]
    assert PUSHED not in talk.dialogue.memory
    talk.dialogue = told(talk.dialogue, (pushed,), talk.at)
    assert (await talk.says("再说一遍"))[0].startswith("大促")


async def test_a_choice_is_understood_though_the_session_ended_before_the_push() -> None:
    talk = Talk(engine(FLOWS, domain=SLOTS + CHOICES))
    await talk.says("/order")
    talk.at += 7 * 86400
    talk.dialogue = told(talk.dialogue, (Card("促", buttons=(Button("要退款", "/refund"),)),), talk.at)
    talk.at += 3 * 3600
    assert (await talk.says("1"))[-1] == "退款"
    talk.dialogue = told(talk.dialogue, (Card("促", buttons=(Button("要退款", "/refund"),)),), talk.at)
    talk.at += 3 * 86400
    assert "退款" not in await talk.says("1"), "that was long ago"


ASKING = """
flows:
  asks: {description: a, nlu_trigger: [{intent: asks}], steps: [{collect: a}, {action: utter_a}]}
"""


async def test_a_push_does_not_come_between_a_question_and_its_answer() -> None:
    talk = Talk(engine(ASKING))
    assert await talk.says("/asks") == ["a?"]
    talk.dialogue = told(talk.dialogue, (Card("促", buttons=(Button("看看", "/other"),)),), talk.at)
    assert await talk.says("1号") == ["a=1号"]
    assert PUSHED not in talk.dialogue.memory


CARDS = """
responses:
  utter_menu:
    - elements:
        - {title: 订单, buttons: [{title: 查订单, payload: /order}, {title: 看网页, url: "https://shop.example"}]}
        - {title: 售后, buttons: [{title: 申请退款, payload: /refund}]}
  utter_refund: [{text: 退款}]
  utter_order: [{text: 订单}]
"""


async def test_several_cards_are_numbered_through_so_that_a_number_means_what_is_read_beside_it() -> None:
    talk = Talk(engine(FLOWS, domain=SLOTS + CARDS.replace("responses:\n", "")))
    await talk.says("/menu")
    shown = fit(talk.outcome.replies, Limits(frozenset({"text"})))
    words = "\n".join(each.text for each in shown if isinstance(each, Text))
    assert "1. 查订单" in words
    assert "3. 申请退款" in words
    assert await talk.says("3") == ["退款"]
