"""No file with a visitor's text outlives its visitor, its age or the page, whatever ends them."""

import os
import re
import shutil
import signal
import socket
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from .conftest import SPACE

SECRET = "quokka7731"
TEXTS = "text,sentiment\n" + f"A good and sunny day {SECRET},positive\n" * 40
# the page with files that get old after seconds
HURRIED = f"""
import runpy, sys
sys.path.insert(0, {str(SPACE)!r})
import visitor_files
visitor_files.MAX_AGE, visitor_files.EVERY = 8, 0.5
runpy.run_path({str(SPACE / "app.py")!r}, run_name="__main__")
"""


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """All places where a page may put files: Gradio's folder, and that of the system."""
    for variable in ("GRADIO_TEMP_DIR", "TMPDIR"):
        (tmp_path / variable).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / variable))
    return tmp_path


@pytest.fixture
def page(serve, models, disk):
    return serve(models["first"])


def with_text(disk):
    """The names of the files that hold a visitor's text."""
    held = []
    for path in disk.rglob("*"):
        try:
            if path.is_file() and SECRET.encode() in path.read_bytes():
                held.append(path.name)
        except FileNotFoundError:
            continue
    return sorted(held)


def eventually(disk, expected, *, seconds=10):
    deadline = time.monotonic() + seconds
    while with_text(disk) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    assert with_text(disk) == expected


def body(content, name="texts.csv"):
    head = f'--cut\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n--cut--\r\n"


