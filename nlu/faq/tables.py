"""FAQ tables: CSV as any program writes it, and Excel's XLSX. One row is one answer."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from config.source import Problem
from nlu.faq.columns import Part, called, part_of
from nlu.faq.entries import Entry, Question, entry_of, labels, wordings

HEADER_ROWS = 10
"""So many rows are looked through for the titles of the columns: some programs write a heading above them."""
CELL_CHARACTERS = 200_000
DELIMITERS = (",", "\t", ";", "|")

Row = tuple[int, Sequence[str]]


def read_csv(content: bytes, path: Path, problems: list[Problem]) -> list[Entry]:
    text = decode(content)
    if text is None:
        what = "neither UTF-8 nor GB18030"
        problems.append(Problem(str(path), 1, what, "save it as CSV UTF-8"))
        return []
    tables = [_rows(text, delimiter) for delimiter in DELIMITERS]
    try:
        best = max((list(table) for table in tables), key=lambda rows: len(_header(rows)[1]))
    except csv.Error as error:
        problems.append(Problem(str(path), 1, f"not a readable CSV table: {error}", "save it as CSV UTF-8 again"))
        return []
    return _entries(best, str(path), problems)


def decode(content: bytes) -> str | None:
    """The text in the encodings that spreadsheet programs write; None where it is in none of them."""
    marked = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ["utf-16"] if marked else ["utf-8-sig", "gb18030"]:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    """Each record with the line on which it begins."""
    csv.field_size_limit(CELL_CHARACTERS)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    begins = 1
    for cells in reader:
        yield begins, cells
        begins = reader.line_num + 1


def read_xlsx(content: bytes, path: Path, problems: list[Problem]) -> list[Entry]:
    """Every sheet that is not empty; problems name the sheet where there are several."""
    import openpyxl  # noqa: PLC0415 - half a second, and only for those who have spreadsheets

    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = [(sheet.title, _cells(sheet)) for sheet in book.worksheets]
        book.close()
    except (BadZipFile, KeyError, ValueError, TypeError, AttributeError, OSError, SyntaxError) as error:
        said = " ".join(str(error).split())[:80] or type(error).__name__
        what = f"not a readable XLSX file: {said}"
        problems.append(Problem(str(path), 1, what, "open it and save it as .xlsx again"))
        return []
    sheets = [(title, rows) for title, rows in sheets if rows]
    found: list[Entry] = []
    for title, rows in sheets:
        # beside a table of answers, sheets of notes and choices are common
        if len(sheets) > 1 and not _header(rows)[1]:
            continue
        found += _entries(rows, f"{path}[{title}]" if len(sheets) > 1 else str(path), problems)
    if sheets and not found and not problems:
        problems.append(Problem(str(path), 1, f"no sheet has a column {called('question')}", "title the columns so"))
    return found


def _cells(sheet: Any) -> list[Row]:
    found = ((i, [_text(cell) for cell in row]) for i, row in enumerate(sheet.iter_rows(values_only=True), 1))
    return [(i, cells) for i, cells in found if any(cells)]


def _text(cell: object) -> str:
    """A number as it is read on the sheet, without the .0 that Excel keeps."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    # what Excel writes for line ends inside a cell
    return str(cell).replace("_x000D_", "").replace("\r\n", "\n").strip()


def _header(rows: Sequence[Row]) -> tuple[int, dict[int, Part]]:
    """(how many rows lead up to the table's body, column -> part); nothing where no row names any part."""
    best: tuple[int, dict[int, Part]] = (0, {})
    for at, (_, cells) in enumerate(rows[:HEADER_ROWS]):
        parts = {column: part for column, cell in enumerate(cells) if (part := part_of(cell)) is not None}
        if "question" in parts.values() and len(parts) > len(best[1]):
            best = (at + 1, parts)
    return best


def _entries(rows: Sequence[Row], file: str, problems: list[Problem]) -> list[Entry]:
    first = next((line for line, cells in rows if any(map(str.strip, cells))), 0)
    if not first:
        return []
    at, parts = _header(rows)
    for wanted in ("question", "answer"):
        if wanted not in parts.values():
            what = f"the table has no column {called(wanted)}"
            problems.append(Problem(file, rows[at - 1][0] if at else first, what, "title a column so"))
            return []
    found: list[Entry] = []
    for line, cells in rows[at:]:
        row = _Row(line, cells, parts)
        if not row.filled:
            continue
        if found and not row.text("question") and not row.text("answer"):
            # cells merged over several rows: further wordings of the answer above
            more = tuple(Question(text, line) for text in row.similar)
            found[-1] = replace(found[-1], questions=found[-1].questions + more)
            continue
        entry = row.entry(file, problems)
        if entry is not None:
            found.append(entry)
    return found


class _Row:
    def __init__(self, line: int, cells: Sequence[str], parts: dict[int, Part]) -> None:
        self.line = line
        self.cells = [(part, cells[column].strip()) for column, part in parts.items() if column < len(cells)]

    @property
    def filled(self) -> bool:
        return any(text for part, text in self.cells if part in ("question", "answer", "similar"))

    def text(self, part: Part) -> str:
        return next((text for name, text in self.cells if name == part and text), "")

    @property
    def similar(self) -> list[str]:
        return [each for name, text in self.cells if name == "similar" for each in wordings(text)]

    def entry(self, file: str, problems: list[Problem]) -> Entry | None:
        asked = [Question(text, self.line) for text in (*self.text("question").splitlines(), *self.similar)]
        return entry_of(
            asked, (self.text("answer"),), file, self.line, name=self.text("name"), category=self.text("category"),
            tags=labels(self.text("tags")), problems=problems,
        )  # fmt: skip
