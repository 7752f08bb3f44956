"""A Chinese project in Rasa's usual style, without validation or unhappy paths, trained and talked to as it is: what
Rasa itself gets wrong in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from flows.mixed import load_dialogues
from nlu.model import load
from nlu.pipeline import Pipeline
from nlu.training import train
from tests.rasa.shop import Desk, Talk, write

CONFIG = """
recipe: default.v1
language: zh
pipeline:
  - name: JiebaTokenizer
  - name: RegexFeaturizer
  - name: CountVectorsFeaturizer
    analyzer: char_wb
    min_ngram: 1
    max_ngram: 4
  - name: DIETClassifier
    epochs: 100
  - name: RegexEntityExtractor
  - name: EntitySynonymMapper
  - name: FallbackClassifier
    threshold: 0.4
policies:
  - name: MemoizationPolicy
  - name: RulePolicy
  - name: TEDPolicy
    max_history: 5
"""
EXAMPLES = {
    "greet": "你好 您好 在吗 早上好 嗨 哈喽 下午好 有人吗 hello 晚上好",
    "goodbye": "再见 拜拜 下次聊 回头见 先这样 我走了 没事了拜拜 886 再会 byebye",
    "refund": """我要退款 申请退款 帮我退钱 这个订单我要退款 我想退货 把钱退给我
        [DD2024010101](order_id)我要退款 怎么申请退款 退款 那我要把它退了 我还要退一单""",
    "recharge": """我要充值 帮我充话费 充[100元](money) 给我充[50块](money) 充值[二百块](money) 话费充值
        先帮我充[30元](money) 帮我充值[200元](money) 我想充点话费 充钱""",
    "order_status": """我的订单到哪了 查一下订单[DD2024010102](order_id) 订单什么时候到 物流查询
        [DD2024010103](order_id)到哪了 帮我查快递 快递到哪里了 查订单 订单进度 看看我的订单""",
    "inform": """[DD2024010104](order_id) 订单号是[DD2024010105](order_id) 是[DD2024010106](order_id)
        订单[DD2024010107](order_id) 单号[DD2024010108](order_id)
        不对，订单号应该是[DD2024010109](order_id) 号码是[DD2024010110](order_id)""",
    "hours": """你们几点上班 营业时间 几点下班 周末营业吗 什么时候有人 工作时间是几点到几点 几点开门
        晚上还营业吗 上班时间 节假日上班吗""",
    "fees": "运费谁出 退货运费谁承担 运费多少 邮费谁付 要运费吗 快递费谁出 退货要不要运费 运费怎么算 邮费多少钱 包邮吗",
    "human": "转人工 我要人工 人工客服 找客服 转接人工 叫真人来 给我转人工 接人工 人工服务 我要找人工客服",
    "affirm": "好的 是的 对 可以 没错 确认 嗯 行 好 当然",
    "deny": "不是 不要 不用了 不行 不对 否 不可以 没有 别 不",
}
DOMAIN = r"""
version: "3.1"
intents: [greet, goodbye, refund, recharge, order_status, inform, hours, fees, human, affirm, deny, nlu_fallback]
entities: [order_id, money]
slots:
  order_id: {type: text, mappings: [{type: from_entity, entity: order_id}]}
  reason: {type: text, mappings: [{type: from_text, conditions: [{active_loop: refund_form, requested_slot: reason}]}]}
  amount: {type: float, mappings: [{type: from_entity, entity: money}]}
forms:
  refund_form: {required_slots: [order_id, reason]}
  recharge_form: {required_slots: [amount]}
responses:
  utter_greet: [{text: 您好}]
  utter_goodbye: [{text: 再见}]
  utter_hours: [{text: 九点到六点}]
  utter_fees: [{text: 运费我们出}]
  utter_human: [{text: 正在转接}]
  utter_status: [{text: "{order_id}在路上"}]
  utter_default: [{text: 没听懂}]
  utter_ask_order_id: [{text: 订单号是多少？}]
  utter_ask_reason: [{text: 为什么退？}]
  utter_ask_amount: [{text: 充多少？}]
  utter_refunded: [{text: "{order_id}退好了：{reason}"}]
  utter_recharged: [{text: "充了{amount}"}]
"""
RULES = """
rules:
  - rule: greet
    steps: [{intent: greet}, {action: utter_greet}]
  - rule: goodbye
    steps: [{intent: goodbye}, {action: utter_goodbye}]
  - rule: hours
    steps: [{intent: hours}, {action: utter_hours}]
  - rule: fees
    steps: [{intent: fees}, {action: utter_fees}]
  - rule: human
    steps: [{intent: human}, {action: utter_human}]
  - rule: status
    steps: [{intent: order_status}, {action: utter_status}]
  - rule: unsure
    steps: [{intent: nlu_fallback}, {action: utter_default}]
  - rule: refund
    steps: [{intent: refund}, {action: refund_form}, {active_loop: refund_form}]
  - rule: refunded
    condition: [{active_loop: refund_form}]
    steps: [{action: refund_form}, {active_loop: null}, {action: utter_refunded}]
  - rule: recharge
    steps: [{intent: recharge}, {action: recharge_form}, {active_loop: recharge_form}]
  - rule: recharged
    condition: [{active_loop: recharge_form}]
    steps: [{action: recharge_form}, {active_loop: null}, {action: utter_recharged}]
