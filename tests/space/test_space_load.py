"""The Space under load and abuse: many clients, clients that leave, calls that fail."""

import threading
import time
import traceback
import urllib.error
import urllib.request

import pandas as pd
import psutil
import pytest

from hf_textclf import Classifier
from hf_textclf.files import SAMPLES
from tests.benchmarks.space_load import call, join, load, megabytes

pytestmark = pytest.mark.slow

# stands in every text that a test sends, and must never stand in a log
SECRET = "quokka7731"
TEXTS = [f"{text} {SECRET}" for text in pd.read_csv(SAMPLES / "opinions_en" / "test.csv").text]


@pytest.fixture(scope="module")
def space(serve, models):
    server = serve(models["first"], models["second"])
    yield server
    # after everything that this file has sent
    assert SECRET not in server.printed() and "Traceback" not in server.printed(), server.printed()


def test_many_clients_at_once(space):
    seconds, errors = load(space.address, TEXTS, clients=32, requests=5)
    assert not errors and len(seconds) == 160


def test_memory_comes_back(space):
    load(space.address, TEXTS, clients=8, requests=25)
    before = megabytes(space.process)
    _, errors = load(space.address, TEXTS, clients=8, requests=125)
    assert not errors
    assert megabytes(space.process) < 1.1 * before


def test_a_client_that_leaves_ends_its_job(space):
    texts = [4 * text for text in TEXTS for _ in range(100)][:10_000]
    process = psutil.Process(space.process.pid)

    def used():
        return sum(process.cpu_times()[:2])

    start = used()
    whole = call(space.address, "batch", texts, None)
    needed = used() - start
    assert len(whole) == len(texts)

    start = used()
    stream = urllib.request.urlopen(join(space.address, "batch", texts, None), timeout=60)
    stream.read(1)
    stream.close()
    # until the process rests, as it does when the job has ended
    rests = False
    while not rests:
        before = used()
        time.sleep(1)
        rests = used() - before < 0.1
    assert used() - start < 0.5 * needed
    assert call(space.address, "classify", TEXTS[0], None)


def test_others_are_served_beside_a_large_batch(space, models):
    answers = []
    batch = threading.Thread(target=lambda: answers.append(call(space.address, "batch", TEXTS * 50, "second")))
    batch.start()
    seconds, errors = load(space.address, TEXTS, clients=4, requests=3)
    assert not errors and max(seconds) < 5
    batch.join()
    expected = Classifier(str(models["second"]), device="cpu")(TEXTS)
    assert [row["label"] for row in answers[0][: len(TEXTS)]] == [prediction.label for prediction in expected]


@pytest.mark.parametrize(
    ("endpoint", "data", "said"),
    [
        ("classify", [SECRET], "null"),
        ("classify", [SECRET, SECRET], "no such model"),
        ("classify", [{SECRET: 1}, None], "no text"),
        ("batch", [SECRET, None], "no texts"),
        ("batch", [[SECRET, 1], None], "no texts"),
        ("batch", [[SECRET] * 10_001, None], "10,000"),
        ("batch", [[SECRET], "../../etc"], "no such model"),
    ],
)
def test_a_call_that_fails_says_why_and_leaves_no_trace(space, endpoint, data, said):
    with pytest.raises(RuntimeError, match=said):
        call(space.address, endpoint, *data)


def test_an_upload_over_the_limit(space):
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\n' + b"a" * 11 * 2**20
    address, header = f"{space.address.rstrip('/')}/gradio_api/upload", "multipart/form-data; boundary=x"
    request = urllib.request.Request(address, body + b"\r\n--x--", {"Content-Type": header})
    with pytest.raises(urllib.error.HTTPError, match="413"):
        urllib.request.urlopen(request, timeout=60)
    assert call(space.address, "classify", TEXTS[0], None)


def test_nothing_is_remembered_once_it_is_answered(app, models, monkeypatch):
    # what it changes in Gradio goes back after the test
    monkeypatch.setattr("traceback.print_exc", traceback.print_exc)
    monkeypatch.setattr("gradio.state_holder.SessionState._update_value_in_config", None)
    page = app("app").build(app("models").load([str(models["first"])]))
    app("app").protect_visitors()
    page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False)
    try:
        assert call(page.local_url, "classify", SECRET, None)["first"]["label"]
        assert len(call(page.local_url, "batch", [SECRET], None)) == 1
        sessions = page.state_holder.session_data.values()
        assert len(sessions) == 2 and not any(SECRET in str(vars(session)) for session in sessions)
    finally:
        page.close()
