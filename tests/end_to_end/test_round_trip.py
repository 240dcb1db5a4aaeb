"""The whole way: train, judge, push, load elsewhere by the card's own words, edit, push again, deploy the Space."""

import json
import re
import subprocess
import sys
import time

import pytest
import torch
from huggingface_hub import HfApi, ModelCard
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from tests.helpers.loopback import WRITER

REPO = "you/news"
TEXTS = ["The central bank left its key rate unchanged.", "Rain is expected in the north.", ""]
SMALL = "--vocab_size 500 --embedding_size 16 --hidden_size 8 --max_steps 30".split()
# somebody who has never heard of us
STRANGER = "import sys\nsys.modules['hf_textclf'] = None\n"
LOGITS = """
import json, sys, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
{header}
name, revision, texts = sys.argv[1], sys.argv[2], sys.argv[3:]
options = {{"revision": revision, {options}}}
batch = AutoTokenizer.from_pretrained(name, **options)(texts, padding=True, truncation=True, return_tensors="pt")
model = AutoModelForSequenceClassification.from_pretrained(name, **options).eval()
with torch.no_grad():
    print(json.dumps(model(**batch).logits.tolist()))
"""


@pytest.mark.slow
def test_the_whole_way(hub, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    run("train", "--dataset", "samples/news_en", *SMALL, "--output_dir", "news")
    run("evaluate", "news", "--split", "test")
    run("card", "news", "--license", "cc0-1.0", "--language", "en", "--costs", "true")
    run("push", "news", "--repo", REPO)

    expected = logits_of("news")
    commit = HfApi().model_info(REPO).sha
    for header, options in {
        "import hf_textclf": "",
        STRANGER: '"trust_remote_code": True, "code_revision": revision',
    }.items():
        found = python(LOGITS.format(header=header, options=options), REPO, commit, *TEXTS)
        assert torch.allclose(torch.tensor(json.loads(found)), expected, atol=1e-6)
    ours, *stock = snippets(ModelCard.load(REPO))
    label = Classifier("news")(["The text to be classified"])[0].label
    assert python(ours).startswith(label)
    for snippet in stock:
        assert label in python(STRANGER + snippet)

    card = ModelCard.load(REPO)
    card.text = card.text.replace("The author has not said", "I do not say") + "\nWritten by hand.\n"
    card.push_to_hub(REPO)
    run("calibrate", "news")
    run("push", "news", "--repo", REPO)
    again = ModelCard.load(REPO).text
    assert again.endswith("\nWritten by hand.\n") and again != card.text
    assert torch.allclose(logits_of(REPO), logits_of("news"), atol=1e-6)

    run("space", "--models", REPO, "--repo", "you/demo")
    assert HfApi().get_space_runtime("you/demo").stage == "RUNNING"
    assert hub.read("you/demo", "models.txt", kind="space").decode() == f"{REPO}@{HfApi().model_info(REPO).sha}\n"

    written = "".join(capfd.readouterr())
    assert WRITER not in written
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or WRITER.encode() not in path.read_bytes(), path


@pytest.mark.slow
@pytest.mark.parametrize(("stopped_at", "sent"), [("/info/lfs/objects/batch", 1), ("/info/lfs/objects/verify", 0)])
def test_killed_in_the_middle(hub, model_folder, push, stopped_at, sent):
    """There is no half model, and the next push goes on where this one was: what arrived is not sent again."""
    hub.fail(stopped_at, seconds=60)
    command = [sys.executable, "-m", "hf_textclf.cli", "push", str(model_folder), "--repo", REPO]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not hub.count(stopped_at) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.kill()
    child.wait()
    assert hub.count(stopped_at) == 1 and hub.files(REPO) == [".gitattributes"]
    hub.requests.clear()
    assert push(repo=REPO)[0] == 0
    assert hub.count("^PUT ") == sent and "model.safetensors" in hub.files(REPO)


def run(*tokens):
    assert main([*tokens]) == 0


def python(code, *arguments):
    """Run code in a process that knows this Hub alone; returns what it prints."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    # a question to the user, who may not be there
    assert WRITER not in done.stdout + done.stderr and "Do you wish" not in done.stdout
    return done.stdout


def snippets(card):
    section = re.search(r"<!-- hf-textclf:use -->(.*?)<!-- /hf-textclf:use -->", card.text, re.DOTALL)[1]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def logits_of(name):
    batch = AutoTokenizer.from_pretrained(name)(TEXTS, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        return AutoModelForSequenceClassification.from_pretrained(name).eval()(**batch).logits
