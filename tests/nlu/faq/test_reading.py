"""Questions and answers are read in place, from whatever people keep them in."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.source import BadProject, Problem
from nlu.data import read_data
from nlu.faq import FaqData, faq_files, read_faq
from nlu.faq.entries import is_name, name_of

ROWS = (
    ("分类", "问题", "相似问", "答案"),
    ("物流", "运费多少钱？", "包邮吗；邮费谁出\n要运费吗|快递费怎么算", "满99元包邮，\n不满收8元"),
    ("物流", "发什么快递", "", "默认**顺丰**"),
)
SHIPPING = ["运费多少钱？", "包邮吗", "邮费谁出", "要运费吗", "快递费怎么算"]


def project_with(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def csv_of(rows: object, encoding: str, delimiter: str = ",") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue().encode(encoding)


def xlsx_of(**sheets: object) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:  # type: ignore[attr-defined]
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def wrong(folder: Path) -> list[str]:
    with pytest.raises(BadProject) as caught:
        read_faq(folder)
    return [str(problem).replace(str(folder) + "/", "") for problem in caught.value.problems]


def asked(data: FaqData) -> dict[str, list[str]]:
    return {entry.name: [text for text, _ in entry.questions] for entry in data.entries}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("faq.csv", csv_of(ROWS, "utf-8")),
        ("faq/运费.csv", csv_of(ROWS, "utf-8-sig")),
        ("faq/gb.csv", csv_of(ROWS, "gb18030")),
        ("faq/unicode.csv", csv_of(ROWS, "utf-16", "\t")),
        ("faq/semicolons.csv", csv_of([("问题", "相似问", "答案"), *(row[1:] for row in ROWS[1:])], "utf-8", "\t")),
        ("faq/a/deep.tsv", csv_of(ROWS, "utf-8", "\t")),
        ("faq.xlsx", xlsx_of(FAQ=ROWS)),
        ("faq/titled.xlsx", xlsx_of(FAQ=[("售后常见问题 2026",), (), *ROWS], 说明=[("问过谁",), ("小王",)])),
    ],
)
def test_a_table_has_one_answer_a_row(tmp_path: Path, name: str, content: bytes) -> None:
    data = read_faq(project_with(tmp_path, name, content))
    assert asked(data) == {"运费多少钱": SHIPPING, "发什么快递": ["发什么快递"]}
    assert [entry.answers for entry in data.entries] == [("满99元包邮，\n不满收8元",), ("默认**顺丰**",)]
    assert not data.conflicts
    assert not data.remarks


def test_columns_may_have_english_titles_a_name_and_tags(tmp_path: Path) -> None:
    rows = [("Name", "Question", "Answer", "Similar 1", "Similar 2", "Category", "Tags", "Updated")]
    rows += [("fee", "What does shipping cost?", "8 yuan", "Is shipping free?", "fees?", "Orders", "a, b", "x")]
    entry = read_faq(project_with(tmp_path, "faq.csv", csv_of(rows, "utf-8"))).entries[0]
    assert entry.key == "faq/fee"
    assert [text for text, _ in entry.questions] == ["What does shipping cost?", "Is shipping free?", "fees?"]
    assert (entry.category, entry.tags) == ("Orders", ("a", "b"))


def test_rows_of_merged_cells_are_further_wordings(tmp_path: Path) -> None:
    rows = [
        ("问题", "相似问", "答案"),
        ("包邮吗", "要邮费吗", "满99包邮"),
        (None, "邮费谁出", None),
        (None, None, None),
    ]
    data = read_faq(project_with(tmp_path, "faq.xlsx", xlsx_of(FAQ=rows)))
    assert asked(data) == {"包邮吗": ["包邮吗", "要邮费吗", "邮费谁出"]}
    assert [line for _, line in data.entries[0].questions] == [2, 2, 3]


def test_numbers_in_a_spreadsheet_read_as_people_see_them(tmp_path: Path) -> None:
    rows = [("问题", "答案"), ("客服电话", 4008001234), ("几个工作日", 3.0), ("折扣", 0.85)]
    data = read_faq(project_with(tmp_path, "faq.xlsx", xlsx_of(FAQ=rows)))
    assert [entry.answers[0] for entry in data.entries] == ["4008001234", "3", "0.85"]


YAML_LIST = """\
- q: [运费多少钱？, 包邮吗]
  a: |
    满 99 元包邮
    偏远地区除外
  name: shipping_fee
  category: 物流
  tags: [邮费, 运费]
