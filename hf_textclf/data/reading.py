"""Rows of a file, one dict at a time: csv, tsv, json, jsonl, parquet, txt and standard input.

A file whose content is not what its name says is refused before the first row, and a file without rows is an error.
Training reads its files here too: pyarrow and `datasets` guess types, and accept a stray quote (see `tables`).
"""

import codecs
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import UserError
from .tables import check_column_names, table_rows

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
HALF_CHARACTER = "half of a surrogate pair (\\ud8…), expected whole characters"
# codecs of names and of program text
NO_FILES = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape")
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
    kind = ("txt" if path == STDIN else file_format(path)) if format is None else format
    if kind not in FORMATS:
        raise UserError(f"format {kind!r} is unknown, expected one of {', '.join(FORMATS)}; name one of them")
    codec = _codec(encoding)
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
    except UnicodeError as error:
        problem = f"{name}: no {codec} ({error}), expected text in that encoding"
        raise UserError(f"{problem}; pass another --encoding, e.g. utf-16-le") from None
    except OSError as error:
        raise UserError(f"{name}: {error.strerror or error}, expected a readable file; check the path") from None
    if row is None:
        raise UserError(f"{name}: no rows (a header only?), expected at least one; check the file")


def _codec(encoding: str) -> str:
    """The name of an encoding of text files. Raises UserError: it is none."""
    try:
        info = codecs.lookup(encoding)
        # `base64` and the like turn bytes into bytes; `io.open` asks the same
        if not getattr(info, "_is_text_encoding", True) or info.name in NO_FILES:
            raise LookupError(encoding)
    except LookupError:
        raise UserError(f"encoding {encoding!r}, expected that of a text; pass --encoding utf-8 or gb18030") from None
    return info.name


def _check_content(head: bytes, *, kind: str, encoding: str, name: str) -> None:
    """Refuse a file whose first bytes contradict its format."""
    if not head:
        raise UserError(f"{name}: empty file, expected rows; check the file")
    if kind == "parquet" and head.startswith(b"PAR1"):
        return
    wide = encoding.startswith(("utf-16", "utf-32"))
    if not wide and kind != "parquet" and head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise UserError(f"{name}: UTF-16 text, expected {encoding}; pass --encoding utf-16")
    if not wide and kind != "parquet" and 4 * head.count(0) > len(head) and not head.startswith(tuple(_SIGNATURES)):
        # of the two bytes of a Latin letter one is 0
        likely = "utf-16-be" if head.startswith(b"\0") else "utf-16-le"
        problem = f"many NUL bytes, as in UTF-16 without a mark, expected {encoding}"
        raise UserError(f"{name}: {problem}; pass --encoding {likely} if it is text")
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
        yield from table_rows(lines, delimiters=",;\t" if kind == "csv" else "\t", name=name)
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
    except UnicodeEncodeError:
        problem = HALF_CHARACTER
    except json.JSONDecodeError as error:
        line += error.lineno - 1
        problem = f"not valid JSON ({error.msg}), expected one object per line, or in .json a list of objects"
    except ValueError:
        problem = "a number of thousands of digits, expected one that a computer can hold"
    except RecursionError:
        problem = "JSON nested too deep, expected flat objects"
    raise UserError(f"{name}, line {line}: {problem}; mend the line")


@contextmanager
def parquet_errors(name: str) -> Iterator[None]:
    """Turn what pyarrow and `datasets` raise for a file that is no whole parquet file into a UserError."""
    try:
        yield
    # ValueError and the like: bytes that are no text, features that `datasets` did not write
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{name}: no whole parquet file ({first_line(error)}), expected one; write it again") from None


def first_line(error: Exception) -> str:
    """Return what a library says of an error, in one short line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
