"""Published and independent vectors of the vendors' protocols; they lie beside the checkout, not in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent.parent.parent / "shared" / "vectors"


def vectors(file: str) -> list[dict[str, Any]]:
    """The vectors of a file; without the folder the test module is skipped, but never in CI."""
    path = FOLDER / file
    if not path.is_file():
        if os.environ.get("CI"):
            raise FileNotFoundError(f"../shared/vectors/{file} is not there")
        pytest.skip(f"../shared/vectors/{file} is not there", allow_module_level=True)
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return found