- 问: 发什么快递
  答: [默认顺丰, 一般发顺丰]
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("faq.yml", YAML_LIST),
        ("faq/a.yaml", YAML_LIST),
        ("talk.yml", "faq:\n" + YAML_LIST),
        ("faq/both.yml", "nlu:\n- intent: hi\n  examples: |\n    - 你好\nfaq:\n" + YAML_LIST),
    ],
)
def test_a_yaml_list_names_questions_and_answers_in_either_language(tmp_path: Path, name: str, content: str) -> None:
    data = read_faq(project_with(tmp_path, name, content))
    assert asked(data) == {"shipping_fee": ["运费多少钱？", "包邮吗"], "发什么快递": ["发什么快递"]}
    assert [entry.answers for entry in data.entries] == [("满 99 元包邮\n偏远地区除外",), ("默认顺丰", "一般发顺丰")]
    assert data.entries[0].tags == ("邮费", "运费")


def test_rasa_files_called_faq_are_no_lists(tmp_path: Path) -> None:
    folder = project_with(tmp_path, "faq.yml", "nlu:\n- intent: faq/fee\n  examples: |\n    - 运费\n    - 邮费\n")
    assert read_faq(folder) == FaqData()
    assert [example.intent for example in read_data(folder).examples] == ["faq/fee", "faq/fee"]


PAGE = """\
---
title: 帮助中心
---
# 常见问题

欢迎来到帮助中心。

## 物流

### 1. 运费多少钱？ | 包邮吗

> 相似问：邮费谁出；要运费吗

满 **99** 元包邮：

- 不满收 8 元
- [详情](https://example.com/fee)

**注意**

```
# 不是标题
```

### 发什么快递？

默认顺丰。

## 售后

**怎么退货？**

在订单页申请。

**问：多久退款**
答：1-3 天。
"""


