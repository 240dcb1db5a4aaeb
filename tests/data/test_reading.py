"""Files in: what must be read, and what must be refused before anything is lost."""

import io
import json
import sys
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hf_textclf.data import read_rows

ROWS = [{"text": 'Good, "fine"\nfilm', "label": "pos"}, {"text": "", "label": "neg"}]


def test_csv_with_byte_order_mark_windows_line_ends_and_quotes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbftext,label\r\n"Good, ""fine""\nfilm",pos\r\n\r\n"",neg\r\n')
    assert list(read_rows(path)) == ROWS


def test_a_quote_inside_an_unquoted_cell_is_a_character(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\nthe "best" film,pos\n')
    assert list(read_rows(path)) == [{"text": 'the "best" film', "label": "pos"}]


def test_ten_megabytes_in_one_cell(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "long " * 2_000_000 + ",pos\n" + '"' + "line\n" * 200_000 + '",neg\n')
    assert [len(row["text"]) for row in read_rows(path)] == [10_000_000, 1_000_000]


def test_commas_come_before_semicolons_and_tabs(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text; or comment,label\nfine; well,pos\n")
    assert list(read_rows(path)) == [{"text; or comment": "fine; well", "label": "pos"}]


def test_txt_keeps_every_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b'one\r\n\r\nthree, "with" <html>')
    assert [row["text"] for row in read_rows(path)] == ["one", "", 'three, "with" <html>']


def test_one_column_csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text\none\n""\n"two\nthree"\n')
    assert [row["text"] for row in read_rows(path)] == ["one", "", "two\nthree"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", 'text\tlabel\n"Good, ""fine""\nfilm"\tpos\n\tneg\n'),
        ("a.csv", '\ntext;label\n"Good, ""fine""\nfilm";pos\n;neg\n'),
        ("a.csv", '"text"\tlabel\n"Good, ""fine""\nfilm"\tpos\n\tneg\n'),
        ("a.jsonl", "\n".join(map(json.dumps, ROWS))),
        ("a.json", "\n\n" + "\n".join(map(json.dumps, ROWS)) + "\n\n"),
        ("a.json", "\n" + json.dumps(ROWS, indent=2)),
    ],
)
def test_other_text_formats(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert list(read_rows(tmp_path / name)) == ROWS


def test_parquet(tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    assert list(read_rows(tmp_path / "a.parquet")) == ROWS


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "cp936"])
def test_other_encodings(tmp_path, encoding):
    (tmp_path / "a.csv").write_text("文本,标签\n房间很好,好评\n", encoding=encoding)
    assert list(read_rows(tmp_path / "a.csv", encoding=encoding)) == [{"文本": "房间很好", "标签": "好评"}]


