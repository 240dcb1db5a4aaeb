"""`hf-textclf predict`: every format in and out, every row and column kept, nothing left behind on failure."""

import csv
import io
import json
import subprocess
import sys
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.data import read_rows, write_rows

ROWS = [
    {"id": "7", "text": "房间很好", "note": 'says "yes", twice'},
    {"id": "8", "text": "", "note": "two\nlines"},
    {"id": "9", "text": "服务太差了 👎", "note": ""},
]
ADDED = ["label", "score", "probability_negative", "probability_neutral", "probability_positive"]


@pytest.fixture
def predict(trained_models, tmp_path):
    """Predict a file of the temporary folder into another one and read that."""

    def run(source, target, *flags, kind="single"):
        command = ["predict", str(trained_models / kind), str(tmp_path / source), "--output", str(tmp_path / target)]
        assert main([*command, *flags]) == 0
        assert not list(tmp_path.glob(".*"))
        return list(read_rows(tmp_path / target))

    return run


@pytest.mark.parametrize("target", ["out.csv", "out.tsv", "out.json", "out.jsonl", "out.parquet"])
@pytest.mark.parametrize("source", ["in.csv", "in.tsv", "in.json", "in.jsonl", "in.parquet"])
def test_formats(predict, trained_models, tmp_path, source, target):
    write_rows(tmp_path / source, ROWS)
    found = predict(source, target)
    assert [list(row) for row in found] == [["id", "text", "note", *ADDED]] * 3
    assert [{name: row[name] for name in ROWS[0]} for row in found] == ROWS
    for row, expected in zip(found, Classifier(trained_models / "single")([row["text"] for row in ROWS]), strict=True):
        assert row["label"] == expected.label
        assert float(row["score"]) == pytest.approx(expected.score, abs=1e-6)
        for name, probability in expected.probabilities.items():
            assert float(row[f"probability_{name}"]) == pytest.approx(probability, abs=1e-6)


def test_the_column_that_train_finds(predict, tmp_path):
    """Whatever its case; what begins like a formula stays as it came."""
    rows = [{" Text": "=cmd|' /C calc'!A0", "note": "a"}, {" Text": "好", "note": "+1"}]
    write_rows(tmp_path / "in.csv", rows)
    assert [{name: row[name] for name in rows[0]} for row in predict("in.csv", "out.csv")] == rows


def test_what_appears_while_it_runs_stays(trained_models, tmp_path, monkeypatch, capsys):
    write_rows(tmp_path / "in.csv", ROWS)
    target, stream = tmp_path / "out.csv", Classifier.stream

    def slow(*args, **options):
        target.write_text("theirs")
        return stream(*args, **options)

    monkeypatch.setattr(Classifier, "stream", slow)
    assert main(["predict", str(trained_models / "single"), str(tmp_path / "in.csv"), "--output", str(target)]) == 2
    [kept] = set(tmp_path.iterdir()) - {target, tmp_path / "in.csv"}
    assert target.read_text() == "theirs" and len(list(read_rows(kept))) == 3
    assert str(kept) in capsys.readouterr().err


def test_txt_of_one_column(predict, tmp_path):
    (tmp_path / "in.txt").write_bytes("\ufeff房间很好, 真的\r\n\r\n服务太差\r\n".encode())
    found = predict("in.txt", "out.csv")
    assert [row["text"] for row in found] == ["房间很好, 真的", "", "服务太差"]
    assert list(found[0]) == ["text", *ADDED]


def test_byte_order_mark_and_windows_line_ends(predict, tmp_path):
    (tmp_path / "in.csv").write_bytes("\ufefftext,id\r\n好,1\r\n,2\r\n".encode())
    found = predict("in.csv", "out.jsonl")
    assert [(row["text"], row["id"]) for row in found] == [("好", "1"), ("", "2")]
    predict("in.csv", "out.csv")
    assert (tmp_path / "out.csv").read_bytes().startswith(b"text,id,label,")
    assert b"\r" not in (tmp_path / "out.csv").read_bytes()


def test_other_encoding(predict, tmp_path):
    (tmp_path / "in.csv").write_bytes("文本,编号\n房间很好,1\n".encode("gb18030"))
    found = predict("in.csv", "out.csv", "--encoding", "gb18030", "--text_column", "文本")
    assert found[0]["文本"] == "房间很好" and found[0]["编号"] == "1"
    assert (tmp_path / "out.csv").read_text(encoding="utf-8").startswith("文本,")


