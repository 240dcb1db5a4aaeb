"""Folders of models that an older version saved: they load, predict the same, and can be trained further.

`before/` holds what commit 896efb3 trained on the samples, and in each folder's expected.json what that commit
predicted. Pictures are left out, and the models' code lies in `before/code` once in place of once a folder.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.tokenization import load_tokenizer

BEFORE = Path(__file__).parent / "before"
NETWORKS = {"single": ["lstm"], "multi": ["lstm"], "sentences": ["lstm"], "frozen": ["frozen"]}
CLASSIFIERS = [*NETWORKS, "one_vs_rest", "linear"]
QUIET = ["--disable_tqdm", "true", "--use_cpu", "true", "--save_strategy", "no"]
# a stranger's process: our package is not installed there
STRANGER = """
import json, sys, torch
sys.modules["hf_textclf"] = None
from transformers import AutoModelForSequenceClassification, AutoTokenizer
logits = {}
for folder in sys.argv[1:]:
    with open(folder + "/expected.json", encoding="utf-8") as file:
        texts = json.load(file)["texts"]
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True).eval()
    assert type(model).__module__.startswith("transformers_modules."), type(model)
    with torch.no_grad():
        logits[folder] = model(**tokenizer(texts, padding=True, truncation=True, return_tensors="pt")).logits.tolist()
print(json.dumps(logits))
"""


def expected(name):
    """What the older version predicted with the model of that name."""
    return json.loads((BEFORE / name / "expected.json").read_text(encoding="utf-8"))


def auto_logits(folder, texts, load_tokenizer=AutoTokenizer.from_pretrained):
    """The logits of a network as stock tools load it."""
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    batch = load_tokenizer(folder)(texts, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        return model(**batch).logits.numpy()


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Copies of all folders in the working directory, each network with the code of its family, as they were saved."""
    for name in [*CLASSIFIERS, "language_model"]:
        shutil.copytree(BEFORE / name, tmp_path / name)
    for config in tmp_path.rglob("config.json"):
        families = {"language_model": ["lstm", "lstm_lm"]}.get(config.parent.name)
        for family in families or NETWORKS.get(config.parent.name, ["lstm"]):
            shutil.copytree(BEFORE / "code" / family, config.parent, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_predicts_the_same(name):
    before = expected(name)
    classifier = Classifier(BEFORE / name)
    assert list(classifier.label_names) == before["label_names"]
    assert classifier.problem_type == before["problem_type"]
    np.testing.assert_allclose(classifier.probabilities(before["texts"]), before["probabilities"], atol=1e-6)
    assert [prediction.label for prediction in classifier(before["texts"])] == before["labels"]


@pytest.mark.parametrize("name", NETWORKS)
def test_auto_classes_load_it(name):
    before = expected(name)
    np.testing.assert_allclose(auto_logits(BEFORE / name, before["texts"]), before["logits"], atol=1e-6)


@pytest.mark.slow
def test_a_process_without_the_package_loads_it(folders):
    """By the code in the folder; `test_auto_classes_load_it` compares the same logits in this process."""
    names = list(NETWORKS)
    done = subprocess.run([sys.executable, "-c", STRANGER, *names], capture_output=True, text=True, cwd=folders)
    assert done.returncode == 0, done.stderr
    logits = json.loads(done.stdout.splitlines()[-1])
    for name in names:
        np.testing.assert_allclose(logits[name], expected(name)["logits"], atol=1e-6, err_msg=name)


def test_the_language_model_says_the_same():
    before = expected("language_model")
    tokenizer = AutoTokenizer.from_pretrained(BEFORE / "language_model")
    model = AutoModelForCausalLM.from_pretrained(BEFORE / "language_model").eval()
    rows = [torch.tensor([tokenizer(text)["input_ids"]]) for text in before["texts"]]
    with torch.no_grad():
        losses = [float(model(input_ids=row, labels=row).loss) for row in rows]
    assert losses == pytest.approx(before["losses"], abs=1e-5)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_is_evaluated(folders, name):
    """On the split and with the figures that its run recorded."""
    recorded = json.loads((folders / name / "eval_results.json").read_text())["metrics"]
    assert main(["evaluate", name, "--split", "validation"]) == 0
    metrics = json.loads((folders / name / "evaluation_validation" / "eval_results.json").read_text())["metrics"]
    figures = {key: value for key, value in recorded.items() if isinstance(value, int | float)}
    assert len(figures) >= 9
    assert {key: metrics[key] for key in figures} == pytest.approx(figures, abs=1e-6)


@pytest.fixture
def train_further(folders):
    """Call `train` for two steps on the data of a folder, with its own way of reading; returns the new classifier."""

    def run(name, *start):
        keys = yaml.safe_load((folders / name / "run_config.yaml").read_text())
        data = {key: keys[key] for key in ("dataset", "label_column", "label_separator") if key in keys}
        reading = {key: keys[key] for key in ("max_length", "document_strategy", "sentence_weights") if key in keys}
        Path("further.yaml").write_text(yaml.safe_dump(data | reading))
        flags = ["--max_steps", "2", "--output_dir", "further", *QUIET]
        assert main(["train", "--config", "further.yaml", *start, *flags]) == 0
        return Classifier("further")

    return run


@pytest.mark.parametrize("name", NETWORKS)
def test_is_trained_further(train_further, name):
    classifier = train_further(name, "--model_name_or_path", name)
    before = expected(name)
    assert classifier.label_names == before["label_names"]
    # two small steps from there, not a new model; stock tools would refuse what it reads in chunks
    found = auto_logits("further", before["texts"], load_tokenizer)
    np.testing.assert_allclose(found, before["logits"], atol=0.1)


def test_starts_from_the_language_model(train_further):
    classifier = train_further("single", "--init_from", "language_model")
    assert classifier.label_names == expected("single")["label_names"]


@pytest.mark.parametrize("name", [*CLASSIFIERS, "language_model"])
def test_its_run_is_repeated(folders, name):
    """Each key of its run_config.yaml is still one."""
    if name == "frozen":
        encoder = AutoModelForSequenceClassification.from_pretrained(name).base_model.encoder
        encoder.save_pretrained("encoder")
        AutoTokenizer.from_pretrained(name).save_pretrained("encoder")
    command = "pretrain" if name == "language_model" else "train"
    steps = [] if name == "linear" else ["--max_steps", "1", "--use_cpu", "true"]
    assert main([command, "--config", f"{name}/run_config.yaml", "--output_dir", "again", *steps]) == 0
    recorded = (Path("again") / "run_config.yaml").read_text().splitlines()
    for line in (folders / name / "run_config.yaml").read_text().splitlines():
        assert line in recorded or line.startswith("max_steps:"), line
