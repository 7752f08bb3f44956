"""What people call the parts of a FAQ entry, in column titles and YAML keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Part = Literal["question", "answer", "similar", "category", "tags", "name"]

CALLED: Mapping[Part, tuple[str, ...]] = {
    "question": ("问题", "question", "q", "问", "问法", "标准问题", "标准问", "标准问法", "questions"),
    "answer": ("答案", "answer", "a", "答", "回答", "回复", "标准答案", "答复", "answers", "reply"),
    "similar": (
        "相似问", "similar", "相似问题", "相似问法", "相似说法", "扩展问", "扩展问法", "其他问法", "similar questions",
        "similar_questions", "variants",
    ),
    "category": ("分类", "category", "类别", "类目"),
    "tags": ("标签", "tags", "tag"),
    "name": ("名称", "name", "编号", "id"),
}  # fmt: skip
"""The first of each is what error texts name."""

_PARTS: Mapping[str, Part] = {name: part for part, names in CALLED.items() for name in names}


def part_of(title: str) -> Part | None:
    """The part that a column or key stands for: 相似问2 and `Similar Questions` too."""
    plain = " ".join(title.replace("＿", "_").strip().lower().split()).rstrip("*:：")
    return _PARTS.get(plain) or _PARTS.get(plain.rstrip("0123456789 _"))


def called(part: Part) -> str:
    """「问题 or question」, for a person to choose from."""
    return " or ".join(CALLED[part][:2])
