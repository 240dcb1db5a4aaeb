"""The tab "Many texts" and the endpoint /batch: files of every kind, hostile ones too, and what comes back."""

import codecs
import csv
import io
import json
import random
import struct
import zipfile

import numpy as np
import openpyxl
import pyarrow as pa
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from hf_textclf import Classifier, LSTMForSequenceClassification
from hf_textclf.saved_model.seen_texts import SeenTexts
from tests.helpers.tiny import TEXTS, tiny_config, wordpiece_tokenizer

LABELS = ["sport", "weather", "film"]


@pytest.fixture(scope="module")
def space(app):
    """Imports a module of the Space."""
    return app


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    names = dict(enumerate(LABELS))
    config = tiny_config(
        problem_type="single_label_classification", id2label=names, label2id={v: k for k, v in names.items()}
    )
    path = tmp_path_factory.mktemp("models") / "tiny"
    LSTMForSequenceClassification(config).save_pretrained(path)
    wordpiece_tokenizer().save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def served(space, folder):
    return space("models").load([str(folder)])["tiny"]


@pytest.fixture
def write(tmp_path):
    """Write a file and return its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def workbook(rows, path):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def refusal(space, path):
    """The sentence that a visitor reads in place of a table."""
    tables = space("uploads")
    with pytest.raises(tables.Refused) as caught:
        tables.read_table(path)
    return space("i18n").say(caught.value.key, None, **caught.value.values)


HEADER, ROWS = ["text", "label"], [['a fine day, "sunny"', "weather"], ["+1+1", "sport"], ["雨", "film"]]


def as_csv(rows, **options):
    stream = io.StringIO()
    csv.writer(stream, **options).writerows(rows)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "encoding"),
    [
        ("a.csv", as_csv([HEADER, *ROWS]), "utf-8"),
        ("a.CSV", codecs.BOM_UTF8 + as_csv([HEADER, *ROWS]).encode(), "utf-8"),
        ("a.tsv", as_csv([HEADER, *ROWS], delimiter="\t").encode("utf-16"), "utf-16"),
        ("a.csv", as_csv([HEADER, *ROWS], delimiter=";"), "utf-8"),
        ("a.csv", as_csv([HEADER, *ROWS], delimiter="\t").encode("utf-16"), "utf-16"),
        ("a.csv", as_csv([HEADER, *ROWS]).encode("utf-32"), "utf-32"),
        ("a.csv", as_csv([HEADER, *ROWS]).encode("gb18030"), "gb18030"),
        ("a.jsonl", "\n".join(json.dumps(dict(zip(HEADER, row, strict=True))) for row in ROWS), "utf-8"),
    ],
)
def test_the_same_rows_from_every_format(space, write, name, content, encoding):
    table = space("uploads").read_table(write(name, content))
    assert table.rows == [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    assert (table.columns, table.encoding, table.guess()) == (HEADER, encoding, ("text", "label"))


def test_a_workbook(space, tmp_path):
    lines = [[], [*HEADER, "n", None], [], *([*row, 3] for row in ROWS), [None, "film", 0.5]]
    table = space("uploads").read_table(workbook(lines, tmp_path / "a.xlsx"))
    rows = [dict(zip([*HEADER, "n"], [*row, "3"], strict=True)) for row in ROWS]
    assert table.rows == [*rows, {"text": "", "label": "film", "n": "0.5"}]


def test_lines_of_a_txt_and_the_guess(space, write):
    read = space("uploads").read_table
    assert read(write("a.txt", "one\ntwo\n")).texts("text") == ["one", "two"]
    assert read(write("b.csv", "id,Rating,words\n1,5,so good\n2,1,so bad\n")).guess() == ("words", "Rating")
    # usual names, but nothing below them
    assert read(write("d.csv", "text,label,words\n,,so good\n ,,so bad\n")).guess() == ("words", None)
    assert read(write("e.csv", "text,label\n,\n")).guess() == ("text", "label")
    assert read(write("c.jsonl", '{"a": "x"}\n{"b": [1], "a": null}\n')).texts("a") == ["x", ""]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"text,label\n", "no rows"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), "NUL bytes"),
        ("a.txt", b"MZ\x90\0\x03\0\0\0", "NUL bytes"),
        ("a.csv", b"text\nhello\0world\n", "NUL bytes"),
        ("a.csv", codecs.BOM_UTF16_LE + b"a", "UTF-8"),
        ("a.csv", b"text\ncaf\xe9\xff\n", "UTF-8"),
        ("a.csv", ",".join(f"c{n}" for n in range(10_000)) + "\n" + "," * 9_999 + "\n", "more than 100 columns"),
        ("a.csv", "," * 2_000_000, "stands twice"),
        ("a.csv", "text\n" + "a\n" * 10_001, "more than 10,000 rows"),
        ("a.csv", "text\n" + "a" * 11 * 2**20, "larger than 10 MB"),
        ("a.csv", 'text,label\n"open,film\n', "not closed"),
        ("a.jsonl", "[" * 100_000, "nested too deep"),
        ("a.jsonl", '{"text": ' + "9" * 5000 + "}", "cannot be read"),
        ("a.jsonl", "".join(f'{{"c{n}": 1}}\n' for n in range(101)), "more than 100 columns"),
        ("a.exe", b"MZ", "expected .csv"),
        ("a.xlsx", b"PK\x03\x04 and so on", "no whole Excel workbook"),
        ("a.xlsx", b"text\nhello\n", "no whole Excel workbook"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_one_sentence_for_what_is_not_read(space, write, name, content, expected):
    path = write(name, content)
    said = refusal(space, path)
    assert expected in said and len(said.splitlines()) == 1 and len(said) < 300
    # no path of the server
    assert str(path.parent) not in said


def rezipped(source, target, changes, *, claim=None):
    """Copy a workbook with other parts; claim: the unpacked size that the directory gives for them."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, changes.get(name, old.read(name)))
    if claim is not None:
        data = bytearray(target.read_bytes())
        for name in changes:
            # the last occurrence is that of the central directory, 46 bytes behind the start of its entry
            at = data.rindex(name.encode()) - 46
            data[at + 24 : at + 28] = struct.pack("<I", claim)
        target.write_bytes(data)
    return target


