"""What an encoder made of the training texts, kept between trainings: after an edit only what is new is encoded."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from nlu.doc import NO_STATES, States, Vector
from nlu.encoders.identity import identity_of
from nlu.encoders.opening import Encoder, Reader


class Read(NamedTuple):
    """`states` are empty where the encoder has none, or nobody wants them."""

    vector: Vector
    states: States


def cache_of(project: Path, place: str, kind: str = "") -> Path:
    """Of the encoder at `place`: another one under the same name has a cache of its own."""
    return project / ".yingda" / "cache" / f"{kind}{Path(place).name}-{identity_of(place)[:8]}.npz"


def encode_all(
    encoder: Encoder,
    texts: Iterable[str],
    cache: Path,
    report: Callable[[float], None],
    *,
    states: Collection[str] = (),
) -> dict[str, Read]:
    """What the encoder makes of each text. Those of the last training are read from `cache`, which is then written
    anew. `states` are the texts whose states are wanted; they lie in a file of their own beside it, many times as
    large."""
    keys = {text: _key(text) for text in texts}
    vectors = _vectors(cache)
    reader = encoder if states and isinstance(encoder, Reader) else None
    beside = cache.with_name(f"{cache.stem}-states.npz")
    pieces = _states(beside) if reader else {}
    wanted = frozenset(states)
    missing = [
        text for text, key in keys.items() if key not in vectors or (reader and text in wanted and key not in pieces)
    ]
    for done, text in enumerate(missing):
        # one by one, as they are served: in a batch the last digits depend on the neighbours
        if reader and text in wanted:
            vectors[keys[text]], pieces[keys[text]] = reader.read(text)
        else:
            vectors[keys[text]] = encoder.encode([text])[0]
        report(done / len(missing))
    if missing:
        _write_vectors(cache, {key: vectors[key] for key in keys.values()})
        if reader:
            _write_states(beside, {keys[text]: pieces[keys[text]] for text in keys if text in wanted})
    return {text: Read(vectors[key], pieces.get(key, NO_STATES)) for text, key in keys.items()}


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _vectors(cache: Path) -> dict[str, Vector]:
    kept = _load(cache, ("keys", "rows"))
    return dict(zip(kept["keys"].tolist(), kept["rows"], strict=True)) if kept else {}


def _write_vectors(cache: Path, kept: Mapping[str, Vector]) -> None:
    _write(cache, keys=np.array(list(kept)), rows=np.stack(list(kept.values())))


def _states(cache: Path) -> dict[str, States]:
    """Views of one array: at 5,000 texts some 50 MB, which nobody wants twice."""
    kept = _load(cache, ("keys", "counts", "spans", "rows"))
    if not kept:
        return {}
    spans = kept["spans"].tolist()
    found: dict[str, States] = {}
    at = 0
    for key, count in zip(kept["keys"].tolist(), kept["counts"].tolist(), strict=True):
        places = tuple((start, end) for start, end in spans[at : at + count])
        found[key] = States(kept["rows"][at : at + count], places)
        at += count
    return found


def _write_states(cache: Path, kept: Mapping[str, States]) -> None:
    _write(
        cache,
        keys=np.array(list(kept)),
        counts=np.array([len(one.spans) for one in kept.values()]),
        spans=np.array([span for one in kept.values() for span in one.spans], np.int32).reshape(-1, 2),
        rows=np.concatenate([one.rows for one in kept.values()]),
    )


def _load(cache: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """What the cache holds; nothing where there is none or it cannot be read: it can always be made again."""
    try:
        with cache.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return {name: kept[name] for name in names}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}


def _write(cache: Path, **arrays: Any) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=cache.parent, suffix=".draft")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)
        Path(draft).replace(cache)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
