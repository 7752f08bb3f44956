"""What is written and cannot be meant is found before anybody talks to the bot."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.review import review, warnings
from tests.flows.test_files import project

DOMAIN = """
intents: [refund, chat, faq, greet, affirm]
slots:
  state: {type: categorical, values: [paid, {value: sent, synonyms: [shipped]}]}
  order_id: {type: text, validation: {rejections: [{if: slots.ordr = "x", utter: utter_bd}]}}
responses:
  utter_ask_state: [{text: 状态？}]
  utter_ask_order_id: [{text: 订单？}]
  utter_bad: [{text: 不对}]
  utter_greet: [{text: 您好}]
  utter_faq/hours: [{text: 九点}]
"""
FLOWS = """
flows:
  refund:
    nlu_trigger: [{intent: refund}]
    undo: withdrw
    steps:
      - collect: state
        next:
          - if: slots.state = "payed"
            then: END
          - if: slots.state = "shipped"
            then: END
          - if: slots.state = "paid"
            then: END
          - if: slots.state  =  "paid"
            then: again
          - else: again
      - id: again
        collect: order_id
        next: again
  other:
    nlu_trigger: [{intent: refund}]
    steps:
      - remind: nowhere
        after: 5m
      - remind: utter_nothing
        after: 5m
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return project(tmp_path, domain_yml=DOMAIN, data__flows_yml=FLOWS)


@pytest.mark.parametrize(
    "piece",
    [
        "flows.yml:7: the flow 'refund' compares the slot 'state' with 'payed', which is none of its values",
        "compares the slot 'state' with 'shipped'",
        "never takes the second branch of 'state' with the condition slots.state = \"paid\"",
        "the flow 'refund' never ends once it comes to 'again' — lead one of the ways behind it to END",
        "is undone by the unknown flow 'withdrw'",
        "the flow 'other' is started by the intent 'refund', which starts 'refund'",
        "reminds by the unknown flow 'nowhere'",
        "says the unknown response 'utter_nothing'",
        "the slot 'order_id' is refused with the unknown response 'utter_bd' — did you mean 'utter_bad'?",
        "the slot 'order_id' is refused by the unknown slot 'ordr' — did you mean 'order_id'?",
    ],
)
def test_each_is_told(folder: Path, piece: str) -> None:
    assert piece in "\n".join(map(str, review(folder)))


def test_what_differs_is_no_rival_and_what_may_end_is_not_stuck(tmp_path: Path) -> None:
    flows = """
    flows:
      one:
        if: slots.state = "paid"
        nlu_trigger: [{intent: refund}]
        steps:
          - collect: state
            next:
              - if: slots.state = "sent"
                then: state
              - else: END
      two:
        nlu_trigger: [{intent: refund}]
        steps: [{noop: true, next: END}]
      three:
        nlu_trigger: [{intent: {name: refund, confidence_threshold: 0.9}}]
        steps: [{noop: true, next: END}]
    """
    domain = DOMAIN.replace(', validation: {rejections: [{if: slots.ordr = "x", utter: utter_bd}]}', "")
    assert review(project(tmp_path, domain_yml=domain, data__flows_yml=flows)) == []


def test_an_intent_that_nothing_serves_is_a_warning(folder: Path) -> None:
    (told,) = map(str, warnings(folder))
    assert told.endswith("nothing is done on the intent 'chat' — start a flow by it, or write the response utter_chat")
