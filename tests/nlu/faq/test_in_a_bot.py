"""A bot answers from a FAQ file as it lies there: nothing else need be written."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli.root import cli
from bot.talk import LocalBot
from nlu.model import is_stale, latest
from nlu.training import train
from tests.nlu.small_shop import NLU, silent, write_project

INTENTS = "intents: [check_order, refund, handoff, greet, faq]\n"
TABLE = """\
问题,相似问,答案
怎么修改收货地址,地址写错了怎么改;换个地址可以吗,在订单详情页点**修改地址**即可。
会员积分怎么用,积分能抵钱吗;积分可以换什么,100 积分抵 1 元。
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = write_project(tmp_path, NLU.replace("faq/", "other/"))
    (folder / "domain.yml").write_text(INTENTS.replace("faq", "other"), "utf-8")
    (folder / "data" / "faq.csv").write_text(TABLE, "gb18030")
    return folder


def yingda(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


async def test_questions_of_a_table_are_answered(project: Path) -> None:
    train(project, silent)
    async with LocalBot.open(project) as bot:
        assert await bot.talk("one").says("会员积分怎么用？") == ["100 积分抵 1 元。"]
        assert await bot.talk("two").says("我地址写错了，怎么修改") == ["在订单详情页点**修改地址**即可。"]
        assert await bot.talk("three").says("/faq/会员积分怎么用") == ["100 积分抵 1 元。"]


def test_a_model_is_stale_when_a_question_or_an_answer_of_a_table_has_changed(project: Path) -> None:
    train(project, silent)
    for old, new in (("积分能抵钱吗", "积分抵不抵钱"), ("抵 1 元", "抵 2 元")):
        folder = latest(project)
        assert folder is not None
        assert not is_stale(project, folder)
        table = (project / "data" / "faq.csv").read_text("gb18030")
        (project / "data" / "faq.csv").write_text(table.replace(old, new), "gb18030")
        assert is_stale(project, folder)
        train(project, silent)


def test_a_check_finds_nothing_to_mend_in_a_bot_with_a_table(project: Path) -> None:
    result = yingda("validate", "--project", str(project))
    assert "faq.csv" not in result.output
    assert "other/" not in result.output
    assert "'faq'" not in result.output


def test_a_check_tells_of_conflicts_with_their_rows(project: Path) -> None:
    with (project / "data" / "faq.csv").open("a", encoding="gb18030") as file:
        file.write("积分能抵钱吗？,,不能。\n我要退款,,在订单页申请。\n")
    result = yingda("validate", "--project", str(project))
    assert result.exit_code == 1
    assert "faq.csv:4: '积分能抵钱吗？' is answered otherwise at faq.csv:3, which is the answer given" in result.output
    assert "faq.csv:5: '我要退款' is an example of faq/我要退款 here and of refund at nlu.yml" in result.output


@pytest.mark.parametrize("verb", ["validate", "train"])
def test_a_table_that_lacks_an_answer_is_told_once_and_nothing_is_trained(project: Path, verb: str) -> None:
    with (project / "data" / "faq.csv").open("a", encoding="gb18030") as file:
        file.write("能开发票吗,,\n")
    result = yingda(verb, "--project", str(project))
    assert result.exit_code == 2
    assert result.output.count("faq.csv:4: the question '能开发票吗' has no answer") == 1
    assert latest(project) is None


def test_a_response_of_the_same_name_elsewhere_is_told(project: Path) -> None:
    (project / "domain.yml").write_text(INTENTS + "responses:\n  utter_faq/会员积分怎么用:\n  - text: 抵钱\n", "utf-8")
    result = yingda("train", "--project", str(project))
    assert result.exit_code == 2
    assert "faq.csv:3: 'responses/utter_faq/会员积分怎么用' is already defined at" in result.output
