"""Which models a page serves, and what it says when there are none."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec

import pytest
import yaml

from hf_textclf import Classifier, UserError
from hf_textclf.cli.main import main
from hf_textclf.files import bundled
from hf_textclf.inference.predictor import NOTICES

SPACE = bundled("spaces_app")


@pytest.fixture
def load(app):
    return app("models").load


def test_models_go_by_their_folders_names(load, models, tmp_path):
    same_name = shutil.copytree(models["second"], tmp_path / "first")
    served = load([f"{models['first']}/", str(models["second"]), str(same_name)])
    assert list(served) == ["first", "second", str(same_name)]


def test_models_are_loaded_once_and_late(load, models):
    served = load([str(models["first"]), str(models["second"])])
    assert served["first"].is_loaded and not served["second"].is_loaded
    # what the page shows of a model before anybody asks it
    assert served["second"].label_names == ["negative", "neutral", "positive"]
    assert not served["second"].is_loaded
    assert served["second"].classifier is served["second"].classifier
    [said], milliseconds = served["second"].classify(["Good coffee."])
    assert said == Classifier(str(models["second"]))(["Good coffee."])[0] and milliseconds > 0


def test_models_that_cannot_be_read(load, tmp_path):
    with pytest.raises(UserError, match=str(tmp_path)):
        load([str(tmp_path)])
    with pytest.raises(UserError, match="'/nope'"):
        load(["/nope"])
    # a branch is no pin; a commit that cannot be fetched is one line
    with pytest.raises(UserError, match="COMMIT"):
        load(["owner/name@main"])
    with pytest.raises(UserError, match="cannot be fetched"):
        load([f"owner/name@{'a' * 40}"])


def test_which_models_are_named(app, monkeypatch, tmp_path):
    serving = app("models")
    listed = tmp_path / "models.txt"
    listed.write_text("owner/a@1\n/my models/b\n")
    monkeypatch.setattr(serving, "LISTED", listed)
    monkeypatch.delenv("MODELS", raising=False)
    assert serving.named_models([]) == ["owner/a@1", "/my models/b"]
    monkeypatch.setenv("MODELS", "c d")
    assert serving.named_models([]) == ["c", "d"]
    assert serving.named_models(["e"]) == ["e"]


def test_half_an_emoji_is_a_replacement_character(app):
    assert app("predictions").readable("news \ud83d").text == "news \ufffd"


def test_a_linear_model_on_the_page(app, load, tmp_path):
    flags = ["--model_type", "maxent", "--dataset", "samples/opinions_en", "--label_column", "sentiment"]
    assert main(["train", *flags, "--output_dir", str(tmp_path / "model")]) == 0
    served = load([str(tmp_path / "model")])
    app("app")
    [[prediction], _] = served["model"].classify(["央行宣布下调存款准备金率"])
    assert not app("predictions").is_foreign(prediction)
    *_, page = app("tab_compare").compare(served, "Great service.", ["model"], None)
    assert page.count("<tr class") == 3 and page.count('class="chosen"') == 1


def test_names_of_labels_are_text(app, load, models, tmp_path):
    folder = shutil.copytree(models["first"], tmp_path / "<i>odd")
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace("neutral", "<b>neutral</b>"))
    app("app")
    served = load([str(folder)])
    *_, page = app("tab_compare").compare(served, "Great service.", list(served), None)
    assert "&lt;b&gt;neutral&lt;/b&gt;" in page and "<b>neutral" not in page and "<i>odd" not in page


def test_every_text_in_both_languages(app):
    app("app")
    words = app("i18n").WORDS
    assert words["en"].keys() == words["zh"].keys() and len(words["en"]) > 100
    for key, english in words["en"].items():
        named = [set(re.findall(r"{(\w+)", text)) for text in (english, words["zh"][key])]
        assert named[0] == named[1], key


def test_every_text_is_used():
    """By its whole key, or by one that is put together, such as `why_` and the name of a gate."""
    code = "".join(path.read_text(encoding="utf-8") for path in sorted(SPACE.glob("*.py")))
    together = {f"why_{name}" for name in "for against input forget output forward backward".split()}
    by_value = {*NOTICES, "test", "validation", "train", "accuracy", "macro_f1", "mae"}
    for key in json.loads((SPACE / "i18n.json").read_text(encoding="utf-8"))["en"]:
        quoted = [f"{quote}{name}{quote}" for quote in "'\"" for name in (key, key.removeprefix("why_"))]
        assert key in together | by_value or any(name in code for name in quoted), key


# as ZeroGPU does it: one process for all calls, forked at the first, to and from which everything travels as bytes
LENDER = """
import multiprocessing, pickle