def send(page, content=TEXTS, name="texts.csv"):
    """Upload a file as programs do."""
    headers = {"Content-Type": "multipart/form-data; boundary=cut"}
    request = urllib.request.Request(f"{page.address}gradio_api/upload", body(content.encode(), name), headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def send_half(page):
    """Break the connection in the middle of an upload."""
    whole = body(TEXTS.encode() * 100)
    port = int(re.search(r":(\d+)/", page.address)[1])
    head = f"Host: 127.0.0.1:{port}\r\nContent-Type: multipart/form-data; boundary=cut\r\nContent-Length: {len(whole)}"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"POST /gradio_api/upload HTTP/1.1\r\n{head}\r\n\r\n".encode() + whole[: len(whole) // 2])
        time.sleep(0.5)


def stop(page, number):
    page.process.send_signal(number)
    page.process.wait(timeout=60)


def open_many(visit, page):
    tab = visit(page.address)
    tab.get_by_role("tab").nth(2).click()
    return tab


def give(tab, path, expected):
    tab.set_input_files("#many input[type=file]", path)
    says(tab, expected)


def says(tab, expected):
    tab.wait_for_function(f"document.querySelector('#many-status').innerText.includes({expected!r})")


def classify(tab):
    tab.get_by_role("button", name="Classify").click()
    tab.wait_for_selector("#many-summary .matrix", timeout=60_000)


@pytest.fixture
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("sent") / "texts.csv"
    path.write_text(TEXTS)
    return path


@pytest.mark.slow
def test_removed_replaced_refused_and_left(visit, page, disk, texts):
    tab = open_many(visit, page)
    give(tab, texts, "40 rows")
    classify(tab)
    eventually(disk, ["answers.csv", "texts.csv"])
    # there until it is made again
    for _ in range(2):
        with tab.expect_download() as download:
            tab.get_by_text("Download as csv").click()
        assert download.value.path().read_text(encoding="utf-8-sig").count(SECRET) == 40
    classify(tab)
    eventually(disk, ["answers.csv", "texts.csv"])
    tab.get_by_label("Clear").first.click()
    eventually(disk, [])
    tab.wait_for_selector("#many-summary", state="hidden")

    refused = {
        "x.pdf": "This kind of file", "answers": "This kind of file", "binary.csv": "NUL bytes", "no.xlsx": "workbook",
    }  # fmt: skip
    for name, expected in refused.items():
        give(tab, texts, "40 rows")
        classify(tab)
        other = texts.with_name(name)
        other.write_bytes(TEXTS.encode() + b"\0")
        tab.get_by_label("Clear").first.click()
        tab.wait_for_selector("#many input[type=file]", state="attached")
        give(tab, other, expected)
        eventually(disk, [])

    # what another visitor sent too stays
    give(tab, texts, "40 rows")
    classify(tab)
    other = open_many(visit, page)
    give(other, texts, "40 rows")
    tab.get_by_label("Clear").first.click()
    eventually(disk, ["texts.csv"])
    classify(other)
    eventually(disk, ["answers.csv", "texts.csv"])
    # the page is closed
    other.close()
    eventually(disk, [])
    assert SECRET not in page.printed()


@pytest.mark.slow
def test_old_files(visit, serve, models, disk, texts):
    page = serve(models["first"], script=HURRIED)
    send(page)
    with pytest.raises(urllib.error.HTTPError, match="413"):
        send(page, SECRET * 1_200_000)
    send_half(page)
    assert len(with_text(disk)) == 2
    tab = open_many(visit, page)
    give(tab, texts, "40 rows")
    classify(tab)
    with tab.expect_download() as download:
        tab.get_by_text("Download as csv").click()
    assert download.value.path().read_text(encoding="utf-8-sig").count(SECRET) == 40
    eventually(disk, [], seconds=30)
    tab.get_by_role("button", name="Classify").click()
    says(tab, "no longer here")
    # the pictures of the cards are no visitors'
    assert [path for path in disk.rglob("*.png")]


@pytest.mark.slow
def test_programs_leave_nothing(page, disk):
    from gradio_client import Client, handle_file

    client = Client(page.address, verbose=False)
    said = client.predict([f"A good day {SECRET}"] * 100, api_name="/batch")
    assert len(said) == 100
    client.predict(f"A good day {SECRET}", api_name="/classify")
    assert with_text(disk) == []
    # a file where a text belongs: refused, and like every upload gone with the page
    (disk / "sent.txt").write_text(TEXTS)
    with pytest.raises(Exception, match="(?i)no text"):
        client.predict(handle_file(str(disk / "sent.txt")), api_name="/classify")
    (disk / "sent.txt").unlink()
    send(page)
    stop(page, signal.SIGHUP)
    assert with_text(disk) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_page_that_is_stopped(browser, page, disk, texts, name):
    (many := texts.with_name("many.txt")).write_text(f"a good and sunny day {SECRET}\n" * 10_000)
    # not by `visit`: these pages complain, rightly, when the server goes away
    tab, busy = browser.new_page(), browser.new_page()
    for each, path, expected in ((tab, texts, "40 rows"), (busy, many, "10,000 rows")):
        each.goto(page.address)
        each.get_by_role("tab").nth(2).click()
        give(each, path, expected)
    classify(tab)
    # in the middle of another file, with the page open
    busy.get_by_role("button", name="Classify").click()
    assert {"answers.csv", "many.txt", "texts.csv"} <= {*with_text(disk)}
    stop(page, getattr(signal, name))
    assert with_text(disk) == [] and not [*disk.rglob("hf-textclf-page-*")]
    tab.close()
    busy.close()
    assert page.process.returncode == 0 and "Traceback" not in page.printed() and SECRET not in page.printed()


@pytest.mark.slow
def test_a_page_that_was_killed(serve, page, models, disk):
    send(page)
    stop(page, signal.SIGKILL)
    assert with_text(disk) == ["texts.csv"]
    # a page that starts leaves the folders of others alone while they live or are young
    living = serve(models["first"])
    send(living, name="living.csv")
    assert with_text(disk) == ["living.csv", "texts.csv"]
    for each in (disk / "GRADIO_TEMP_DIR").iterdir():
        os.utime(each, (1, 1))
    last = serve(models["first"])
    eventually(disk, ["living.csv"])
    for running in (living, last):
        stop(running, signal.SIGTERM)
    assert with_text(disk) == [] and not [*disk.rglob("hf-textclf-page-*")]


def test_files_of_visitors(app, tmp_path, monkeypatch):
    files = app("visitor_files")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(files, "_held", type(files._held)(set))
    monkeypatch.setattr(files, "_of_the_page", {tmp_path / "of_the_page.png"})
    one, two = (SimpleNamespace(session_hash=name) for name in "ab")
    for name in ("of_the_page.png", "shared.csv", "old.csv"):
        (tmp_path / name).write_text(SECRET)
        files.keep(tmp_path / name, one)
    files.keep(tmp_path / "shared.csv", two)
    download = files.new_download("answers.csv", one)
    download.write_text(SECRET)
    assert files.new_download("answers.csv", two) != download
    files.delete(one, but=tmp_path / "old.csv")
    assert with_text(tmp_path) == ["of_the_page.png", "old.csv", "shared.csv"]
    files.delete(one)
    files.delete(two)
    assert with_text(tmp_path) == ["of_the_page.png"] and not files._held

    (tmp_path / "new.csv").write_text(SECRET)
    files._delete_older(tmp_path)
    assert with_text(tmp_path) == ["new.csv", "of_the_page.png"]
    monkeypatch.setattr(files, "MAX_AGE", -1)
    files._delete_older(tmp_path)
    files._delete_older(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["of_the_page.png"]
    # nothing is made again after the end
    shutil.rmtree(tmp_path)
    with pytest.raises(FileNotFoundError):
        files.new_download("answers.csv", one)