def bomb(megabytes):
    return b"<worksheet><sheetData>" + b" " * (megabytes * 2**20) + b"</sheetData></worksheet>"


def test_a_zip_bomb(space, tmp_path):
    whole = workbook([HEADER, *ROWS], tmp_path / "whole.xlsx")
    sheet = "xl/worksheets/sheet1.xml"
    path = rezipped(whole, tmp_path / "bomb.xlsx", {sheet: bomb(200)})
    assert path.stat().st_size < 10**6
    assert "larger than 40 MB" in refusal(space, path)
    # few bytes of XML, much memory once it is parsed
    row = "<worksheet><sheetData><row>" + "<c/>" * 1_000_001 + "</row></sheetData></worksheet>"
    assert "too many cells" in refusal(space, rezipped(whole, tmp_path / "cells.xlsx", {sheet: row}))
    # a directory that lies is found out before much is unpacked
    path = rezipped(whole, tmp_path / "liar.xlsx", {sheet: bomb(200)}, claim=1000)
    assert "no whole Excel workbook" in refusal(space, path)


def test_entities_and_a_sheet_that_claims_to_be_endless(space, tmp_path):
    whole = workbook([HEADER, *ROWS], tmp_path / "whole.xlsx")
    sheet = "xl/worksheets/sheet1.xml"
    laughs = "<!DOCTYPE x [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 20}'>" for n in range(1, 12))
    cell = "<c t='inlineStr'><is><t>&a11;</t></is></c>"
    xml = f"{laughs}]><worksheet><sheetData><row>{cell}</row></sheetData></worksheet>"
    assert "no whole" in refusal(space, rezipped(whole, tmp_path / "laughs.xlsx", {sheet: xml}))
    row = '<row r="{0}"><c r="A{0}" t="inlineStr"><is><t>{1}</t></is></c></row>'
    cells = row.format(1, "text") + row.format(2, "hello") + row.format(999_999_999, "far")
    namespace = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    xml = f'<worksheet {namespace}><dimension ref="A1:XFD1048576"/><sheetData>{cells}</sheetData></worksheet>'
    table = space("uploads").read_table(rezipped(whole, tmp_path / "endless.xlsx", {sheet: xml}))
    assert table.rows == [{"text": "hello"}]


