"""Rows into a file, one dict at a time. The file appears under its name only when it is whole."""

import csv
import json
import sys
from collections.abc import Iterable
from functools import partial
from io import TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import UserError
from ..files import whole
from .reading import file_format, first_line

STDOUT = "-"
BATCH = 1000  # rows of a parquet file at a time
WRITABLE = ("csv", "tsv", "json", "jsonl", "parquet")
# dates and the like, which parquet can hold, become their text
dump_json = partial(json.dumps, ensure_ascii=False, default=str)


def output_format(path: str | Path, *, format: str | None = None) -> str:
    """Return the format a path will be written in; standard output ("-") is jsonl unless `format` says otherwise.

    Raises UserError where the format cannot be written, so that a command can say so before it works for hours.
    """
    kind = ("jsonl" if path == STDOUT else file_format(path)) if format is None else format
    known = tuple(name for name in WRITABLE if path != STDOUT or name != "parquet")
    if kind not in known:
        raise UserError(f"{path}: cannot write {kind}, expected one of {', '.join(known)}; choose another name")
    if path == STDOUT and sys.stdout is None:
        raise UserError("standard output is closed, expected a place for the rows; name one with --output")
    return kind


def write_rows(
    path: str | Path, rows: Iterable[dict[str, Any]], *, format: str | None = None, new: bool = False
) -> int:
    """Write rows as they come and return their number. Tables take their columns from the first row.

    path: .csv, .tsv, .jsonl, .json (a list) or .parquet, or "-" for standard output. The rows go to a file beside
    `path`, renamed at the end: whatever interrupts, `path` is as it was before. new: `path` is not replaced either
    where it appears meanwhile. Raises UserError when it cannot be written or a later row does not fit the columns.
    """
    kind = output_format(path, format=format)
    if path == STDOUT:
        if isinstance(sys.stdout, TextIOWrapper):
            # as in a file, so that no character is missing from another encoding
            sys.stdout.reconfigure(encoding="utf-8")
        return _write_text(sys.stdout, rows, kind=kind, name="standard output")
    path = Path(path)
    try:
        with whole(path, new=new) as beside:
            if kind == "parquet":
                return _write_parquet(beside, rows, name=str(path))
            with open(beside, "w", encoding="utf-8", newline="") as stream:
                return _write_text(stream, rows, kind=kind, name=str(path))
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise UserError(
            f"{path}: cannot be written ({reason}), expected writable space; nothing was changed, choose another place"
        ) from None


def _write_text(stream: TextIO, rows: Iterable[dict[str, Any]], *, kind: str, name: str) -> int:
    if kind in ("csv", "tsv"):
        return _write_table(stream, rows, delimiter="," if kind == "csv" else "\t", name=name)
    before, between, after = ("[\n", ",\n", "\n]\n") if kind == "json" else ("", "\n", "\n")
    count = 0
    for count, row in enumerate(rows, 1):
        stream.write((before if count == 1 else between) + dump_json(row))
    stream.write(after if count else before + after.strip("\n"))
    return count


def _write_table(stream: TextIO, rows: Iterable[dict[str, Any]], *, delimiter: str, name: str) -> int:
    rows = iter(rows)
    if (first := next(rows, None)) is None:
        return 0
    writer = csv.DictWriter(stream, list(first), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    count = 0
    for count, row in enumerate(chain([first], rows), 1):
        if extra := sorted(row.keys() - first.keys()):
            raise UserError(
                f"{name}: row {count} has columns {extra} that row 1 lacks, expected equal ones; write .jsonl instead"
            )
        # lists and objects, which a cell cannot hold, become JSON
        nested = {column: value for column, value in row.items() if isinstance(value, list | dict)}
        writer.writerow(row | {column: dump_json(value) for column, value in nested.items()})
    return count


def _write_parquet(path: Path, rows: Iterable[dict[str, Any]], *, name: str) -> int:
    """Write in batches, the first of which decides the columns and their types."""
    rows, count = iter(rows), 0
    try:
        first = list(islice(rows, BATCH))
        schema = pa.Table.from_pylist(first).schema
        # nothing but nulls so far says nothing about the type; text can hold what follows
        fields = [field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in schema]
        with pq.ParquetWriter(path, pa.schema(fields)) as writer:
            for batch in chain([first], iter(lambda: list(islice(rows, BATCH)), [])):
                if extra := sorted({column for row in batch for column in row} - set(schema.names)):
                    raise pa.ArrowInvalid(f"columns {extra} appear late")
                writer.write_table(pa.Table.from_pylist(batch, schema=writer.schema))
                count += len(batch)
    except (pa.ArrowException, OverflowError) as error:  # a number beyond 64 bits, an object without keys
        raise UserError(
            f"{name}: a row does not fit the first ({first_line(error)}), expected one type a column; write .jsonl"
        ) from None
    return count