def test_headings_and_bold_questions_of_a_page_are_answered_by_what_stands_under_them(tmp_path: Path) -> None:
    data = read_faq(project_with(tmp_path, "faq/help.md", PAGE))
    assert list(asked(data).values()) == [
        ["运费多少钱？", "包邮吗", "邮费谁出", "要运费吗"],
        ["发什么快递？"],
        ["怎么退货？"],
        ["多久退款"],
    ]
    fee, express, goods, money = data.entries
    assert fee.answers[0].startswith("满 **99** 元包邮：\n\n- 不满收 8 元")
    assert fee.answers[0].endswith("**注意**\n\n```\n# 不是标题\n```")
    assert [entry.answers[0] for entry in (express, goods, money)] == ["默认顺丰。", "在订单页申请。", "1-3 天。"]
    assert [entry.category for entry in data.entries] == ["物流", "物流", "售后", "售后"]
    assert PAGE.splitlines()[fee.line - 1].startswith("### 1.")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("faq.csv", csv_of([("问题", "甲"), ("a", "b")], "utf-8"), "faq.csv:1: the table has no column 答案 or answer"),
        ("faq.csv", csv_of([("甲", "乙"), ("a", "b")], "utf-8"), "faq.csv:1: the table has no column 问题 or question"),
        ("faq.csv", csv_of([*ROWS, ("", "能退", "", " ")], "utf-8"), "faq.csv:6: the question '能退' has no answer"),
        ("faq.csv", csv_of([*ROWS, ("", "", "", "能")], "utf-8"), "faq.csv:6: an answer without a question"),
        ("faq.csv", b"\xff\xff\x00\x80", "faq.csv:1: neither UTF-8 nor GB18030"),
        ("faq.csv", "问题,答案\n包邮吗,\"" + "长" * 300_000, "faq.csv:1: not a readable CSV table"),
        ("faq.xlsx", b"PK\x03\x04 cut off", "faq.xlsx:1: not a readable XLSX file"),
        ("faq.xlsx", xlsx_of(一=[("问题", "答案"), ("a", None)], 二=ROWS), "faq.xlsx[一]:2: the question 'a' has no"),
        ("faq.xlsx", xlsx_of(一=[("甲",), ("a",)], 二=[("乙",)]), "faq.xlsx:1: no sheet has a column 问题 or question"),
        ("faq.xls", b"\xd0\xcf\x11\xe0", "faq.xls:1: an Excel file of the old kind — save it as .xlsx"),
        ("faq.md", "## 运费多少\n\n## 包邮吗\n是\n", "faq.md:1: the question '运费多少' has no answer"),
        ("faq.yml", "- q: 包邮吗\n- q: a\n  a: b\n", "faq.yml:1: the question '包邮吗' has no answer"),
        ("faq.yml", "- a: 包邮\n", "faq.yml:1: an answer without a question"),
        ("faq.yml", "- q: 包邮吗\n  anwser: 是\n", "faq.yml:2: unknown key 'anwser'"),
        ("faq.yml", "- 包邮吗\n", "faq.yml:1: a question and its answer are expected here"),
        ("faq.yml", "- q: [{x: 1}]\n  a: 是\n", "faq.yml:1: a text is expected here"),
        ("faq.yml", "- q: 包邮吗\n  a: 是\n  name: 运费 价格\n", "faq.yml:1: '运费 价格' is no name for an entry"),
        ("more.yml", "faq:\n  包邮吗: 是\n", "more.yml:1: a list of questions and answers is expected here"),
        ("faq.yml", "- q: [包邮吗\n", "faq.yml:2: not valid YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line_with_its_row(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    found = wrong(project_with(tmp_path, name, content))
    assert len(found) == 1
    assert found[0].startswith(f"data/{said}")


def test_every_wrong_row_is_told_at_once(tmp_path: Path) -> None:
    rows = [("问题", "答案"), ("a", ""), ("b", "c"), ("", "d")]
    assert [line.split(":")[1] for line in wrong(project_with(tmp_path, "faq.csv", csv_of(rows, "utf-8")))] == [
        "2",
        "4",
    ]


def test_a_question_with_two_answers_is_a_conflict_and_its_repetition_a_remark(tmp_path: Path) -> None:
    rows = [
        ("问题", "相似问", "答案"),
        ("包邮吗", "邮费谁出", "是"),
        ("包邮吗？", "", "否"),
        ("发票", "邮费谁出", "能开"),
    ]
    project_with(tmp_path, "faq/a.csv", csv_of([*rows, ("包 邮 吗", "要钱吗", "是")], "utf-8"))
    data = read_faq(tmp_path)
    assert asked(data) == {"包邮吗": ["包邮吗", "邮费谁出", "要钱吗"], "发票": ["发票"]}
    assert [(one.line, one.what) for one in data.conflicts] == [
        (3, "'包邮吗' has another answer at a.csv:2, which is the one given"),
        (4, "'邮费谁出' is answered otherwise at a.csv:2, which is the answer given"),
    ]
    assert [(one.line, one.what) for one in data.remarks] == [(5, "'包 邮 吗' is already at a.csv:2")]


def test_the_mark_of_a_spreadsheet_that_is_open_is_no_faq(tmp_path: Path) -> None:
    project_with(tmp_path, "faq/~$运费.xlsx", b"\x00" * 165)
    project_with(tmp_path, "faq/.DS_Store", b"\x00")
    assert faq_files(tmp_path) == []


def test_an_edited_file_is_read_again(tmp_path: Path) -> None:
    project_with(tmp_path, "faq.csv", "问题,答案\n包邮吗,是\n")
    assert read_faq(tmp_path).entries[0].answers == ("是",)
    project_with(tmp_path, "faq.csv", "问题,答案\n包邮吗,否\n")
    assert read_faq(tmp_path).entries[0].answers == ("否",)


@given(st.text(min_size=1))
def test_every_question_has_a_name_that_can_be_written_in_a_button(question: str) -> None:
    name = name_of(question)
    assert is_name(name)
    assert name == name_of(f" {question} ")


@given(st.binary(max_size=300), st.sampled_from(["faq.csv", "faq.xlsx", "faq.md", "faq.yml"]))
def test_no_bytes_are_a_traceback(content: bytes, name: str) -> None:
    with TemporaryDirectory() as folder:
        project_with(Path(folder), name, content)
        problems: tuple[Problem, ...] = ()
        try:
            read_faq(Path(folder))
        except BadProject as bad:
            problems = bad.problems
    assert not any("\n" in str(problem) for problem in problems)
