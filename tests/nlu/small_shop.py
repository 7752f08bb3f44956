"""A small online shop's training data, and the moment at which its customers speak."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))

CONFIG = "language: zh\n"
NLU = """\
version: "3.1"
nlu:
  - intent: check_order
    examples: |
      - 我的订单到哪了
      - 查一下订单
      - 帮我查订单[DD20260001](order_id)
      - 我买的东西怎么还没到
      - 看看我的快递到哪里了
      - 订单状态查询
      - 我想看下订单进度
      - 包裹走到哪了
  - intent: refund
    examples: |
      - 我要退款
      - 这个不想要了，退钱
      - 怎么申请退款
      - 把钱退给我
      - 退货退款
      - [苹果手机](product)坏了我要退
      - 质量太差了给我退款
      - 退一下款
  - intent: handoff
    examples: |
      - 转人工
      - 我要找人工客服
      - 叫个真人来
      - 人工服务
      - 让客服跟我说话
      - 接人工
      - 有没有活人
      - 人工人工人工
  - intent: greet
    examples: |
      - 你好
      - 在吗
      - 您好呀
      - 早上好
      - 哈喽
      - 有人吗
      - 嗨
      - 晚上好
  - intent: faq/shipping_fee
    examples: |
      - 运费多少钱
      - 包邮吗
      - 邮费谁出
      - 买多少免运费
  - intent: faq/invoice
    examples: |
      - 能开发票吗
      - 发票怎么开
      - 有没有电子发票
      - 可以开专票吗
  - synonym: 苹果手机
    examples: |
      - iPhone
      - 爱疯
  - regex: coupon
    examples: |
      - \\bVIP\\d{3}\\b
  - lookup: city
    examples: |
      - 北京
      - 乌鲁木齐
      - 三亚
"""


def write_project(folder: Path, nlu: str = NLU, config: str = CONFIG) -> Path:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "config.yml").write_text(config, "utf-8")
    (folder / "data" / "nlu.yml").write_text(nlu, "utf-8")
    return folder


def silent(phase: str, fraction: float) -> None:
    """Nobody watches a test's training."""
