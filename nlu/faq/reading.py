"""Finding and reading a project's FAQ files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from config.source import BadProject, Problem, parse_yaml
from nlu.faq.entries import FAQ, Entry, FaqData, join
from nlu.faq.lists import read_list
from nlu.faq.markdown import read_markdown
from nlu.faq.tables import decode, read_csv, read_xlsx

YAML = (".yml", ".yaml")
TABLES = (".csv", ".tsv", ".xlsx", ".xlsm")
PAGES = (".md", ".markdown")
OLD_EXCEL = ".xls"

_READ: dict[Path, tuple[bytes, list[Entry]]] = {}
"""What each file held, by the digest of its bytes: training, the dialogue and a check each ask for it."""


def faq_files(project: Path) -> list[Path]:
    """`data/faq.*`, whatever is under `data/faq/`, and every YAML file under `data/` with `faq:` at its top."""
    data = project / "data"
    own = [path for path in (*data.glob("faq.*"), *(data / FAQ).rglob("*")) if _is_kept(path)]
    named = [path for path in data.rglob("*") if path.suffix in YAML and path.is_file() and _has_key(path)]
    return sorted({*own, *named})


def _is_kept(path: Path) -> bool:
    # ~$faq.xlsx is how Excel marks that faq.xlsx is open
    hidden = path.name.startswith((".", "~$"))
    return not hidden and path.is_file() and path.suffix.lower() in (*YAML, *TABLES, *PAGES, OLD_EXCEL)


def _has_key(path: Path) -> bool:
    content = path.read_bytes()
    return content.startswith(b"faq:") or b"\nfaq:" in content


def read_faq(project: Path) -> FaqData:
    """All questions and answers of the project. Raises `BadProject` with one problem per wrong entry or file."""
    problems: list[Problem] = []
    entries = [entry for path in faq_files(project) for entry in _read(path, problems)]
    if problems:
        raise BadProject(problems)
    return join(entries)


def _read(path: Path, problems: list[Problem]) -> Iterable[Entry]:
    try:
        content = path.read_bytes()
    except OSError as error:
        problems.append(Problem(str(path), 1, f"cannot be read: {error.strerror}"))
        return ()
    digest = hashlib.sha256(content).digest()
    known = _READ.get(path)
    if known is not None and known[0] == digest:
        return known[1]
    wrong: list[Problem] = []
    found = _parse(path, content, wrong)
    problems += wrong
    if not wrong:
        _READ[path] = (digest, found)
    return found


def _parse(path: Path, content: bytes, problems: list[Problem]) -> list[Entry]:
    suffix = path.suffix.lower()
    if suffix == OLD_EXCEL:
        problems.append(Problem(str(path), 1, "an Excel file of the old kind", "save it as .xlsx"))
        return []
    if suffix in (".xlsx", ".xlsm"):
        return read_xlsx(content, path, problems)
    if suffix in (".csv", ".tsv"):
        return read_csv(content, path, problems)
    text = decode(content)
    if text is None:
        problems.append(Problem(str(path), 1, "neither UTF-8 nor GB18030", "save it as UTF-8"))
        return []
    return read_markdown(text, path, problems) if suffix in PAGES else _parse_list(text, path, problems)


def _parse_list(text: str, path: Path, problems: list[Problem]) -> list[Entry]:
    """A YAML file in `data/faq/` may be one of Rasa's as well: then it has no `faq:` and is read elsewhere."""
    try:
        return read_list(parse_yaml(text, path), problems)
    except BadProject as bad:
        problems.extend(bad.problems)
        return []