def test_workbooks_over_the_limits(space, tmp_path):
    assert "10,000 rows" in refusal(space, workbook([["text"], *[["a"]] * 10_001], tmp_path / "rows.xlsx"))
    wide = [[f"c{n}" for n in range(200)], ["a"] * 200]
    assert "100 columns" in refusal(space, workbook(wide, tmp_path / "columns.xlsx"))
    assert "the same name" in refusal(space, workbook([["a", "a"], ["b", "c"]], tmp_path / "twice.xlsx"))
    assert "empty" in refusal(space, workbook([], tmp_path / "empty.xlsx"))
    assert "no rows" in refusal(space, workbook([["text"]], tmp_path / "header.xlsx"))


def answered(space, served, texts):
    *_, answers = space("predictions").ask(served, texts)
    return answers


def test_answers_are_the_classifiers(space, served, folder):
    rng = random.Random(0)
    texts = [" ".join(rng.choices(TEXTS, k=rng.randint(1, 4))) for _ in range(150)]
    steps = [answers.done for answers in space("predictions").ask(served, texts)]
    assert steps == [64, 128, 150]
    answers = answered(space, served, [*texts, " ", "央行宣布下调存款准备金率", "word " * 3000])
    expected = Classifier(str(folder)).probabilities([*texts, "word " * 2000])
    np.testing.assert_allclose(answers.probabilities[answers.read], expected, atol=1e-6)
    assert [answers.joined[n] for n in answers.read] == [LABELS[n] for n in expected.argmax(1)]
    assert answers.left_out == {"many_empty": 1, "many_foreign": 1, "many_cut": 1}


def test_the_evaluation_is_scikit_learns(space, served, write):
    findings, tables = space("batch_report"), space("uploads")
    rng = random.Random(1)
    rows = [[rng.choice(TEXTS) + f" {n}", rng.choice(LABELS)] for n in range(90)]
    table = tables.read_table(write("a.csv", as_csv([HEADER, *rows, ["no label", ""], ["", "film"]])))
    answers = answered(space, served, table.texts("text"))
    evaluation = findings.evaluate(answers, table, "label", served.classifier)
    true, said = [row[1] for row in rows], answers.joined[:90]
    assert evaluation.rows == 90
    assert evaluation.metrics["accuracy"] == pytest.approx(accuracy_score(true, said))
    assert evaluation.metrics["macro_f1"] == pytest.approx(f1_score(true, said, average="macro"))
    np.testing.assert_array_equal(evaluation.matrix, confusion_matrix(true, said, labels=LABELS))
    assert "'no label' is unknown to the model" in findings.evaluate(
        answers, tables.read_table(write("b.csv", as_csv([["text", "l"], *[["a", "no label"]] * 92]))), "l",
        served.classifier,
    ).problem  # fmt: skip


def test_texts_that_the_model_was_trained_on_are_counted(space, served, folder, write):
    findings, tables = space("batch_report"), space("uploads")
    rows = [[f"{text} {n}", LABELS[n % 3]] for n, text in enumerate(TEXTS * 3)]
    table = tables.read_table(write("a.csv", as_csv([HEADER, *rows])))
    answers = answered(space, served, table.texts("text"))

    def shown():
        return findings.summary(answers, table, ["text", "label"], served.classifier, None)

    assert answers.read and "trained on" not in shown()
    known = pa.chunked_array([[rows[n][0] for n in answers.read[:2]]])
    SeenTexts.of(known, known).save(folder)
    try:
        assert "The model was trained on 2 texts of these" in shown()
    finally:
        (folder / "seen_texts.safetensors").unlink()


def test_the_part_of_a_large_matrix_with_most_mistakes(space):
    findings = space("batch_report")
    matrix = np.diag(np.arange(30))
    matrix[20, 25], matrix[7, 20] = 9, 5
    names, part = findings._most_confused([str(n) for n in range(30)], matrix)
    assert len(names) == 15 and {"7", "20", "25"} <= set(names) and part.sum() - np.trace(part) == 14
    shown = findings.matrix_table(
        findings.Evaluation(1, {}, ["<b>a", "c"], np.array([[1, 0], [2, 3]])), caption="<script>"
    )
    assert "<b>" not in shown and "<script>" not in shown and "&lt;b&gt;a" in shown


