"""Rows of a file, one dict at a time: csv, tsv, json, jsonl, parquet, txt and standard input.

A file whose content is not what its name says is refused before the first row, and a file without rows is an error.
Training reads its files here too: pyarrow and `datasets` guess types, and accept a stray quote that opens a cell and
closes rows later, as the csv module does. Refused are what its strict mode refuses, and cells that swallow rows.
"""

import codecs
import csv
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import UserError

STDIN = "-"
FORMATS = ("csv", "tsv", "json", "jsonl", "parquet", "txt")
# a column with more values than this, or longer ones, does not tell labels from prose
MAX_CATEGORIES = 10_000
MAX_CATEGORY_LENGTH = 40

# the first bytes of what people rename to .csv; UTF-16 counts as text, but not as UTF-8
_SIGNATURES = {
    b"PAR1": "a parquet file",
    b"PK\x03\x04": "a zip archive or Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"%PDF": "a PDF",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "a SQLite database",
}
HALF_CHARACTER = "half of a surrogate pair (\\ud8…), expected whole characters"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def file_format(path: str | Path) -> str:
    """Return the format that the suffix of a path stands for. Raises UserError for an unknown suffix."""
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        known = ", ".join(f".{name}" for name in FORMATS)
        raise UserError(f"{path}: unknown suffix {Path(path).suffix!r}, expected one of {known}; rename or convert it")
    return suffix


