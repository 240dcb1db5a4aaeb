"""The Space as a visitor and a client meet it: a real process, spoken to over HTTP."""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from importlib.metadata import version

import pytest
import torch
import yaml
from tiny import tiny_config, wordpiece_tokenizer

from hf_textclf import Classifier, LSTMForSequenceClassification, UserError
from hf_textclf.cli import main
from hf_textclf.resources import bundled

# not imported here: that costs seconds in every run, whatever is selected. On the build machine a missing gradio fails
if importlib.util.find_spec("gradio") is None and not os.environ.get("CI"):
    pytest.skip("gradio is not installed", allow_module_level=True)

SPACE = bundled("spaces_app")
# stands in every text that a test sends, and must never stand in a log
SECRET = "quokka7731"
TEXTS = {
    "english": f"The committee postponed its vote, {SECRET} said.",
    "chinese": f"央行宣布下调存款准备金率 {SECRET}",
    "html": f"<script>alert('{SECRET}')</script><b>bold</b> & co",
}


def environment(**changes):
    return {name: value for name, value in os.environ.items() if name != "MODELS"} | changes


@pytest.fixture(scope="module")
def app():
    spec = importlib.util.spec_from_file_location("space_app", SPACE / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two tiny models whose vocabulary is English."""
    root = tmp_path_factory.mktemp("models")
    for seed, name in enumerate(["first", "second"]):
        torch.manual_seed(seed)
        model = LSTMForSequenceClassification(tiny_config(problem_type="single_label_classification"))
        model.save_pretrained(root / name)
        wordpiece_tokenizer().save_pretrained(root / name)
    return [str(root / "first"), str(root / "second")]


@pytest.fixture(scope="module")
def space(folders, tmp_path_factory):
    """The address of the running app, and the file with all that it has printed."""
    log = tmp_path_factory.mktemp("log") / "output.txt"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = environment(GRADIO_SERVER_PORT=str(port), PYTHONUNBUFFERED="1", PYTHONIOENCODING="utf-8")
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(SPACE / "app.py"), *folders], env=settings, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/", process, log)
        yield f"http://127.0.0.1:{port}/", log
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(address, process, log, *, seconds=180):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the app ended with {process.returncode}: {log.read_text()}"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"the app did not answer within {seconds} s: {log.read_text()}")


@pytest.mark.slow
def test_the_endpoint_over_http(app, space, folders):
    from gradio_client import Client
    from gradio_client.exceptions import AppError

    address, log = space
    client = Client(address, verbose=False)
    models = {"first": Classifier(folders[0], device="cpu"), "second": Classifier(folders[1], device="cpu")}

    api = client.view_api(return_format="dict", print_info=False)
    assert list(api["named_endpoints"]) == ["/classify"] and not api["unnamed_endpoints"]

    too_long = f"{SECRET} " * app.MAX_CHARACTERS
    for sent, read in [*((text, text) for text in TEXTS.values()), (too_long, too_long[: app.MAX_CHARACTERS])]:
        answer = client.predict(sent, api_name="/classify")
        assert list(answer) == ["first", "second"]
        for name, model in models.items():
            assert answer[name] == pytest.approx(model([read])[0].probabilities, abs=1e-6)
    assert answer["first"] != pytest.approx(answer["second"], abs=1e-3)

    for empty in ("", " \n\t", None, [SECRET]):
        with pytest.raises(AppError, match="There is no text"):
            client.predict(empty, api_name="/classify")

    # the app goes on, and has kept its mouth shut
    assert client.predict(TEXTS["english"], api_name="/classify")
    printed = log.read_text(encoding="utf-8")
    assert address.rstrip("/") in printed
    assert SECRET not in printed and "央行" not in printed and "Traceback" not in printed, printed


@pytest.mark.slow
@pytest.mark.parametrize(("models", "expected"), [("", "no model given"), ("/nope", "'/nope'")])
def test_a_mistake_at_the_start_is_one_line(models, expected):
    command = [sys.executable, str(SPACE / "app.py")]
    result = subprocess.run(command, env=environment(MODELS=models), capture_output=True, text=True, timeout=180)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1 and expected in result.stderr
    assert result.stdout == ""


def test_models_go_by_their_folders_names(app, folders, tmp_path):
    same_name = shutil.copytree(folders[1], tmp_path / "first")
    assert list(app.load([folders[0] + "/", folders[1], str(same_name)])) == ["first", "second", str(same_name)]


def test_models_that_cannot_be_read(app, tmp_path):
    with pytest.raises(UserError, match=str(tmp_path)):
        app.load([str(tmp_path)])
    # a branch is no pin
    with pytest.raises(UserError, match="COMMIT"):
        app.load(["owner/name@main"])


def test_advice_only_where_the_vocabulary_lacks_the_text(app, folders):
    models = app.load(folders)
    assert "**first**, **second**" in app.advice("央行宣布下调存款准备金率", models)
    assert app.advice("The committee postponed its vote. 央行", models) == ""
    assert app.advice("", models) == ""


def test_a_linear_model_on_the_page(app, tmp_path):
    flags = ["--model_type", "maxent", "--dataset", "samples/opinions_en", "--label_column", "sentiment"]
    assert main(["train", *flags, "--output_dir", str(tmp_path / "model")]) == 0
    models = app.load([str(tmp_path / "model")])
    assert app.advice("央行宣布下调存款准备金率", models) == ""
    page = app.build(models)
    show = next(function.fn for function in page.fns.values() if function.name == "show")
    assert len(show("Great service, will come again.")[1]) == 3


def test_what_the_page_shows(app, folders):
    page = app.build(app.load(folders))
    show = next(function.fn for function in page.fns.values() if function.name == "show")
    notice, *boxes = show("The committee postponed its vote.")
    assert notice == "" and [len(box) for box in boxes] == [3, 3]
    assert show(" ") == [app.EMPTY, None, None]
    assert show("word " * app.MAX_CHARACTERS)[0] == app.CUT
    # half an emoji: read as a question mark
    assert show("news \ud83d")[1:] == show("news ?")[1:]
    # html is text: no box and no notice repeats what was typed
    assert "<b>" not in str(show("<b>bold</b>"))


def test_the_front_matter_and_the_pins_agree():
    front = yaml.safe_load(re.match(r"---\n(.*?)\n---\n", (SPACE / "README.md").read_text(), re.DOTALL)[1])
    pins = dict(line.split("==") for line in (SPACE / "requirements.txt").read_text().split())
    assert front["sdk"] == "gradio" and (SPACE / front["app_file"]).is_file()
    assert front["sdk_version"] == pins["gradio"]
    assert front["python_version"] == "3.11"
    assert len(front["short_description"]) <= 60
    # what runs there is what is tested here; torch adds the kind of machine to its version
    assert pins == {name: version(name).partition("+")[0] for name in pins}