def test_the_download_holds_no_formula(space, served, write, tmp_path):
    findings, tables = space("batch_report"), space("uploads")
    texts = ["=HYPERLINK(1)", "+1", "-1", "@SUM", "\tx", "\rx", "＝1", "plain", ""]
    rows = [["=label", "label", "text"], *(["-2", "film", text] for text in texts)]
    table = tables.read_table(write("a.csv", as_csv(rows)))
    answers = answered(space, served, table.texts("text"))
    target = tmp_path / "answers.csv"
    tables.write_download(target, *findings.extended(answers, table, served.classifier))
    assert target.read_bytes().startswith(codecs.BOM_UTF8)
    with open(target, encoding="utf-8-sig", newline="") as stream:
        back = list(csv.reader(stream))
    added = ["predicted_label", "score", *(f"probability_{name}" for name in LABELS)]
    assert back[0] == ["'=label", "label", "text", *added]
    assert [row[2].removeprefix("'") for row in back[1:]] == texts
    assert not any(cell.startswith(tables.FORMULA) for row in back for cell in row)
    assert [row[3] for row in back[1:]] == [label or "" for label in answers.joined]


def test_the_least_confident_come_first(space, served):
    texts = [*TEXTS, "x" * 300]
    answers = answered(space, served, texts)
    headers = ["label", "confidence", "text", "row"]
    shown = space("batch_report").listed(answers, texts, served.classifier, headers, none="-")
    assert list(shown["confidence"]) == sorted(shown["confidence"]) and sorted(shown["row"]) == list(range(1, 8))
    assert shown[shown["row"] == 7]["text"].item() == "x" * 200 + "…"


def test_texts_without_a_label_and_a_label_with_a_semicolon(space, tmp_path):
    torch.manual_seed(0)
    names = {0: "a;b", 1: "a"}
    config = tiny_config(
        problem_type="multi_label_classification", id2label=names, label2id={v: k for k, v in names.items()}
    )
    model = LSTMForSequenceClassification(config)
    model.save_pretrained(tmp_path / "tiny")
    wordpiece_tokenizer().save_pretrained(tmp_path / "tiny")
    classifier = space("models").load([str(tmp_path / "tiny")])["tiny"].classifier
    findings, Predictions = space("batch_report"), space("predictions").Predictions
    answers = Predictions([["a;b"], [], None, ["a;b", "a"]], np.zeros(4), np.zeros((4, 2), np.float32))
    assert findings.counts(answers, classifier, none="–") == {"a;b": 2, "–": 1, "a": 1}
    shown = findings.listed(answers, list("wxyz"), classifier, ["label", "confidence", "text", "row"], none="–")
    assert list(shown["label"]) == ["a;b", "–", "a;b;\u2009a"]
    assert answers.joined == ["a;b", "", None, "a;b;a"]


def test_one_and_many(space):
    say, Count = space("i18n").say, space("uploads").Count
    assert say("many_read", None, rows=Count(1), columns=Count(1)) == "1 row, 1 column."
    assert say("many_read", None, rows=Count(2000), columns=Count(2)) == "2,000 rows, 2 columns."


def test_the_endpoint(space, served, folder):
    answers = space("predictions")
    models = {"tiny": served}
    *working, said = answers.batch(models, [TEXTS[0], "", TEXTS[1]])
    assert working == [[]]
    expected = Classifier(str(folder))([TEXTS[0], TEXTS[1]])
    for row, prediction in zip([said[0], said[2]], expected, strict=True):
        assert row["label"] == prediction.label
        assert row["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-6)
    assert said[1] == {"label": None, "score": None, "probabilities": {}}
    for texts, model, match in [
        ([], None, "no texts"), ("text", None, "no texts"), ([1], None, "no texts"),
        (["a"] * 10_001, None, "10,000"), (["a"], "/etc", "no such model"), (["a"], ["tiny"], "no such model"),
    ]:  # fmt: skip
        with pytest.raises(Exception, match=match):
            list(answers.batch(models, texts, model))