def read_rows(path: str | Path, *, encoding: str = "utf-8", format: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a file, streaming. csv, tsv and txt rows hold strings only; txt has the one column `text`.

    A csv without commas in its header may be separated by semicolons, as Excel writes it in much of Europe, or tabs.
    path: a file, or "-" for standard input, whose format is `format` or else txt. encoding: a byte order mark is
    dropped. Raises UserError when the file is missing, empty, damaged or not what its name says.
    """
    name = "standard input" if path == STDIN else str(path)
    kind = format or ("txt" if path == STDIN else file_format(path))
    if kind not in FORMATS:
        raise UserError(f"format {kind!r} is unknown, expected one of {', '.join(FORMATS)}; name one of them")
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise UserError(f"encoding {encoding!r}, expected a Python codec; pass --encoding utf-8 or gb18030") from None
    if path != STDIN and (Path(path).is_dir() or not Path(path).exists()):
        what = "a folder" if Path(path).is_dir() else "no such file"
        raise UserError(f"{path}: {what}, expected a file to read; check the path")
    row = None
    try:
        with cast(io.BufferedReader, sys.stdin.buffer if path == STDIN else open(path, "rb")) as stream:
            _check_content(stream.peek(512)[:512], kind=kind, encoding=codec, name=name)
            # utf-8-sig drops a byte order mark
            for row in _rows(stream, kind=kind, encoding="utf-8-sig" if codec == "utf-8" else codec, name=name):
                yield row
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name}: byte 0x{error.object[error.start]:02x} is not valid {codec}, expected text in that encoding; "
            "pass --encoding, e.g. gb18030 (Chinese Excel), utf-16 or cp1252"
        ) from None
    except OSError as error:
        raise UserError(f"{name}: {error.strerror or error}, expected a readable file; check the path") from None
    if row is None:
        raise UserError(f"{name}: no rows (a header only?), expected at least one; check the file")


def _check_content(head: bytes, *, kind: str, encoding: str, name: str) -> None:
    """Refuse a file whose first bytes contradict its format."""
    if not head:
        raise UserError(f"{name}: empty file, expected rows; check the file")
    if kind == "parquet" and head.startswith(b"PAR1"):
        return
    wide = encoding.startswith(("utf-16", "utf-32"))
    if not wide and kind != "parquet" and head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UserError(f"{name}: UTF-16 text, expected {encoding}; pass --encoding utf-16")
    start = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    signs = {what: head.startswith(magic) for magic, what in _SIGNATURES.items()} | {
        "not parquet": kind == "parquet",
        "a web page": kind != "txt" and start.startswith((b"<!doctype html", b"<html")),
        "JSON": kind in ("csv", "tsv") and start.startswith((b'{"', b'[{"')),
        "not JSON": kind in ("json", "jsonl") and not wide and start[:1] not in (b"", b"{", b"["),
    }
    for content in (content for content, holds in signs.items() if holds):
        raise UserError(f"{name}: {content}, expected a {kind} file; rename it or convert it to {kind}")


def _rows(stream: io.BufferedReader, *, kind: str, encoding: str, name: str) -> Iterator[dict[str, Any]]:
    if kind == "parquet":
        if name == "standard input":
            raise UserError("standard input: parquet cannot be streamed, expected text; pass the file's name")
        with parquet_errors(name):
            file = pq.ParquetFile(stream)
            check_column_names(file.schema_arrow.names, name=name)
            for batch in file.iter_batches(batch_size=1000):
                yield from batch.to_pylist()
        return
    # newline="": the csv module must see \r\n inside quoted cells as they are
    text = io.TextIOWrapper(stream, encoding=encoding, newline="" if kind in ("csv", "tsv") else None)
    # UTF-8 has no half characters
    lines = text if encoding == "utf-8-sig" else _whole_characters(text, name=name)
    if kind == "txt":
        yield from ({"text": line.removesuffix("\n")} for line in lines)
    elif kind in ("csv", "tsv"):
        yield from _table_rows(lines, delimiters=",;\t" if kind == "csv" else "\t", name=name)
    else:
        yield from _json_rows(text, whole=kind == "json", name=name)


def _whole_characters(lines: Iterable[str], *, name: str) -> Iterator[str]:
    """Refuse half of a surrogate pair, which some codecs, as utf-7, let pass and no file can hold."""
    for number, line in enumerate(lines, 1):
        try:
            line.encode()
        except UnicodeEncodeError:
            raise UserError(f"{name}, line {number}: {HALF_CHARACTER}; mend the line") from None
        yield line


def _table_rows(lines: Iterable[str], *, delimiters: str, name: str) -> Iterator[dict[str, str]]:
    """Yield one dict per row; blank lines are skipped (an empty text in a one-column file is written `""`).

    lines: physical lines with their line ends. delimiters: the first that splits the header is that of the table.
    """
    csv.field_size_limit(2**31 - 1)  # the default refuses cells over 128 KiB
    lines, head = iter(lines), []
    for line in lines:
        head.append(line)
        if line.strip("\r\n"):
            break
    splits = (each for each in delimiters if any(len(cells) > 1 for cells in csv.reader(head, delimiter=each)))
    delimiter = next(splits, delimiters[0])
    row_lines: list[str] = []  # the physical lines of the row being read

    def remember() -> Iterator[str]:
        for line in chain(head, lines):
            row_lines.append(line)
            yield line

    reader = csv.reader(remember(), delimiter=delimiter, strict=True)
    columns: list[str] = []
    swallowed = _SwallowedRows(delimiter)
    try:
        for cells in reader:
            first = reader.line_num - len(row_lines) + 1
            if cells and not columns:
                columns = cells
                _check_header(cells, delimiter=delimiter, name=name)
            elif cells and len(cells) != len(columns):
                raise UserError(
                    f"{name}, line {first}: {len(cells)} fields, expected {len(columns)} as in the header; "
                    f"quote cells that hold {delimiter!r} or line ends"
                )
            elif cells:
                swallowed.watch(cells, lines=row_lines, first=first)
                yield dict(zip(columns, cells, strict=True))
            row_lines.clear()
    except csv.Error as error:
        raise UserError(
            f"{name}, line {max(1, reader.line_num - len(row_lines) + 1)}: the quote that opens here is not closed as "
            f'expected ({error}); write a " inside a quoted cell as ""'
        ) from None
    swallowed.refuse(name=name)


def check_column_names(names: list[str], *, name: str) -> None:
    """Raise UserError when two columns of a file have the same name."""
    if doubled := sorted(column for column, count in Counter(names).items() if count > 1):
        raise UserError(f"{name}: column {doubled[0]!r} stands twice, expected unique names; rename one")


def _check_header(cells: list[str], *, delimiter: str, name: str) -> None:
    """Refuse doubled column names and a file that uses another delimiter."""
    check_column_names(cells, name=name)
    others = [other for other in ",\t;" if other != delimiter and other in cells[0]]
    if len(cells) == 1 and others:
        raise UserError(
            f"{name}: the header is one column {cells[0][:60]!r} with {others[0]!r} inside, expected columns "
            f"separated by {delimiter!r}; name a file .tsv only if tabs separate it, and quote cells, not whole lines"
        )


class _SwallowedRows:
    """Finds cells over several lines that are really rows behind a stray quote, which shows at the end of the file.

    Sound rule: read with the quote as an ordinary character, every line of the cell is a full row without empty cells,
    and one column (the labels) holds in these lines only values that rows of the file hold too, few beside the rows.
    """

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        self.rows = 0
        self.values: dict[int, set[str]] = {}
        self.suspects: list[tuple[int, list[list[str]]]] = []

    def watch(self, cells: list[str], *, lines: list[str], first: int) -> None:
        """Take note of one row; lines: the physical lines it was read from, the first of them at `first`."""
        if self.rows == 0:
            self.values = {column: set() for column in range(len(cells))}
        self.rows += 1
        for column, values in list(self.values.items()):
            values.add(cells[column])
            if len(cells[column]) > MAX_CATEGORY_LENGTH and "\n" not in cells[column] or len(values) > MAX_CATEGORIES:
                del self.values[column]
        if len(lines) > 1 and len(cells) > 1:
            rows = [part.rstrip("\r\n").split(self.delimiter) for part in lines]
            if all(len(row) == len(cells) and all(cell.strip() for cell in row) for row in rows):
                self.suspects.append((first, rows))

    def refuse(self, *, name: str) -> None:
        """Raise UserError for the first suspect that the whole file confirms."""
        for line, rows in self.suspects:
            for column, values in self.values.items():
                if 2 * len(values) <= self.rows + len(rows) and all(row[column] in values for row in rows):
                    raise UserError(
                        f"{name}, line {line}: the quote that opens here swallows {len(rows) - 1} lines that are "
                        'rows of their own, expected one row; remove the stray quote or write it as ""'
                    )


def _json_rows(lines: io.TextIOWrapper, *, whole: bool, name: str) -> Iterator[dict[str, Any]]:
    """Yield objects from lines or, with `whole`, from one list too."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if listed := whole and line.lstrip().startswith("["):
            rows = _parse_json(line + lines.read(), line=number, name=name)
        else:
            rows, whole = [_parse_json(line.rstrip(), line=number, name=name)], False
        for item, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                raise UserError(
                    f"{name}, {f'item {item}' if listed else f'line {number}'}: a {type(row).__name__}, expected an "
                    'object with named columns; write {"text": …} in each line (.jsonl) or in one list (.json)'
                )
            yield row


def _parse_json(text: str, *, line: int, name: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) < len(pairs):
            raise UserError(f"{name}, line {line}: a key stands twice in one object, expected unique names; rename it")
        return row

    try:
        value = json.loads(text, object_pairs_hook=unique)
        (json.dumps(value, ensure_ascii=False) if _SURROGATE.search(text) else text).encode()
        return value
    except json.JSONDecodeError as error:
        line += error.lineno - 1
        problem = f"not valid JSON ({error.msg}), expected one object per line, or in .json a list of objects"
    except RecursionError:
        problem = "JSON nested too deep, expected flat objects"
    except UnicodeEncodeError:
        problem = HALF_CHARACTER
    raise UserError(f"{name}, line {line}: {problem}; mend the line")


@contextmanager
def parquet_errors(name: str) -> Iterator[None]:
    """Turn what pyarrow raises for a file that is no whole parquet file into a UserError."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{name}: no whole parquet file ({first_line(error)}), expected one; write it again") from None


def first_line(error: Exception) -> str:
    """Return what a library says of an error, in one short line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
