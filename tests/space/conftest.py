"""The Space as a visitor and a client meet it: real processes with small models, a real browser."""

import importlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from hf_textclf.cli.main import main
from hf_textclf.files import bundled

SPACE = bundled("spaces_app")
# tiny, and trained for long enough that it answers as a model would
TRAIN = """
tokenizer_type: word
vocab_size: 901
embedding_size: 33
hidden_size: 17
max_length: 40
max_steps: 60
per_device_train_batch_size: 32
learning_rate: 1e-2
disable_tqdm: true
load_best_model_at_end: false
train_sampling_strategy: random
seed: 42
"""
OPINIONS, NEWS = ["--dataset", "samples/opinions_en"], ["--dataset", "samples/news_zh"]
MODELS = {
    "first": [*OPINIONS, "--label_column", "sentiment"],
    "second": [*OPINIONS, "--label_column", "sentiment", "--seed", "7", "--pooling", "mean"],
    "topics": [*NEWS, "--label_column", "topics", "--label_separator", ";", "--max_steps", "200"],
    "rating": [*OPINIONS, "--label_column", "rating", "--problem_type", "regression"],
}


def required(module):
    """Skip the tests where a package is not installed; on the build machine that is a failure."""
    if importlib.util.find_spec(module) is None and not os.environ.get("CI"):
        pytest.skip(f"{module} is not installed", allow_module_level=True)


required("gradio")


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Name -> folder of finished models, which no test may change: two for opinions, several labels, a number."""
    root = tmp_path_factory.mktemp("models")
    (root / "train.yaml").write_text(TRAIN)
    for name, flags in MODELS.items():
        assert main(["train", "--config", str(root / "train.yaml"), "--output_dir", str(root / name), *flags]) == 0
    assert main(["calibrate", str(root / "topics")]) == 0
    # figures with intervals and pictures, of one of the two
    assert main(["card", str(root / "first"), "--costs", "true"]) == 0
    return {name: root / name for name in MODELS}


@pytest.fixture(scope="session")
def app():
    """The modules of the Space, as its scripts import them."""
    sys.path.insert(0, str(SPACE))
    yield importlib.import_module
    sys.path.remove(str(SPACE))


@dataclass
class Running:
    """A page that is being served, and all that it has printed."""

    address: str
    log: Path
    process: subprocess.Popen

    def printed(self):
        return self.log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Start `hf-textclf page` with these arguments, or a script with them; ended after the last test of the module."""
    running = []

    def start(*arguments, script=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = tmp_path_factory.mktemp("log") / "output.txt"
        settings = {"GRADIO_SERVER_PORT": str(port), "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        program = ["-c", script] if script else ["-m", "hf_textclf.cli", "page"]
        command = [sys.executable, *program, *map(str, arguments)]
        with open(log, "wb") as output:
            process = subprocess.Popen(command, env=os.environ | settings, stdout=output, stderr=subprocess.STDOUT)
        running.append(Running(f"http://127.0.0.1:{port}/", log, process))
        wait_for(running[-1])
        return running[-1]

    yield start
    for server in running:
        server.process.terminate()
        server.process.wait(timeout=30)


def wait_for(server, *, seconds=180):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert server.process.poll() is None, f"it ended with {server.process.returncode}: {server.printed()}"
        try:
            with urllib.request.urlopen(server.address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"no answer within {seconds} s: {server.printed()}")


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; a skip says what is missing, on the build machine that is a failure."""
    required("playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("google-chrome") or playwright.chromium.executable_path
        if not Path(found).exists() and not os.environ.get("CI"):
            pytest.skip("no Chromium: apt-get install chromium, or playwright install chromium")
        chromium = playwright.chromium.launch(executable_path=found)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory):
    """The folder of the pictures; pytest keeps those of the last runs."""
    return tmp_path_factory.mktemp("screenshots")


@pytest.fixture
def visit(browser):
    """Open an address as a visitor would; at the end no page may have complained or called another host."""
    contexts, complaints, requests = [], [], []

    def open_page(address, *, size=(1280, 800), **settings):
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce", **settings
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        # a page that is left aborts what Gradio has asked for and not got yet
        page.on("pageerror", lambda error: "AbortError" in str(error) or complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request))
        page.goto(address)
        page.wait_for_selector("#results .card", state="attached")
        page.sent = requests
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints
    hosts = {request.url.split("/")[2] for request in requests if request.url.startswith("http")}
    assert all(host.startswith("127.0.0.1:") for host in hosts), hosts
