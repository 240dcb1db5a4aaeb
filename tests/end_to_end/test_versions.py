"""The oldest Transformers that pyproject.toml allows, the newest that there is, and one that is too old, each
in an environment of its own: a folder of packages before those of this environment, which has PyTorch."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from hf_textclf import Classifier
from hf_textclf.models.frozen import configuration_frozen
from hf_textclf.models.lstm import configuration_lstm
from tests.helpers import ROOT

[REQUIRED] = [
    line
    for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    if line.startswith("transformers")
]
FLOOR = re.match(r"transformers>=([\d.]+)", REQUIRED)[1]
TEXTS = ["Rates rise again", "The cup goes to the guests", ""]
# as somebody who has never heard of the plugin
STRANGER = """
import json, sys
sys.modules["hf_textclf"] = None
from transformers import AutoModel, pipeline
classify = pipeline("text-classification", model=sys.argv[1], trust_remote_code=True, top_k=None)
assert type(AutoModel.from_pretrained(sys.argv[1], trust_remote_code=True)).__name__ == "LSTMModel"
print(json.dumps([{each["label"]: each["score"] for each in answer} for answer in classify(sys.argv[2:])]))
"""


def install(folder, *requirement):
    """Install a version of Transformers and what it needs; skips where no registry answers."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), *requirement]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"no registry answers: {done.stderr.strip().splitlines()[-1]}")
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "HF_MODULES_CACHE": str(folder / "modules")}


def run(environment, *command, cwd):
    return subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True, text=True, timeout=300, cwd=cwd, env=os.environ | environment,
    )  # fmt: skip


def test_one_floor():
    """In pyproject.toml, in the code that travels, and at the endpoint."""
    assert configuration_lstm.REQUIRED == configuration_frozen.REQUIRED == f"transformers>={FLOOR}"
    assert f"({FLOOR} or newer for" in (ROOT / "hf_textclf" / "hub" / "handler.py").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "requirement", [("--no-deps", f"transformers=={FLOOR}.0"), (REQUIRED,)], ids=["floor", "newest"]
)
def test_train_save_load_predict(tmp_path, requirement):
    environment = install(tmp_path / "packages", *requirement)
    sizes = "--vocab_size 300 --embedding_size 8 --hidden_size 8 --max_steps 3".split()
    keys = ["--dataset", "samples/news_en", *sizes, "--output_dir", "model"]
    trained = run(environment, "-m", "hf_textclf.cli", "train", *keys, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    used = json.loads((tmp_path / "model" / "eval_results.json").read_text())["versions"]["transformers"]
    assert used == f"{FLOOR}.0" or requirement == (REQUIRED,)
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    predict = ["-m", "hf_textclf.cli", "predict", "model", "texts.jsonl", "--output", "out.jsonl"]
    predicted = run(environment, *predict, cwd=tmp_path)
    assert predicted.returncode == 0, predicted.stderr
    labels = [json.loads(line)["label"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    strange = run(environment, "-c", STRANGER, "model", *TEXTS, cwd=tmp_path)
    assert strange.returncode == 0, strange.stderr
    # and the version of this environment says the same
    here = Classifier(str(tmp_path / "model"))(TEXTS)
    assert labels == [prediction.label for prediction in here]
    for told, prediction in zip(json.loads(strange.stdout.splitlines()[-1]), here, strict=True):
        assert told == pytest.approx(prediction.probabilities, abs=1e-6)


@pytest.mark.slow
def test_too_old(tmp_path, opinions_model):
    """One line names the version that is needed."""
    environment = install(tmp_path / "packages", "transformers==5.0.0")
    shutil.copytree(opinions_model, tmp_path / "model")
    strange = run(environment, "-c", STRANGER, "model", *TEXTS, cwd=tmp_path)
    assert strange.returncode
    line = strange.stderr.strip().splitlines()[-1]
    assert re.fullmatch(rf"ImportError: transformers>={FLOOR} is required .*, but found transformers==5.0.0\.", line)
