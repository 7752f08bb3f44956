"""jieba's dictionary is kept in the user's cache folder, and a tokenizer does not need it to be there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nlu import dictionary
from nlu.dictionary import tokenizer


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the dictionary is kept, in a cache folder of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    dictionary._dictionary.cache_clear()
    yield dictionary.cache_file()
    dictionary._dictionary.cache_clear()


def read_anew() -> tuple[dict[str, int], int]:
    dictionary._dictionary.cache_clear()
    return dictionary._dictionary()


def test_what_is_kept_is_what_was_read(kept: Path) -> None:
    first = read_anew()
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]
    kept.write_bytes(kept.read_bytes().replace(b'"total":', b'"total":1'))
    assert read_anew() == (first[0], int(f"1{first[1]}"))


@pytest.mark.parametrize("damage", [b"", b'{"total":5,"words":{"\xe6', b"[]", b"null", b'{"total":0,"words":{}}'])
def test_what_is_damaged_is_read_and_kept_anew(kept: Path, damage: bytes) -> None:
    kept.parent.mkdir()
    kept.write_bytes(damage)
    assert len(read_anew()[0]) > 300_000
    assert kept.stat().st_size > 1_000_000


def test_a_cache_folder_that_cannot_be_written_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert tokenizer((), 1).lcut("我的订单到了") == ["我", "的", "订单", "到", "了"]


def test_without_a_home_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert read_anew()[1] > 0
    assert list(tmp_path.iterdir()) == []
