"""A tiny trained project to talk with."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlu.training import train

FILES = {
    "config.yml": "language: zh\n",
    "domain.yml": """
version: "3.1"
intents: [greet, book, affirm, deny]
entities: [number]
slots:
  people: {type: float, mappings: [{type: from_entity, entity: number}]}
  sure: {type: bool}
responses:
  utter_greet: [{text: 您好}]
  utter_ask_people: [{text: 请问几位？}]
  utter_ask_sure:
    - text: 订 {people} 位，对吗？
      buttons: [{title: 对, payload: 对}, {title: 不对, payload: 不对}]
  utter_booked: [{text: 订好了。}]
  utter_left: [{text: 那就不订了。}]
""",
    "data/nlu.yml": """
version: "3.1"
nlu:
  - intent: greet
    examples: |
      - 你好
      - 您好
      - 在吗
      - 早上好
      - 哈喽
  - intent: book
    examples: |
      - 我要订位
      - 订个位子
      - 帮我预订一桌
      - 想订一张桌子
      - 预约吃饭
  - intent: affirm
    examples: |
      - 对
      - 好的
      - 是的
      - 可以
      - 没错
  - intent: deny
    examples: |
      - 不对
      - 不是
      - 不要
      - 不行
      - 不用了
""",
    "data/flows.yml": """
flows:
  book:
    name: 订位
    description: 订位
    run_pattern_completed: false
    nlu_trigger: [{intent: book}]
    steps:
      - collect: people
      - collect: sure
        ask_before_filling: true
        next:
          - if: slots.sure
            then: book
          - else:
              - action: utter_left
                next: END
      - id: book
        action: action_book
      - action: utter_booked
""",
    "actions.py": """
from pathlib import Path
from flows import action

@action
async def action_book(call):
    Path(__file__).with_name("booked.txt").write_text(str(call.slots["people"]), "utf-8")
""",
}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("talks") / "bistro"
    for name, content in FILES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content, "utf-8")
    train(project, lambda phase, fraction: None)
    return project