@pytest.mark.parametrize(("format", "expected"), [(None, {"text": "text,label"}), ("csv", ROWS[1])])
def test_standard_input(monkeypatch, format, expected):
    stream = io.BufferedReader(io.BytesIO(b"text,label\n,neg\n"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    assert next(iter(read_rows("-", format=format))) == expected


def test_reading_streams(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "fine"}\n{"text": \n')
    assert next(read_rows(tmp_path / "a.jsonl")) == {"text": "fine"}


PARQUET = io.BytesIO()
pq.write_table(pa.Table.from_pylist(ROWS), PARQUET)

REFUSED = {
    "empty": ("a.csv", b"", ["empty file"]),
    "blank": ("a.csv", b"\n\n", ["no rows"]),
    "header only": ("a.csv", b"text,label\n", ["no rows", "header only"]),
    "no items": ("a.json", b"[]", ["no rows"]),
    "duplicate columns": ("a.csv", b"text,label,text\na,b,c\n", ["'text' stands twice"]),
    "duplicate keys": ("a.jsonl", b'{"text": 1, "text": 2}\n', ["line 1", "twice"]),
    "too many fields": ("a.csv", b"text,label\na,b\nwell, well,b\n", ["line 3", "3 fields", "expected 2"]),
    "too few fields": ("a.tsv", b"text\tlabel\na\n", ["line 2", "1 fields"]),
    "open quote": ("a.csv", b'text,label\na,b\n"never closed,b\nc,d\n', ["line 3", "not closed"]),
    "quote closed by another": ("a.csv", b'text,label\n"one,a\nthe "best",b\n', ["line 2", "quote"]),
    "swallowed rows": (
        "a.csv",
        b'text,label\nfine,pos\n"oh no,neg\ngood,pos\nhe said stop",pos\nbad,neg\n',
        ["line 3", "swallows 2 lines"],
    ),
    "swallowed rows, label first": (
        "a.tsv",
        b'label\ttext\npos\tfine\nneg\t"oh no\nneg\tbad, bad\npos\tstop"\n',
        ["line 3", "swallows 2 lines"],
    ),
    "invalid utf-8": ("a.csv", "text,label\n房间,好\n".encode("gb18030"), ["0xb7", "--encoding", "gb18030"]),
    "utf-16": ("a.txt", "text".encode("utf-16"), ["UTF-16", "--encoding utf-16"]),
    "parquet named csv": ("a.csv", PARQUET.getvalue(), ["a parquet file", "csv"]),
    "workbook named csv": ("a.csv", b"PK\x03\x04\x00\x00", ["Excel workbook", "csv"]),
    "page named csv": ("a.csv", b"<!DOCTYPE html><html>", ["web page"]),
    "json named csv": ("a.csv", b'{"text": "a"}\n', ["JSON", "csv"]),
    "csv named jsonl": ("a.jsonl", b"text,label\na,b\n", ["not JSON", "jsonl"]),
    "csv named parquet": ("a.parquet", b"text,label\na,b\n", ["parquet"]),
    "gzip named txt": ("a.txt", b"\x1f\x8b\x08", ["gzip"]),
    "half a parquet file": ("a.parquet", PARQUET.getvalue()[:-20], ["parquet"]),
    "semicolons named tsv": ("a.tsv", b"text;label\na;b\n", ["'text;label'", "';'", ".tsv only if tabs"]),
    "quoted lines": ("a.csv", b'"text;label"\n"a;b"\n', ["'text;label'", "not whole lines"]),
    "bad json": ("a.jsonl", b'{"text": "a"}\n{"text": "b"\n', ["line 2", "not valid JSON"]),
    "bad json list": ("a.json", b'[{"text": "a"},\n{"text" "b"}]\n', ["line 2", "not valid JSON"]),
    "no object": ("a.jsonl", b'{"text": "a"}\n["b"]\n', ["line 2", "a list"]),
    "half a character": ("a.jsonl", b'{"text": "\\ud83d"}\n', ["line 1", "surrogate"]),
    "unknown suffix": ("a.xlsx", b"", ["'.xlsx'", ".parquet"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, refused, case):
    name, content, words = REFUSED[case]
    (tmp_path / name).write_bytes(content)
    refused(lambda: list(read_rows(tmp_path / name)), *words)


def test_refused_without_a_file(tmp_path, refused, monkeypatch):
    refused(lambda: list(read_rows(tmp_path / "none.csv")), "none.csv", "no such file")
    (tmp_path / "folder.csv").mkdir()
    refused(lambda: list(read_rows(tmp_path / "folder.csv")), "a folder")
    (tmp_path / "a.txt").write_text("a")
    refused(lambda: list(read_rows(tmp_path / "a.txt", encoding="utf-9")), "'utf-9'", "--encoding")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(b"PAR1"))))
    refused(lambda: list(read_rows("-", format="parquet")), "standard input", "parquet")


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.jsonl"])
def test_half_a_character_of_another_encoding(tmp_path, refused, name):
    content = '{"text": "\ud83d"}\n' if name == "a.jsonl" else "text\nfine\n\ud83d\n"
    (tmp_path / name).write_bytes(content.encode("utf-7"))
    line = "line 1" if name == "a.jsonl" else "line 3"
    refused(lambda: list(read_rows(tmp_path / name, encoding="utf-7")), line, "surrogate")


@pytest.mark.parametrize(
    "content",
    [
        'text,label\n"Roses are red,\nviolets are blue",pos\nfine,neg\nbad,neg\n',
        'text,label\n"Hello, friend\nBye, friend\nfor now",pos\nfine,neg\n',
        'id,text\n1,"Steps\n2, open\n3, close"\n2,b\n3,c\n4,d\n5,e\n',
    ],
)
def test_honest_cells_over_several_lines_are_read(tmp_path, content):
    (tmp_path / "a.csv").write_text(content)
    assert sum("\n" in value for row in read_rows(tmp_path / "a.csv") for value in row.values()) == 1
