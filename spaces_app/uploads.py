"""Uploaded files as rows of a table, read within limits whatever is in them, and the file that goes back."""

import codecs
import csv
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from hf_textclf import UserError

SUFFIXES = [".csv", ".tsv", ".xlsx", ".jsonl", ".txt"]
MAX_MEGABYTES = 10
MAX_ROWS = 10_000
MAX_COLUMNS = 100
# of a workbook, which is XML; a parsed element may take 600 bytes of memory, a text cell has up to four
MAX_UNZIPPED_MEGABYTES = 40
MAX_TAGS = 1_000_000
MAX_PARTS = 1000
MEGABYTE = 2**20

# that of UTF-32 begins with that of UTF-16
MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
MARKS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# what a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection"), full width too
FORMULA = tuple("=+-@\t\r\n＝＋－＠")


class Count(int):
    """A number that comes with its noun in the sentence "{rows:row}": 1 row, 2,000 rows."""

    def __format__(self, noun: str) -> str:
        number = super().__format__(",")
        return number if noun in ("", ",") else f"{number} {noun}{'' if self == 1 else 's'}"


class Refused(Exception):
    """A file that is not read: the key of the sentence that says why, and what stands in it."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key, self.values = key, values


@dataclass(frozen=True)
class Table:
    """A file as read.

    rows: column -> value; of jsonl some may lack columns. encoding: of a text file. untyped: all values are strings.
    """

    rows: list[dict[str, Any]]
    columns: list[str]
    encoding: str | None
    untyped: bool

    def texts(self, column: str) -> list[str]:
        """A column as texts; empty where a row has nothing there."""
        return ["" if row.get(column) is None else str(row[column]) for row in self.rows]

    def guess(self) -> tuple[str, str | None]:
        """The columns that seem to hold the texts, and the labels if any: by their names, else the longest strings.

        An empty column is neither.
        """
        from hf_textclf.data.examples import LABEL_NAMES, find_text_column, is_missing
        from hf_textclf.data.sources import RawSplit

        columns = [name for name in self.columns if not all(is_missing(row.get(name)) for row in self.rows)]
        columns = columns or self.columns
        usual = {name.strip().lower(): name for name in reversed(columns)}
        label = next((usual[name] for name in LABEL_NAMES if name in usual), None)
        split = RawSplit({name: [row.get(name) for row in self.rows] for name in columns}, untyped=self.untyped)
        try:
            return find_text_column(split, text=None, labels=[label] if label else []), label
        except UserError:
            others = [name for name in columns if name != label] or columns
            return max(others, key=lambda name: sum(map(len, self.texts(name)))), label


def read_table(path: str | Path | None) -> Table:
    """Read an uploaded file.
    Raises Refused: not there (any more), not one of the formats, over a limit, damaged, or without rows.
    """
    # it loads datasets, for which nobody waits when the page starts
    from hf_textclf.data import read_rows

    if path is None or not Path(path).is_file():
        raise Refused("many_gone")
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise Refused("many_suffix", known=", ".join(SUFFIXES))
    # the server has the same limit, but for uploads alone
    if path.stat().st_size > MAX_MEGABYTES * MEGABYTE:
        raise Refused("many_large", limit=MAX_MEGABYTES)
    encoding = None if kind == ".xlsx" else _encoding(path)
    try:
        rows = _workbook(path) if encoding is None else read_rows(path, encoding=encoding)
        first = next(rows)
        if len(first) > MAX_COLUMNS:
            raise Refused("many_columns", limit=MAX_COLUMNS)
        kept = list(islice(chain([first], rows), MAX_ROWS + 1))
    # JSON may hold a number that Python does not read
    except (UserError, ValueError) as error:
        raise Refused("many_unreadable", reason=str(error).replace(str(path), path.name)) from None
    if len(kept) > MAX_ROWS:
        raise Refused("many_rows", limit=MAX_ROWS)
    columns = list(dict.fromkeys(name for row in kept for name in row))
    if len(columns) > MAX_COLUMNS:
        raise Refused("many_columns", limit=MAX_COLUMNS)
    return Table(kept, columns, encoding, untyped=kind != ".jsonl")


def _encoding(path: Path) -> str:
    """The encoding of a text file: what its byte order mark says, UTF-8, or else GB18030 (Chinese Excel)."""
    data = path.read_bytes()
    marked = next((name for mark, name in MARKS.items() if data.startswith(mark)), None)
    if marked is None and b"\0" in data:
        raise Refused("many_binary")
    for encoding in [marked] if marked else ["utf-8", "gb18030"]:
        with suppress(UnicodeDecodeError):
            if "\0" in data.decode(encoding):
                raise Refused("many_binary")
            return encoding
    raise Refused("many_encoding")


def _workbook(path: Path) -> Iterator[dict[str, str]]:
    """Rows of the first sheet, as strings."""
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as archive:
            _check_size(archive)
        with closing(load_workbook(path, read_only=True, data_only=True, keep_links=False)) as book:
            # one row for the header and one that shows that there are too many
            sheet = book.worksheets[0].iter_rows(max_row=MAX_ROWS + 2, max_col=MAX_COLUMNS + 1, values_only=True)
            yield from _named(["" if cell is None else str(cell) for cell in cells] for cells in sheet)
    except (Refused, UserError):
        raise
    # openpyxl raises whatever it stumbles over in a damaged file
    except Exception:
        raise Refused("many_workbook") from None


def _check_size(archive: zipfile.ZipFile) -> None:
    """Refuse what would take too much memory, before XML is parsed.

    Where the sizes in the directory are false, zipfile stops at what they promise and finds the part damaged.
    """
    members = archive.infolist()
    if sum(member.file_size for member in members) > MAX_UNZIPPED_MEGABYTES * MEGABYTE:
        raise Refused("many_unzipped", limit=MAX_UNZIPPED_MEGABYTES)
    if len(members) > MAX_PARTS:
        raise Refused("many_workbook")
    tags = 0
    for member in members:
        with archive.open(member) as part:
            while block := part.read(MEGABYTE):
                tags += block.count(b"<")
                if tags > MAX_TAGS:
                    raise Refused("many_cells")


def _named(rows: Iterable[list[str]]) -> Iterator[dict[str, str]]:
    """Rows under the names of the first that is not empty; empty rows and nameless empty columns are left out."""
    filled = (row for row in rows if any(row))
    names = next(filled, [])
    while names and not names[-1]:
        names.pop()
    if not names:
        raise UserError("the sheet is empty, expected a header and rows; check the file")
    if len(set(names)) < len(names):
        raise UserError("two columns bear the same name, or none, expected unique names; rename one")
    if (first := next(filled, None)) is None:
        raise UserError("no rows under the header, expected at least one; check the file")
    yield from (dict(zip(names, row, strict=False)) for row in chain([first], filled))


def write_download(path: Path, rows: Iterable[dict[str, Any]], columns: list[str]) -> None:
    """Write what a visitor takes home: csv that Excel opens, Chinese too, and in which no cell is a formula."""
    with open(path, "w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([_harmless(name) for name in columns])
        writer.writerows([_harmless(row.get(name)) for name in columns] for row in rows)


def _harmless(value: Any) -> Any:
    """Numbers stay numbers; what would be a formula becomes a text by the quote in front."""
    if value is None or isinstance(value, int | float):
        return value
    return f"'{value}" if str(value).startswith(FORMULA) else str(value)
