"""The tab "Many texts" in a real browser: from a file to a table and a download, and what is left of it."""

import csv
import os
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from hf_textclf import Classifier
from hf_textclf.files import SAMPLES

pytestmark = pytest.mark.slow

SECRET = "quokka7731"
MARKUP = f"<img src=x onerror=\"document.title='owned'\"> ![x](https://example.com/x.png) {SECRET}"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The folder in which Gradio keeps files."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def space(serve, models, kept):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(kept))
        server = serve(models["first"], models["topics"], models["rating"])
    yield server
    assert SECRET not in server.printed() and "Traceback" not in server.printed(), server.printed()


@pytest.fixture(scope="module")
def opinions(tmp_path_factory):
    """A workbook with labels, one text of markup, and a formula."""
    rows = pd.read_csv(SAMPLES / "opinions_en" / "test.csv")[["text", "sentiment"]].values.tolist()
    book = openpyxl.Workbook()
    for row in [["text", "sentiment"], *rows, [MARKUP, None], ["-1+1 is nothing I would call good", None]]:
        book.active.append(row)
    path = tmp_path_factory.mktemp("files") / "opinions.xlsx"
    book.save(path)
    return path


def open_tab(visit, space, **settings):
    page = visit(space.address, **settings)
    page.get_by_role("tab").nth(2).click()
    return page


def upload(page, path, expected):
    """Give a file to the page and wait for what it says of it."""
    page.set_input_files("#many input[type=file]", path)
    page.wait_for_function(f"document.querySelector('#many-status').innerText.includes({expected!r})")


def remove(page):
    page.get_by_label("Clear").first.click()
    page.wait_for_selector("#many input[type=file]", state="attached")
    page.wait_for_timeout(500)


def shown(page, column):
    """A column of the table, as far as it is drawn."""
    page.wait_for_timeout(500)
    return [cell.inner_text().strip() for cell in page.locator(f"#many [role=gridcell][data-col='{column}']").all()]


def uploads(kept):
    return [path for path in kept.rglob("*") if path.suffix in (".xlsx", ".csv") and path.name != "answers.csv"]


def test_from_a_workbook_to_a_download(visit, space, models, opinions, kept, screenshots, tmp_path):
    page = open_tab(visit, space)
    count = len(openpyxl.load_workbook(opinions).active["A"]) - 1
    upload(page, opinions, f"{count} rows, 2 columns.")
    page.get_by_role("button", name="Classify").click()
    page.wait_for_selector("#many-summary .matrix", timeout=60_000)

    texts = [row[0] for row in openpyxl.load_workbook(opinions).active.iter_rows(min_row=2, values_only=True)]
    said = Classifier(str(models["first"]), device="cpu")(texts)
    confident = sorted(range(count), key=lambda n: said[n].score)
    assert shown(page, 1)[:5] == [f"{said[n].score:.4f}".rstrip("0") for n in confident[:5]]
    with page.expect_download() as download:
        page.get_by_text("Download as csv").click()
    download.value.save_as(tmp_path / "answers.csv")
    with open(tmp_path / "answers.csv", encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["label"] for row in rows] == [prediction.label for prediction in said]
    assert rows[-1]["text"] == f"'{texts[-1]}"
    page.screenshot(path=screenshots / "many_workbook.png", full_page=True)

    page.get_by_label("Show the label").click()
    page.get_by_role("option", name="positive").click()
    most = page.locator("#many input[type=number]")
    most.fill("0.6")
    most.press("Enter")
    unsure = [n for n in confident if said[n].label == "positive" and said[n].score <= 0.6]
    assert shown(page, 3) == [str(n + 1) for n in unsure][: len(shown(page, 3))]
    assert set(shown(page, 0)) == {"positive"}
    assert page.title() == "hf_textclf"
    # the file is there for another model until it is removed
    assert [path.name for path in uploads(kept)] == ["opinions.xlsx"]
    page.get_by_role("radio", name="rating").click()
    page.get_by_role("button", name="Classify").click()
    page.wait_for_function("document.querySelector('#many-status').innerText.includes('by rating')")
    remove(page)
    assert uploads(kept) == [] and not page.is_visible("#many-summary")


def test_in_the_dark_in_chinese_and_on_a_phone(visit, space, opinions, screenshots):
    for name, settings in {
        "dark": {"color_scheme": "dark", "locale": "zh-CN"},
        "phone": {"size": (390, 844), "locale": "zh-CN", "has_touch": True},
    }.items():
        page = open_tab(visit, space, **settings)
        upload(page, opinions, "2 列")
        page.get_by_role("button", name="开始分类").click()
        page.wait_for_selector("#many-summary .matrix", timeout=60_000)
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.screenshot(path=screenshots / f"many_{name}.png", full_page=True)


