"""`train --calibrate true`: the same folder as training and then calibrating, for LSTM and BERT."""

import json
import shutil
from functools import cache

import pytest
from safetensors.torch import load_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier

from hf_textclf.cli.main import main
from hf_textclf.data import DataArguments, load_data
from hf_textclf.files import bundled
from tests.helpers.small_runs import write_csv

CONFIG = bundled("configs") / "jigsaw_toxic_lstm.yaml"
STEPS = ["--max_steps", "12", "--learning_rate", "1e-2", "--validation_size", "0.4"]
SAMPLES = {"dataset": "samples/news_en", "label_column": ["topics"], "label_separator": ";"}


@pytest.fixture
def several(tmp_path):
    """Two labels, one of them rare, and rows with both; 60 rows."""
    return write_csv(tmp_path / "several.csv", {"cold": "cold", "warm": "warm", "mild": "cold;warm"}, rows=60)


@pytest.mark.parametrize("family", ["lstm", "bert"])
def test_same_as_calibrating_afterwards(train, several, bert, tmp_path, family):
    new = family == "lstm"
    flags = ["--label_separator", ";", *STEPS, *([] if new else ["--model_name_or_path", bert, "--max_length", "13"])]
    assert train(several, *flags, output="plain", new=new)[0] == 0
    assert train(several, *flags, "--calibrate", "true", output="both", new=new)[0] == 0
    assert main(["calibrate", str(tmp_path / "plain")]) == 0
    folders = [tmp_path / "plain", tmp_path / "both"]
    first, second = (json.loads((folder / "config.json").read_text())["calibration"] for folder in folders)
    assert abs(first["temperature"] - 1) > 0.01 and len(first["thresholds"]) == 2
    assert first["temperature"] == pytest.approx(second["temperature"], rel=1e-3)
    assert first["thresholds"] == pytest.approx(second["thresholds"], abs=1e-3)
    weights, others = (load_file(folder / "model.safetensors") for folder in folders)
    for name, weight in weights.items():
        assert weight == pytest.approx(others[name], abs=1e-4), name
    results = [json.loads((folder / "eval_results.json").read_text()) for folder in folders]
    for name in ("metrics", "metrics_at_0.5"):
        flat, other = ({key: part for key, part in result[name].items() if key != "per_label"} for result in results)
        assert flat == pytest.approx(other, abs=1e-3)
    assert {path.name for path in folders[0].iterdir()} == {path.name for path in folders[1].iterdir()}


def test_trained_further_it_is_not_calibrated(train, several, tmp_path):
    flags = ["--label_separator", ";", *STEPS]
    assert train(several, *flags, "--calibrate", "true", output="first")[0] == 0
    more = ["--model_name_or_path", tmp_path / "first", "--label_separator", ";"]
    assert train(several, *more, output="second", new=False)[0] == 0
    assert "calibration" not in json.loads((tmp_path / "second" / "config.json").read_text())


def test_regression_is_refused(refused_training, tmp_path):
    numbers = write_csv(tmp_path / "numbers.csv", {"cold": "-3.5", "warm": "20.5"})
    assert "found regression" in refused_training(numbers, "--problem_type", "regression", "--calibrate", "true")


def test_validation_without_any_label_is_refused_before_training(refused_training, several, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(several, folder / "train.csv")
    (folder / "validation.csv").write_text("text,label\nfog,\nsnow,\n")
    complaint = refused_training(str(folder), "--label_separator", ";", "--calibrate", "true")
    assert "none of the 2 texts to calibrate on has a label" in complaint


@cache
def linear_macro_f1():
    """What TF-IDF and logistic regression reach on test, at threshold 0.5."""
    splits = load_data(DataArguments(**SAMPLES)).splits
    vectorizer, model = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)), LogisticRegression(C=10)
    model = OneVsRestClassifier(model).fit(
        vectorizer.fit_transform(splits["train"]["text"]), splits["train"]["labels"]
    )
    return f1_score(
        splits["test"]["labels"], model.predict(vectorizer.transform(splits["test"]["text"])), average="macro"
    )


@pytest.mark.slow
def test_stacked_sigmoids_learn(tmp_path):
    """The config for toxic comments, on six topics: 0.9 of the linear model's macro F1."""
    folder = tmp_path / "run"
    names = load_data(DataArguments(**SAMPLES)).label_names
    source = ["--dataset", "samples/news_en", "--label_column", "topics", "--label_separator", ";"]
    flags = ["--num_train_epochs", "30", "--per_device_train_batch_size", "16", "--learning_rate", "5e-3"]
    # a vocabulary of its own in place of a checkpoint's, which the samples come without
    own = ["--tokenizer_type", "word", "--vocab_size", "5000", "--embedding_size", "64", "--max_length", "64"]
    quiet = ["--use_cpu", "true", "--disable_tqdm", "true", "--output_dir", str(folder)]
    without = tmp_path / "config.yaml"
    without.write_text(
        "".join(line for line in CONFIG.open(encoding="utf-8") if not line.startswith("embeddings_from"))
    )
    assert main(["train", "--config", str(without), *source, "--label_names", *names, *flags, *own, *quiet]) == 0
    assert main(["evaluate", str(folder)]) == 0
    results = json.loads((folder / "evaluation_test" / "eval_results.json").read_text())
    assert results["metrics"]["macro_f1"] >= 0.9 * linear_macro_f1()
    assert results["metrics_at_0.5"]["macro_f1"] != results["metrics"]["macro_f1"]
