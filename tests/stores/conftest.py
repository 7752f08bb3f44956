from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import OpenStore
from tests.stores.running import Runner


@pytest.fixture
def runner(open_store: OpenStore) -> Iterator[Runner]:
    runner = Runner(open_store)
    yield runner
    runner.close()