def test_several_labels_and_numbers(visit, space, models, screenshots, tmp_path):
    rows = pd.read_csv(SAMPLES / "news_zh" / "test.csv")[["text", "topics"]]
    rows.to_csv(tmp_path / "news.csv", index=False, encoding="gb18030")
    page = open_tab(visit, space)
    upload(page, tmp_path / "news.csv", "Read as GB18030.")
    page.get_by_label("Column with the labels, if any").click()
    page.get_by_role("option", name="topics").click()
    page.get_by_role("radio", name="topics").click()
    page.get_by_role("button", name="Classify").click()
    page.wait_for_function("document.querySelector('#many-summary')?.innerText.includes('subset_accuracy')")
    page.screenshot(path=screenshots / "many_topics.png", full_page=True)
    said = [answer.label for answer in Classifier(str(models["topics"]), device="cpu")(rows["text"].tolist())]
    several = next(labels for labels in said if len(labels) > 1)
    for chosen, expected in [
        (several[1], [n for n, labels in enumerate(said, 1) if several[1] in labels]),
        ("none of the labels", [n for n, labels in enumerate(said, 1) if not labels]),
    ]:
        assert not expected or f"{chosen}\t{len(expected)}\t" in page.inner_text("#many-summary .counts")
        page.get_by_label("Show the label").click()
        page.get_by_role("option", name=chosen).click()
        drawn = [int(row) for row in shown(page, 3)]
        assert set(drawn) <= set(expected) and bool(drawn) == bool(expected)
    # an English model: said instead of a number, and the results of the other model are gone
    page.get_by_role("radio", name="rating").click()
    page.get_by_role("button", name="Classify").click()
    page.wait_for_function("document.querySelector('#many-status').innerText.includes('cannot read any row')")
    assert not page.is_visible("#many-summary")


def test_files_that_are_not_read(visit, space, opinions, kept, tmp_path):
    page, before = open_tab(visit, space), uploads(kept)
    for name, content, expected in [
        ("picture.csv", b"\x89PNG\r\n\x1a\n\0\0", "NUL bytes"),
        ("wide.csv", ",".join(map(str, range(10_000))).encode() + b"\n" + b"," * 9_999, "more than 100 columns"),
        ("long.txt", b"word\n" * 10_001, "more than 10,000 rows"),
        ("empty.csv", b"text\n", "no rows"),
        ("no.xlsx", b"PK\x03\x04", "no whole Excel workbook"),
        ("large.csv", b"text\n" + b"a" * 11 * 2**20, "larger than 10 MB"),
    ]:
        (tmp_path / name).write_bytes(content)
        upload(page, tmp_path / name, expected)
    assert uploads(kept) == before
    # and the page goes on
    upload(page, opinions, "2 columns")
    page.get_by_role("button", name="Classify").click()
    page.wait_for_selector("#many-summary .matrix", timeout=60_000)
    # results are not shown under another file, be it refused
    for name, expected in {"empty.csv": "no rows", "large.csv": "larger than 10 MB"}.items():
        remove(page)
        upload(page, tmp_path / name, expected)
        page.wait_for_selector("#many-summary", state="hidden")
        upload(page, opinions, "2 columns")
        page.get_by_role("button", name="Classify").click()
        page.wait_for_selector("#many-summary .matrix", timeout=60_000)
    # what is too large was not sent
    assert not any(len(request.post_data_buffer or b"") > 10**6 for request in page.sent)


def test_stop(visit, space, kept, screenshots, tmp_path):
    (tmp_path / "long.txt").write_text(f"a good and sunny day {SECRET}\n" * 10_000)
    page = open_tab(visit, space)
    upload(page, tmp_path / "long.txt", "10,000 rows")
    page.get_by_role("button", name="Classify").click()
    page.wait_for_timeout(700)
    page.screenshot(path=screenshots / "many_progress.png", full_page=True)
    page.get_by_role("button", name="Stop").click()
    page.wait_for_function("document.querySelector('#many-status').innerText.includes('Stopped.')")
    page.wait_for_timeout(1000)
    assert not page.is_visible("#many-summary")
    remove(page)
    assert [path for path in kept.rglob("*.txt") if os.path.getsize(path)] == []
    assert not Path(kept / "long.txt").exists()
