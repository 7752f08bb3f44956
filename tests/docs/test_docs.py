"""The docs are true: generated tables, links, dependencies, and no trace of the place where they were written."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from config.credentials import ACCOUNTS, Group
from tests.docs.generate import PAGES, page

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
PAGES_WRITTEN = [name for name in TRACKED if name.endswith(".md") and (ROOT / name).is_file()]


@pytest.mark.parametrize("name", PAGES)
def test_the_generated_part_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == page(name), "run: make docs"


@pytest.mark.parametrize("channel", ACCOUNTS)
def test_every_key_of_an_account_is_explained(channel: str) -> None:
    fields = ACCOUNTS[channel].model_fields | Group.model_fields
    assert [name for name, field in fields.items() if not field.description] == []


@pytest.mark.parametrize("name", PAGES_WRITTEN)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", (ROOT / name).read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert ((ROOT / name).parent / target).exists(), f"{name} links to {target}"


@pytest.mark.parametrize("requirements", sorted(path.name for path in ROOT.glob("requirements*.txt")))
def test_every_dependency_is_pinned_and_explained(requirements: str) -> None:
    explained = (ROOT / "docs" / "dependencies.md").read_text("utf-8").lower()
    for line in (ROOT / requirements).read_text("utf-8").splitlines():
        if line and not line.startswith(("#", "-r")):
            name = re.match(r"[\w.-]+", line)
            assert name is not None
            assert "==" in line, f"{line} is not pinned"
            assert name[0].lower() in explained, f"{name[0]} is not in docs/dependencies.md"


def test_the_repository_speaks_of_the_product_alone() -> None:
    # spelt in pieces, so that this line is not found by itself
    hosts = ("pypi" + r"\.org", "deb" + r"\.debian\.org", "registry" + r"\.npmjs")
    machine = re.compile("|".join((r"(?<![\w.])/(?:work|root|farm)/[\w.]", *hosts)))
    for name in TRACKED:
        path = ROOT / name
        if path.is_file() and path.stat().st_size < 1_000_000 and path.suffix not in (".png", ".npz", ".svg"):
            found = machine.search(path.read_text("utf-8", errors="ignore"))
            assert found is None, f"{name}: {found[0] if found else ''}"