def test_columns_that_the_input_has_already(predict, tmp_path):
    rows = [{"text": "好", "label": "gold", "predicted_label": "x", "score": "3", "probability_neutral": "n"}]
    write_rows(tmp_path / "in.csv", rows)
    (found,) = predict("in.csv", "out.csv")
    assert found | rows[0] == found
    added = ["predicted_predicted_label", "predicted_score", "predicted_probability_neutral"]
    assert set(added) <= set(found) and found[added[0]] in ("negative", "neutral", "positive")
    # predicting the result once more keeps everything there is
    (again,) = predict("out.csv", "again.csv")
    assert again | found == again and len(again) == len(found) + 5


def test_multi_label_and_regression(predict, tmp_path):
    write_rows(tmp_path / "in.csv", ROWS)
    for row in predict("in.csv", "multi.csv", kind="multi"):
        names = {name.removeprefix("probability_") for name in row if name.startswith("probability_")}
        assert {name for name in names if float(row[f"probability_{name}"]) >= 0.5} == set(row["label"].split(";")) - {
            ""
        }
    for row in predict("in.csv", "regression.csv", kind="regression"):
        assert row["label"] == "rating" and row["score"] == row["probability_rating"]


def test_missing_cells_are_empty_texts(predict, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"text": "好"}\n{"text": null, "id": 4}\n{"id": 5}\n')
    found = predict("in.jsonl", "out.jsonl")
    assert len(found) == 3 and found[1]["label"] == found[2]["label"]
    assert found[1]["text"] is None and found[1]["id"] == 4


def test_ten_megabytes_in_one_cell(predict, tmp_path):
    """One long word: what such a text costs in tokens is test_prediction's."""
    write_rows(tmp_path / "in.csv", [{"text": "x" * 10_000_000, "id": "1"}, {"text": "好", "id": "2"}])
    found = predict("in.csv", "out.csv")
    assert len(found[0]["text"]) == 10_000_000 and found[1]["id"] == "2"


def test_batch_size_makes_no_difference(predict, tmp_path):
    write_rows(tmp_path / "in.csv", [{"text": "好" * (n % 9)} for n in range(50)])
    assert [row["label"] for row in predict("in.csv", "a.csv", "--batch_size", "1")] == [
        row["label"] for row in predict("in.csv", "b.csv")
    ]


@pytest.mark.parametrize("format", ["jsonl", "csv", "tsv"])
def test_standard_streams(trained_models, monkeypatch, capsys, format):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO("text\n好\n\n".encode()))))
    capsys.readouterr()
    flags = ["--input_format", "csv", "--output_format", format] if format != "jsonl" else []
    assert main(["predict", str(trained_models / "single"), "-", "--output", "-", *flags]) == 0
    out, err = capsys.readouterr()
    if format == "jsonl":
        # plain lines, as `cat` would give them, the word `text` among them
        assert [json.loads(line)["text"] for line in out.splitlines()] == ["text", "好", ""]
    else:
        found = list(csv.DictReader(io.StringIO(out), delimiter="," if format == "csv" else "\t"))
        assert found[0]["text"] == "好" and list(found[0]) == ["text", *ADDED]
    assert "predicting" in err and "rows written to standard output" in err