calls = []

def GPU(function):
    here, there = multiprocessing.Pipe()
    def work():
        while True:
            arguments = pickle.loads(there.recv_bytes())
            there.send_bytes(pickle.dumps(function(*arguments)))
    def lend(*arguments):
        if not calls:
            multiprocessing.get_context("fork").Process(target=work, daemon=True).start()
        calls.append(arguments)
        here.send_bytes(pickle.dumps(arguments))
        assert here.poll(60), "the process does not answer"
        return pickle.loads(here.recv_bytes())
    return lend
"""
ASK = """
import sys, models, predictions, tab_explain
served = models.load(sys.argv[1:])
assert not calls(), "a GPU was asked for before there was a page"
read = predictions.readable("Good coffee.")
for name, model in served.items():
    [said], _ = model.classify(["Good coffee."])
    print(f"{said.score:.4f}", tab_explain.explain([model], read, None, None)[name]["label"])
assert len(calls()) >= 4
"""
# the package of the Hub itself: its forks and queues are real, the GPU and who lends it are not
REAL = """
import os, sys, threading, types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

asked = []
GPU = b'{"idle": true, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "a"}'

class Lender(BaseHTTPRequestHandler):
    def do_POST(self):
        asked.append(self.path)
        body = GPU if self.path.startswith("/schedule") else b"{}"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Lender)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["SPACES_ZERO_DEVICE_API_URL"] = f"http://127.0.0.1:{server.server_port}"
# the part that takes hold of CUDA
device = types.ModuleType("spaces.zero.torch")
for name in ("enter_mode", "patch", "unpatch", "init", "move"):
    setattr(device, name, lambda *_, **__: None)
device.pack = device.size = device.is_in_bad_fork = lambda *_, **__: 0
sys.modules[device.__name__] = device
import spaces.zero.utils
spaces.zero.utils.self_cgroup_device_path = lambda: "/"
calls = lambda: [path for path in asked if path.startswith("/schedule")]
"""


def lent(models, tmp_path, script):
    """What a process prints that asks two models under ZeroGPU, and what it should print."""
    paths = os.pathsep.join([str(tmp_path), str(SPACE), os.environ.get("PYTHONPATH", "")])
    settings = os.environ | {"SPACES_ZERO_GPU": "true", "PYTHONPATH": paths}
    command = [sys.executable, "-c", script, str(models["first"]), str(models["second"])]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=180)
    answers = [Classifier(str(models[name]))(["Good coffee."])[0] for name in ("first", "second")]
    printed = [word for line in done.stdout.splitlines() if not line.startswith("SPACES_") for word in line.split()]
    return printed, [word for each in answers for word in (f"{each.score:.4f}", each.label)], done.stderr


@pytest.mark.slow
def test_where_gpus_are_lent(models, tmp_path):
    (tmp_path / "spaces.py").write_text(LENDER)
    printed, expected, errors = lent(models, tmp_path, "import spaces\ncalls = lambda: spaces.calls\n" + ASK)
    assert printed == expected, errors


@pytest.mark.slow
@pytest.mark.skipif(find_spec("spaces") is None, reason="the package `spaces` is not installed: pip install spaces")
def test_where_gpus_are_lent_by_the_package_of_the_hub(models, tmp_path):
    printed, expected, errors = lent(models, tmp_path, REAL + ASK)
    assert printed == expected, errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folders", "expected"),
    [([], "no model given"), (["/nope"], "'/nope'"), (["/nope", "--comparison", "/no"], "comparison.md")],
)
def test_a_mistake_at_the_start_is_one_line(folders, expected, monkeypatch):
    monkeypatch.delenv("MODELS", raising=False)
    command = [sys.executable, "-m", "hf_textclf.cli", "page", *folders]
    result = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1 and expected in result.stderr
    assert result.stdout == ""


def test_the_front_matter_and_the_pins_agree():
    front = yaml.safe_load(re.match(r"---\n(.*?)\n---\n", (SPACE / "README.md").read_text(), re.DOTALL)[1])
    pins = dict(line.split("==") for line in (SPACE / "requirements.txt").read_text().split())
    assert front["sdk"] == "gradio" and (SPACE / front["app_file"]).is_file()
    assert front["sdk_version"] == pins["gradio"]
    assert front["python_version"] == "3.11"
    assert len(front["short_description"]) <= 60
    # what runs there is what is tested here; torch adds the kind of machine to its version
    assert pins == {name: version(name).partition("+")[0] for name in pins}
