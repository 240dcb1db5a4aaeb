"""Files out: whole or not at all."""

import io
import sys

import pyarrow.parquet as pq
import pytest

from hf_textclf.data import output_format, read_rows, write_rows

ROWS = [
    {"text": 'Good, "fine"\nfilm, 房间', "label": "pos", "score": 0.5},
    {"text": "", "label": "neg", "score": 0.25},
]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.json", "a.jsonl", "a.parquet"])
def test_rows_come_back(tmp_path, name):
    assert write_rows(tmp_path / name, iter(ROWS)) == 2
    rows = list(read_rows(tmp_path / name))
    assert [row | {"score": float(row["score"])} for row in rows] == ROWS
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.parquet"])
def test_an_interrupted_write_leaves_the_old_file(tmp_path, name):
    write_rows(tmp_path / name, ROWS)
    before = (tmp_path / name).read_bytes()

    def rows():
        yield from ROWS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(tmp_path / name, rows())
    assert (tmp_path / name).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_can_be_rewritten_from_itself(tmp_path):
    write_rows(tmp_path / "a.csv", ROWS)
    write_rows(tmp_path / "a.csv", (row | {"more": "x"} for row in read_rows(tmp_path / "a.csv")))
    assert [row["more"] for row in read_rows(tmp_path / "a.csv")] == ["x", "x"]


@pytest.mark.parametrize(("format", "expected"), [(None, '{"text": "好"}\n'), ("csv", "text\n好\n")])
def test_standard_output(monkeypatch, format, expected):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    write_rows("-", [{"text": "好"}], format=format)
    assert sys.stdout.getvalue() == expected


def test_lists_become_json_in_a_table(tmp_path):
    write_rows(tmp_path / "a.csv", [{"labels": ["a", "好"]}])
    assert list(read_rows(tmp_path / "a.csv")) == [{"labels": '["a", "好"]'}]


def test_parquet_in_several_batches(tmp_path):
    rows = [{"text": str(n), "late": None if n < 1000 else "x"} for n in range(2500)]
    write_rows(tmp_path / "a.parquet", rows)
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == rows


def test_no_rows(tmp_path):
    for name in ("a.json", "a.jsonl", "a.csv", "a.parquet"):
        assert write_rows(tmp_path / name, []) == 0
        assert (tmp_path / name).exists()


def test_refused(tmp_path, refused):
    refused(lambda: write_rows(tmp_path / "a.xlsx", ROWS), "'.xlsx'")
    refused(lambda: write_rows(tmp_path / "a.txt", ROWS), "txt", "csv")
    refused(lambda: output_format("-", format="parquet"), "parquet", "jsonl")
    refused(lambda: write_rows(tmp_path / "none" / "a.csv", ROWS), "No such file")
    late = [{"text": "a"}, {"text": "b", "more": "c"}]
    refused(lambda: write_rows(tmp_path / "a.csv", late), "row 2", "more", ".jsonl")
    refused(lambda: write_rows(tmp_path / "a.parquet", late), "more", ".jsonl")
    refused(lambda: write_rows(tmp_path / "a.parquet", [{"a": 1}, {"a": "b"}]), "expected one type", ".jsonl")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_no_disk_space(tmp_path, refused):
    """The partial file is a link to the device that is always full."""
    (tmp_path / "a.csv").write_text("old")
    (tmp_path / ".a.csv.partial").symlink_to("/dev/full")
    refused(lambda: write_rows(tmp_path / "a.csv", ROWS), "No space left", "nothing was changed")
    assert (tmp_path / "a.csv").read_text() == "old"