"""


@dataclass
class Customer:
    talk: Talk
    pipeline: Pipeline = field(repr=False)

    async def says(self, text: str) -> list[str]:
        meaning = self.pipeline.parse(text, datetime.fromtimestamp(self.talk.at, UTC))
        return await self.talk.means(replace(meaning, text=text))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, Pipeline]:
    lines = [f"- intent: {name}\n  examples: |\n" + "".join(f"    - {each}\n" for each in said.split())
             for name, said in EXAMPLES.items()]  # fmt: skip
    nlu = 'version: "3.1"\nnlu:\n' + "".join(lines) + "- regex: order_id\n  examples: |\n    - DD\\d{10}\n"
    files = {"domain_yml": DOMAIN, "data__rules_yml": RULES, "data__stories_yml": "stories: []"}
    folder = write(tmp_path_factory.mktemp("default"), config_yml=CONFIG, data__nlu_yml=nlu, **files)
    pipeline = load(train(folder, lambda phase, fraction: None))
    return load_dialogues(folder, "Asia/Shanghai").engine, pipeline


@pytest.fixture
def customer(project: tuple[object, Pipeline]) -> Customer:
    engine, pipeline = project
    return Customer(Talk(engine, Desk()), pipeline)  # type: ignore[arg-type]


async def test_a_refund_with_a_question_in_between(customer: Customer) -> None:
    assert await customer.says("订单DD2024020101我要退款") == ["为什么退？"]
    assert await customer.says("你们几点上班") == ["九点到六点", "为什么退？"]
    assert await customer.says("质量太差了") == ["DD2024020101退好了：质量太差了"]


async def test_it_is_remembered_which_order_was_spoken_of(customer: Customer) -> None:
    assert await customer.says("查一下订单DD2024020102") == ["DD2024020102在路上"]
    assert await customer.says("那我要把它退了") == ["为什么退？"]


async def test_a_correction_while_the_reason_is_asked(customer: Customer) -> None:
    await customer.says("订单DD2024020101我要退款")
    said = await customer.says("不对，订单号应该是DD2024020109")
    assert said == ["好的，已为您改为DD2024020109。", "为什么退？"]
    assert await customer.says("买错了") == ["DD2024020109退好了：买错了"]


async def test_who_pays_is_no_reason(customer: Customer) -> None:
    await customer.says("订单DD2024020101我要退款")
    assert await customer.says("运费谁出") == ["运费我们出", "为什么退？"]


async def test_giving_up_is_no_goodbye(customer: Customer) -> None:
    await customer.says("订单DD2024020101我要退款")
    assert await customer.says("算了不退了") == ["好的，已为您取消。"]
    assert await customer.says("你好") == ["您好"]


async def test_another_task_and_back(customer: Customer) -> None:
    await customer.says("订单DD2024020101我要退款")
    assert await customer.says("先帮我充100元") == ["充了100", "我们继续办理。", "为什么退？"]


async def test_a_human_is_asked_for_and_nothing_else(customer: Customer) -> None:
    await customer.says("我要退款")
    assert await customer.says("转人工") == ["正在转接"]


async def test_the_second_refund_is_asked_about(customer: Customer) -> None:
    await customer.says("订单DD2024020101我要退款")
    await customer.says("质量太差了")
    assert await customer.says("我要退款") == ["订单号是多少？"]


async def test_sums_in_words_are_numbers(customer: Customer) -> None:
    assert await customer.says("充值一百五十块") == ["充了150"]
    assert await customer.says("帮我充值三千元整") == ["充了3000"]


async def test_full_width_is_read(customer: Customer) -> None:
    await customer.says("我要退款")
    assert await customer.says("ＤＤ２０２４０２０１０１") == ["为什么退？"]
    assert customer.talk.dialogue.slots["order_id"] == "DD2024020101"


async def test_noise_is_not_greeted(customer: Customer) -> None:
    assert await customer.says("asdfghjkl") == ["没听懂"]
    assert await customer.says("asdfghjkl") == ["没听懂"]
    await customer.says("qwrtzpsdfg")
    assert "handoff" in customer.talk.outcome.flags


async def test_both_wishes_are_served(customer: Customer) -> None:
    assert await customer.says("运费谁出，然后转人工") == ["运费我们出", "正在转接"]


async def test_restart_resets(customer: Customer) -> None:
    await customer.says("我要退款")
    await customer.says("/restart")
    assert await customer.says("你好") == ["您好"]
