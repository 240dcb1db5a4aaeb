"""Rows of a file, one dict at a time: csv, tsv, json, jsonl, parquet, txt and standard input.

A file whose content is not what its name says is refused before the first row, and a file without rows is an error.
Training reads its files here too: pyarrow and `datasets` accept stray quotes and guess types.
"""

import codecs
import io
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import UserError
from .csv import check_column_names, read_table

STDIN = "-"
FORMATS = ("csv", "tsv", "json", "jsonl", "parquet", "txt")

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
    encoding = _check_encoding(encoding)
    empty = True
    try:
        with _open_binary(path) as stream:
            _check_content(stream.peek(512)[:512], kind=kind, encoding=encoding, name=name)
            for row in _rows(stream, kind=kind, encoding=encoding, name=name):
                empty = False
                yield row
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name}: byte 0x{error.object[error.start]:02x} is not valid {encoding.removesuffix('-sig')}, expected "
            "text in that encoding; pass --encoding, e.g. gb18030 (Chinese Excel), utf-16 or cp1252"
        ) from None
    except OSError as error:
        raise UserError(f"{name}: {error.strerror or error}, expected a readable file; check the path") from None
    if empty:
        raise UserError(f"{name}: no rows (a header only?), expected at least one; check the file")


def _open_binary(path: str | Path) -> io.BufferedReader:
    if path == STDIN:
        return cast(io.BufferedReader, sys.stdin.buffer)
    if Path(path).is_dir():
        raise UserError(f"{path}: a folder, expected a file; name the file in it")
    if not Path(path).exists():
        raise UserError(f"{path}: no such file, expected a file to read; check the path")
    return open(path, "rb")


def _check_encoding(encoding: str) -> str:
    """Return the codec's name, with the variant of UTF-8 that drops a byte order mark."""
    try:
        codec = codecs.lookup(encoding).name
    except LookupError:
        raise UserError(
            f"encoding {encoding!r} is unknown, expected a codec of Python; pass --encoding utf-8 or gb18030"
        ) from None
    return "utf-8-sig" if codec == "utf-8" else codec


def _check_content(head: bytes, *, kind: str, encoding: str, name: str) -> None:
    """Refuse a file whose first bytes contradict its format."""
    if not head:
        raise UserError(f"{name}: empty file, expected rows; check the file")
    wide = encoding.startswith(("utf-16", "utf-32"))
    start = head.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    content = next((what for magic, what in _SIGNATURES.items() if head.startswith(magic)), None)
    if kind == "parquet":
        content = None if head.startswith(b"PAR1") else content or "not parquet"
    elif content is not None:
        pass
    elif not wide and head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UserError(f"{name}: UTF-16 text, expected {encoding.removesuffix('-sig')}; pass --encoding utf-16")
    elif start.startswith((b"<!doctype html", b"<html")) and kind != "txt":
        content = "a web page"
    elif kind in ("csv", "tsv") and start.startswith((b'{"', b'[{"')):
        content = "JSON"
    elif kind in ("json", "jsonl") and not wide and start and start[:1] not in (b"{", b"["):
        content = "not JSON"
    if content is not None:
        raise UserError(f"{name}: {content}, expected a {kind} file; rename it or convert it to {kind}")


def _rows(stream: io.BufferedReader, *, kind: str, encoding: str, name: str) -> Iterator[dict[str, Any]]:
    if kind == "parquet":
        yield from _parquet_rows(stream, name=name)
        return
    # newline="": the csv module must see \r\n inside quoted cells as they are
    text = io.TextIOWrapper(stream, encoding=encoding, newline="" if kind in ("csv", "tsv") else None)
    if kind == "txt":
        yield from ({"text": line.removesuffix("\n")} for line in text)
    elif kind in ("csv", "tsv"):
        yield from read_table(text, delimiters=",;\t" if kind == "csv" else "\t", name=name)
    else:
        yield from _json_rows(text, whole=kind == "json", name=name)


def _json_rows(lines: io.TextIOWrapper, *, whole: bool, name: str) -> Iterator[dict[str, Any]]:
    """Yield objects from lines or, with `whole`, from one list too."""
    for number, line in enumerate(lines, 1):
        if whole and line.lstrip().startswith("["):
            rows = _parse_json(line + lines.read(), line=number, name=name)
            yield from (_check_object(row, where=f"item {item}", name=name) for item, row in enumerate(rows, 1))
            return
        if line.strip():
            whole = False
            yield _check_object(_parse_json(line.rstrip(), line=number, name=name), where=f"line {number}", name=name)


def _parse_json(text: str, *, line: int, name: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        row = dict(pairs)
        if len(row) < len(pairs):
            raise UserError(f"{name}, line {line}: a key stands twice in one object, expected unique names; rename it")
        return row

    try:
        value = json.loads(text, object_pairs_hook=unique)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise UserError(
            f"{name}, line {line + error.lineno - 1}: not valid JSON ({error.msg}), expected one object per line, or "
            "in .json a list of objects; mend the line"
        ) from None
    except RecursionError:
        raise UserError(f"{name}, line {line}: JSON nested too deep, expected flat objects; mend the line") from None
    except UnicodeEncodeError:
        raise UserError(
            f"{name}, line {line}: half of a surrogate pair (\\ud8…), expected whole characters; mend the line"
        ) from None
    return value


def _check_object(row: Any, *, where: str, name: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise UserError(
            f"{name}, {where}: a {type(row).__name__}, expected an object with named columns; write "
            '{"text": …} in each line (.jsonl) or in one list (.json)'
        )
    return row


def _parquet_rows(stream: io.BufferedReader, *, name: str) -> Iterator[dict[str, Any]]:
    if name == "standard input":
        raise UserError("standard input: parquet cannot be streamed, expected text; pass the file's name")
    with parquet_errors(name):
        file = pq.ParquetFile(stream)
        check_column_names(file.schema_arrow.names, name=name)
        for batch in file.iter_batches(batch_size=1000):
            yield from batch.to_pylist()


@contextmanager
def parquet_errors(name: str) -> Iterator[None]:
    """Turn what pyarrow raises for a file that is no whole parquet file into a UserError."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{name}: no whole parquet file ({first_line(error)}), expected parquet as its name says; write it again"
        ) from None


def first_line(error: Exception) -> str:
    """Return what a library says of an error, in one short line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
