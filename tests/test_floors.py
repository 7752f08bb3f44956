"""The floors of docs/architecture.md: who may import whom, no cycles, no imports inside functions."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("adapters", "nlu", "flows", "bot", "config")
FLOOR_0 = {
    "adapters.message", "adapters.channel", "nlu.meaning", "flows.state",
    "config.settings", "config.credentials", "config.source", "config.marks",
    # questions and answers are what the dialogue says as much as what the understanding learns
    "nlu.faq", "nlu.faq.columns", "nlu.faq.entries", "nlu.faq.lists", "nlu.faq.markdown", "nlu.faq.reading",
    "nlu.faq.tables",
}  # fmt: skip
FLOOR_4 = (
    "bot.app",
    "bot.broadcast.order",
    "bot.channels",
    "bot.mediation",
    "bot.cli",
    "bot.web",
    "bot.talk",
    "bot.simulate",
    "bot.__main__",
)
HEAVY = {
    "jieba",
    "torch",
    "transformers",
    "onnxruntime",
    "sklearn",
    "scipy",
    "matplotlib",
    "onnx",
    "tokenizers",
    "sentencepiece",
    "safetensors",
    "huggingface_hub",
    "openpyxl",
}


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    _name(path): ast.parse(path.read_text("utf-8"))
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    # sample bots and templates are projects of users, not ours to place on a floor
    if package != "config" or path.parent == ROOT / "config"
    if "template" not in path.parts
}


def _imports(name: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                full if (full := f"{node.module}.{alias.name}") in MODULES else node.module for alias in node.names
            }
    return {module for module in found if module in MODULES}


def _floor(name: str) -> int:
    if name in FLOOR_0 or name in ("adapters", "nlu", "bot", "config"):
        return 0
    if name.startswith(("adapters.", "nlu.")):
        return 1
    if name == "flows" or name.startswith("flows."):
        return 2
    return 4 if name.startswith(FLOOR_4) else 3


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_imports_only_what_its_floor_may(name: str) -> None:
    floor, own = _floor(name), name.split(".")[0]
    for other in _imports(name):
        allowed = floor == 4 or _floor(other) == 0 or (other.split(".")[0] == own and _floor(other) <= floor)
        assert allowed, f"{name} (floor {floor}) must not import {other} (floor {_floor(other)})"


def test_there_is_no_import_cycle() -> None:
    tuple(TopologicalSorter({name: _imports(name) - {name} for name in MODULES}).static_order())


@pytest.mark.parametrize("name", sorted(MODULES))
def test_only_heavy_packages_are_imported_inside_functions(name: str) -> None:
    for function in ast.walk(MODULES[name]):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = node.names[0].name if isinstance(node, ast.Import) else node.module or ""
                assert module.split(".")[0] in HEAVY, f"{name}:{node.lineno} imports {module} inside a function"
