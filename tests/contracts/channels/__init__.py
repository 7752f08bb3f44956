"""Every channel as the contract suite sees it: one module per channel, with its `ENTRIES`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from tests.contracts.entry import Entry

CHANNELS: list[Entry] = [
    entry
    for module in sorted(info.name for info in iter_modules(__path__))
    for entry in import_module(f"{__name__}.{module}").ENTRIES
]
