"""What `hf-textclf tune` refuses, in one line and before it leaves anything behind."""

import sys

import pytest

from hf_textclf.arguments import Parser
from hf_textclf.cli.commands import read_argv
from hf_textclf.cli.main import main
from hf_textclf.data import DataArguments
from hf_textclf.files import bundled, read_yaml
from hf_textclf.training import TrainerArguments, TrainRun
from hf_textclf.training.arguments import ModelArguments, NewModelArguments
from hf_textclf.tuning.search_space import read_space

GOOD = {"learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}}
SPACES = {
    "unknown key": ({"hiden_size": {"choices": [3]}}, ["'hiden_size'", "did you mean 'hidden_size'"]),
    "null of an unknown key": ({"hiden_size": {"choices": [None]}}, ["'hiden_size'"]),
    "no number": ({"hidden_size": {"low": 3, "high": "many"}}, ["hidden_size", "'many'"]),
    "half a unit": ({"hidden_size": {"low": 2.5, "high": 4}}, ["hidden_size", "'2.5'"]),
    "unknown choice": ({"pooling": {"choices": ["max", "min"]}}, ["pooling", "'min'"]),
    "out of range": ({"per_device_train_batch_size": {"low": 0, "high": 8}}, ["per_device_train_batch_size=0"]),
    "range of words": ({"pooling": {"low": "last", "high": "max"}}, ["pooling", "choices"]),
    "range of booleans": ({"bidirectional": {"low": False, "high": True}}, ["bidirectional", "choices"]),
    "upside down": ({"hidden_size": {"low": 9, "high": 3}}, ["hidden_size", "is no range"]),
    "log of zero": ({"learning_rate": {"low": 0, "high": 1, "log": True}}, ["learning_rate", "is no range"]),
    "both": ({"learning_rate": {"low": 1, "high": 2, "choices": [1]}}, ["learning_rate", "{choices: [A, B, …]}"]),
    "only one end": ({"learning_rate": {"low": 1}}, ["learning_rate", "{low: A, high: B}"]),
    "bare value": ({"learning_rate": 0.1}, ["learning_rate", "{choices: [A, B, …]}"]),
    "no choice": ({"pooling": {"choices": []}}, ["pooling", "{choices: [A, B, …]}"]),
    "list of lists": ({"label_smoothing_factor": {"choices": [[0.1]]}}, ["label_smoothing_factor"]),
    "null and a value": ({"vocab_size": {"choices": [None, 60]}}, ["vocab_size", "null", "80"]),
    "other texts": ({"max_train_samples": {"choices": [10, 20]}}, ["max_train_samples", "comparable"]),
    "other judge": ({"metric_for_best_model": {"choices": ["loss", "accuracy"]}}, ["metric_for_best_model"]),
    "no hyper-parameter": ({"output_dir": {"choices": ["a", "b"]}}, ["output_dir", "is no hyper-parameter"]),
    # found when the first trial makes its model
    "no probability": ({"classifier_dropout": {"choices": [1.5]}}, ["classifier_dropout=1.5", "[0, 1)"]),
}


@pytest.fixture
def refused(tune, tmp_path):
    """Call the command and return its one complaint; the output folder is as it was before."""

    def run(space, *tokens, output="search"):
        folder = tmp_path / output
        before = sorted(folder.rglob("*")) if folder.exists() else None
        code, error = tune(space, *tokens, output=output)
        assert code == 2
        assert (sorted(folder.rglob("*")) if folder.exists() else None) == before
        complaints = [line for line in error.splitlines() if line.startswith("hf-textclf: error: ")]
        assert len(complaints) == 1 and "Traceback" not in error, error
        return complaints[0]

    return run


@pytest.mark.parametrize("name", SPACES)
def test_search_space(refused, name):
    space, words = SPACES[name]
    message = refused(space)
    for word in words:
        assert word in message, message


def test_other_loss_in_each_trial(refused):
    space = {"class_weights": {"choices": [None, "balanced"]}}
    assert "class_weights" in refused(space, "--metric_for_best_model", "loss")


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["--trials", "0"], ["trials=0"]),
        (["--load_best_model_at_end", "false"], ["load_best_model_at_end", "--eval_strategy epoch"]),
        (["--metric_for_best_model", "macro_f2"], ["macro_f2", "macro_f1"]),
        (["--search_space", "gru"], ["'gru'", "bert, lstm"]),
        (["--model_type", "maxent"], ["'maxent'", "linear"]),
        (["--one_vs_rest", "true"], ["one_vs_rest"]),
        (["--backend", "slurm"], ["'slurm'"]),
        (["--backend", "ray"], ["'ray' is no longer supported", "start the same command once for each core or GPU"]),
        (["--dataset", "nowhere.csv"], ["nowhere.csv"]),
    ],
)
def test_settings(refused, tokens, words):
    message = refused(GOOD, *tokens)
    for word in words:
        assert word in message, message


def test_missing_library(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    message = refused(GOOD, "--backend", "optuna")
    assert "needs optuna" in message and "hf-textclf[tune]" in message


def test_folder_of_something_else(refused, tmp_path):
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "notes.txt").touch()
    assert "already holds something" in refused(GOOD)
    (tmp_path / "file").touch()
    assert "already holds something" in refused(GOOD, output="file")


def test_journal_of_something_else(refused, tmp_path):
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "study.jsonl").write_text('{"text": "a review"}\n')
    assert "no journal of a search" in refused(GOOD)


def test_search_with_other_settings(tune, refused):
    assert tune(GOOD, "--trials", "1")[0] == 0
    message = refused(GOOD, "--hidden_size", "9")
    assert "config hidden_size: 7, not 9" in message
    assert "config locked_dropout: its default, not 0.2" in refused(GOOD, "--locked_dropout", "0.2")
    assert "search space learning_rate: " in refused({"learning_rate": {"choices": [0.1]}})


@pytest.mark.parametrize(
    ("space", "config", "tokens"),
    [("lstm", "lstm", []), ("bert", "bert", ["--model_name_or_path", "any"]), ("bert", "demo_lstm", [])],
)
def test_bundled_spaces(space, config, tokens):
    tokens = ["--config", config, "--dataset", "x", "--output_dir", "out", *tokens]
    path = bundled("configs/search") / f"{space}.yaml"
    parser = Parser([DataArguments, ModelArguments, NewModelArguments, TrainerArguments])
    distributions = read_space(read_yaml(path), TrainRun(*parser.make(read_argv(parser, tokens))), source=str(path))
    assert {"learning_rate", "per_device_train_batch_size"} <= distributions.keys()
    assert path.read_text(encoding="utf-8").startswith("# What `hf-textclf tune` tries for ")


def test_help(capsys):
    assert main(["tune", "--help"]) == 0
    out, _ = capsys.readouterr()
    assert all(flag in out for flag in ("--trials", "--backend", "--search_space", "--learning_rate", "--hidden_size"))
