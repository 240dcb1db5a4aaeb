"""One network for each label: what each learns, what they say together, and how a stopped group goes on."""

import json
import shutil

import numpy as np
import pytest
from scipy.special import expit

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.data import DataArguments, load_data
from tests.helpers.small_runs import TINY, write_csv

TOPICS = ["--label_column", "topics", "--label_separator", ";"]


@pytest.fixture
def group(tmp_path):
    """Train a group on weather texts of three kinds and return its folder."""
    data = write_csv(tmp_path / "weather.csv", {"cold": "cold", "warm": "warm", "mild": "mild"}, rows=150)
    flags = ["--one_vs_rest", "true", "--max_steps", "60", "--learning_rate", "0.02", "--use_cpu", "true"]
    code = main(["train", "--dataset", data, *TINY, *flags, "--output_dir", str(tmp_path / "group")])
    assert code == 0
    return tmp_path / "group"


def test_a_group_is_one_classifier(group):
    classifier = Classifier(str(group))
    assert classifier.label_names == ["cold", "mild", "warm"]
    text = "snow frost wind north"
    alone = np.array([Classifier(str(group / str(number))).probabilities([text])[0, 1] for number in range(3)])
    together = classifier.probabilities([text])[0]
    np.testing.assert_allclose(together, alone / alone.sum(), rtol=1e-5)
    assert classifier([text])[0].label == "cold"
    results = json.loads((group / "eval_results.json").read_text())
    assert results["metrics"]["accuracy"] == 1.0
    members = [json.loads((group / str(n) / "eval_results.json").read_text())["num_parameters"] for n in range(3)]
    assert results["num_parameters"] == sum(members)


def test_a_group_is_evaluated_and_predicts(group, tmp_path):
    assert main(["evaluate", str(group), "--split", "validation"]) == 0
    judged = json.loads((group / "evaluation_validation" / "eval_results.json").read_text())
    assert judged["metrics"] == json.loads((group / "eval_results.json").read_text())["metrics"]
    (tmp_path / "in.csv").write_text("text\nsun beach heat\n")
    assert main(["predict", str(group), str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.csv")]) == 0
    assert "warm" in (tmp_path / "out.csv").read_text()


def test_a_stopped_group_goes_on(group, tmp_path, capsys):
    before = (group / "0" / "model.safetensors").stat().st_mtime_ns
    expected = (group / "1" / "model.safetensors").read_bytes()
    recorded = ["--config", str(group / "run_config.yaml"), "--output_dir", str(group), "--use_cpu", "true"]
    assert main(["train", *recorded]) == 2
    assert "already holds something" in capsys.readouterr().err
    shutil.rmtree(group / "1")
    assert main(["train", *recorded, "--resume_from_checkpoint", "true"]) == 0
    assert (group / "0" / "model.safetensors").stat().st_mtime_ns == before
    assert (group / "1" / "model.safetensors").read_bytes() == expected
    parts = [json.loads((group / f"{n}" / "eval_results.json").read_text())["train_seconds"] for n in range(3)]
    # of all networks, not of those that this part of the run has trained
    assert json.loads((group / "eval_results.json").read_text())["train_seconds"] == round(sum(parts), 1)
    shutil.rmtree(group / "1")
    assert main(["train", *recorded, "--resume_from_checkpoint", "true", "--learning_rate", "0.5"]) == 2
    assert "learning_rate=0.5, but" in capsys.readouterr().err and not (group / "1").exists()


def test_multi_label_data(tmp_path):
    flags = ["--one_vs_rest", "true", "--use_cpu", "true", "--output_dir", str(tmp_path / "group")]
    # of one label alone the mean over labels is its own
    flags += ["--metric_for_best_model", "macro_roc_auc", "--load_best_model_at_end", "true", "--calibrate", "true"]
    flags += ["--eval_strategy", "epoch", "--save_strategy", "epoch", "--num_train_epochs", "1"]
    assert main(["train", "--dataset", "samples/news_en", *TOPICS, *TINY, *flags]) == 0
    classifier = Classifier(str(tmp_path / "group"))
    assert classifier.problem_type == "multi_label_classification"
    texts = ["Shares fell after the report.", "A goal in the last minute"]
    first = Classifier(str(tmp_path / "group" / "0")).logits(texts)
    np.testing.assert_allclose(classifier.probabilities(texts)[:, 0], expit(first[:, 1] - first[:, 0]), rtol=1e-5)


def test_every_network_learns_from_the_same_rows(tmp_path):
    data = write_csv(tmp_path / "weather.csv", {"cold": "cold", "warm": "warm", "mild": "mild"}, rows=150)
    whole = load_data(DataArguments(data)).splits
    for label in ("cold", "mild"):
        splits = load_data(DataArguments(data, positive_label=label)).splits
        assert {name: splits[name]["text"][:] for name in splits} == {name: whole[name]["text"][:] for name in whole}


@pytest.mark.parametrize("keys", [["--label_column", "rating", "--problem_type", "regression"]])
def test_refused(keys, tmp_path, capsys):
    flags = ["--one_vs_rest", "true", "--use_cpu", "true", "--output_dir", str(tmp_path / "group")]
    assert main(["train", "--dataset", "samples/opinions_en", *keys, *flags]) == 2
    assert "one_vs_rest on regression" in capsys.readouterr().err
    assert not (tmp_path / "group").exists()


def test_a_member_of_another_label_is_refused(group, capsys):
    (group / "0").rename(group / "x")
    (group / "1").rename(group / "0")
    (group / "x").rename(group / "1")
    assert main(["evaluate", str(group)]) == 2
    assert "expected ['not cold', 'cold']" in capsys.readouterr().err