class TestRefused:
    """One line, and the folder as it was."""

    def test_existing_output(self, refused_command, trained_models, tmp_path):
        write_rows(tmp_path / "in.csv", ROWS)
        (tmp_path / "out.csv").write_text("old")
        refused_command(
            "predict",
            trained_models / "single",
            tmp_path / "in.csv",
            "--output",
            tmp_path / "out.csv",
            words=["out.csv", "exists"],
        )
        # not even the input itself
        refused_command(
            "predict",
            trained_models / "single",
            tmp_path / "in.csv",
            "--output",
            tmp_path / "in.csv",
            words=["in.csv", "exists"],
        )
        assert (tmp_path / "out.csv").read_text() == "old" and list(read_rows(tmp_path / "in.csv")) == ROWS

    @pytest.mark.parametrize(
        ("source", "target", "flags", "words"),
        [
            ("in.csv", "out.csv", ["--text_column", "txt"], ["'txt'", "id, text, note"]),
            ("in.csv", "out.csv", ["--text_colum", "text"], ["'text_colum'", "'text_column'"]),
            ("in.csv", "out.csv", ["--batch_size", "many"], ["batch_size", "'many'"]),
            ("in.csv", "out.csv", ["--batch_size", "0"], ["batch_size", "0"]),
            ("in.csv", "out.csv", ["--encoding", "utf8000"], ["'utf8000'"]),
            ("in.csv", "out.xlsx", [], [".xlsx", ".csv"]),
            ("in.csv", "out.txt", [], ["txt", "jsonl"]),
            ("in.csv", "none/out.csv", [], ["none/out.csv", "no folder", "none'"]),
            ("none.csv", "out.csv", [], ["none.csv", "no such file"]),
            ("gb.csv", "out.csv", [], ["gb.csv", "0x", "--encoding"]),
            ("two.csv", "out.csv", [], ["a, b", "--text_column"]),
            ("empty.csv", "out.csv", [], ["empty.csv", "empty file"]),
            ("header.csv", "out.csv", [], ["header.csv", "header only"]),
            ("bad.csv", "out.csv", [], ["bad.csv", "line 2002"]),
            ("bad.jsonl", "out.parquet", [], ["bad.jsonl", "line 2001"]),
            ("late.csv", "out.parquet", [], ["late.csv", "0x"]),
        ],
    )
    def test_files(self, refused_command, trained_models, tmp_path, source, target, flags, words):
        write_rows(tmp_path / "in.csv", ROWS)
        (tmp_path / "gb.csv").write_bytes("text\n房间\n".encode("gb18030"))
        (tmp_path / "two.csv").write_text("a,b\nx,y\n")
        (tmp_path / "empty.csv").touch()
        (tmp_path / "header.csv").write_text("text,id\n")
        # bad rows so late that others were predicted and written before
        (tmp_path / "bad.csv").write_text("text,id\n" + "a,1\n" * 2000 + "b\n")
        (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n' * 2000 + '{"text": \n')
        (tmp_path / "late.csv").write_bytes(b"text\n" + b"some words\n" * 5000 + "房间\n".encode("gb18030"))
        before = sorted(tmp_path.iterdir())
        refused_command(
            "predict", trained_models / "single", tmp_path / source, "--output", tmp_path / target, *flags, words=words
        )
        assert sorted(tmp_path.iterdir()) == before

    @pytest.mark.parametrize(
        ("count", "words"), [(0, ["required: FOLDER, INPUT"]), (1, ["required: INPUT"]), (4, ["'d'", "one too many"])]
    )
    def test_number_of_arguments(self, refused_command, count, words):
        refused_command("predict", *"abcd"[:count], words=[*words, "hf-textclf predict"])

    def test_two_outputs(self, refused_command):
        refused_command("predict", "a", "b", "c", "--output", "d", words=["'c'", "'d'", "expected one"])


def test_output_without_its_flag(trained_models, tmp_path, capsys):
    """As it was typed up to version 0.1."""
    (tmp_path / "in.csv").write_text("text\n好\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["predict", str(trained_models / "single"), str(tmp_path / "in.csv"), str(tmp_path / "out.csv")]) == 0
    error = capsys.readouterr().err
    assert error.startswith("hf-textclf: `predict FOLDER INPUT OUTPUT` is now `predict FOLDER INPUT --output OUTPUT`")
    assert len(list(read_rows(tmp_path / "out.csv"))) == 1


def test_parquet_keeps_types(predict, tmp_path):
    write_rows(tmp_path / "in.parquet", [{"text": "好", "n": 3, "x": 0.5, "tags": ["a"]}])
    predict("in.parquet", "out.parquet")
    (row,) = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert (row["n"], row["x"], row["tags"]) == (3, 0.5, ["a"]) and isinstance(row["score"], float)


def test_later_row_with_a_column_that_is_added(trained_models, tmp_path, capsys):
    (tmp_path / "in.jsonl").write_text('{"text": "好"}\n{"text": "差", "label": "mine"}\n', encoding="utf-8")
    assert (
        main(
            [
                "predict",
                str(trained_models / "single"),
                str(tmp_path / "in.jsonl"),
                "--output",
                str(tmp_path / "out.jsonl"),
            ]
        )
        == 2
    )
    assert "'label'" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_reader_that_leaves_early(trained_models, tmp_path):
    (tmp_path / "in.txt").write_text("很好\n" * 5000, encoding="utf-8")
    command = (
        f"{sys.executable} -m hf_textclf.cli predict {trained_models / 'single'} {tmp_path / 'in.txt'} | head -n 1"
    )
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1 and "Traceback" not in done.stderr
