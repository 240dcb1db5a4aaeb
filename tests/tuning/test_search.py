"""`hf-textclf tune` on small data: what it finds, what it leaves, and that a stopped search goes on."""

import csv
import json

import numpy as np
import optuna
import pytest
import yaml
from matplotlib import pyplot
from matplotlib.image import imread
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from hf_textclf.cli.main import main
from hf_textclf.files import bundled, read_yaml
from hf_textclf.tuning.report import plot_trials
from tests.helpers.small_runs import TUNED

LEFT = {"best.yaml", "study.jsonl", "trials.csv", "trials.png"}
# finer than a share of right answers
BY_LOG_LOSS = ["--metric_for_best_model", "log_loss"]
RATES = {"learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}}


def rows(folder):
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def study(folder):
    return optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(folder / "study.jsonl"))))


def trained(config, output, *tokens):
    """Train with a config; return the metrics on validation."""
    quiet = ["--output_dir", str(output), "--use_cpu", "true", "--disable_tqdm", "true"]
    assert main(["train", "--config", str(config), *quiet, *tokens]) == 0
    return json.loads((output / "eval_results.json").read_text())["metrics"]


def test_finds_the_rate_that_learns(tune, tmp_path):
    code, error = tune({"learning_rate": {"choices": [1e-9, 0.03]}}, "--trials", "4")
    assert code == 0, error
    by_rate = {rate: [float(row["value"]) for row in rows(tmp_path / "search") if row["learning_rate"] == rate]
               for rate in ("1e-09", "0.03")}  # fmt: skip
    assert max(by_rate["1e-09"]) < min(by_rate["0.03"])
    best = (tmp_path / "search" / "best.yaml").read_text()
    assert yaml.safe_load(best)["learning_rate"] == 0.03
    assert best.startswith(f"# The best of 4 trials: macro_f1 {max(by_rate['0.03']):.4f} on validation")
    # no model, no checkpoint
    assert {path.name for path in (tmp_path / "search").iterdir()} == LEFT
    assert "hf-textclf train --config" in tune.out


def test_a_trial_is_a_training_run(tune, tmp_path):
    """Also where tokenizer, loss and seed are chosen, which the Trainer's own search does not reach."""
    space = RATES | {
        "hidden_size": {"low": 3, "high": 9, "step": 2},
        "locked_dropout": {"low": 0, "high": 0.5},
        "pooling": {"choices": ["max", "attention"]},
        "weight_decay": {"choices": [0.0123456]},
        "class_weights": {"choices": [None, "balanced"]},
        "per_device_train_batch_size": {"choices": [4, 16]},
        "vocab_size": {"low": 40, "high": 80},
        "max_length": {"low": 3, "high": 8},
        "num_train_epochs": {"low": 1, "high": 3, "step": 1},
        "seed": {"low": 1, "high": 9},
    }
    code, error = tune(space, "--trials", "3", *BY_LOG_LOSS)
    assert code == 0, error
    search = tmp_path / "search"
    found = rows(search)
    assert len({row["seed"] for row in found}) > 1
    for number, row in enumerate(found):
        values = [token for key in space if row[key] for token in (f"--{key}", row[key])]
        metrics = trained(tune.config, tmp_path / str(number), *tune.keys, *BY_LOG_LOSS, *values)
        assert metrics["log_loss"] == float(row["value"])
        assert int(row["evaluations"]) == float(row["num_train_epochs"])
    best = min(found, key=lambda row: float(row["value"]))
    assert trained(search / "best.yaml", tmp_path / "best")["log_loss"] == float(best["value"])


@pytest.mark.parametrize("name", ["lstm", "bert"])
def test_default_space_fits_the_model(tune, tmp_path, bert, name):
    model = ["--model_name_or_path", str(bert), "--max_length", "13"] if name == "bert" else ["--vocab_size", "80"]
    data = tune.keys[tune.keys.index("--dataset") + 1]
    flags = ["--config", str(tune.config), "--dataset", data, "--output_dir", str(tmp_path / "search"), *model]
    assert main(["tune", *flags, *TUNED, "--trials", "1"]) == 0
    (row,) = rows(tmp_path / "search")
    assert list(row)[5:] == list(read_yaml(bundled("configs/search") / f"{name}.yaml"))


def table(folder):
    """What was chosen and what came of it, of the trials that count; their numbers and times are left out."""
    return [
        {key: value for key, value in row.items() if key not in ("trial", "seconds")}
        for row in rows(folder)
        if row["state"] != "fail"
    ]


def test_stopped_search_ends_as_it_would_have_ended(tune, tmp_path):
    """As after a kill: a trial was running, a line of the journal was being written."""
    assert tune(RATES, "--trials", "3", *BY_LOG_LOSS, output="alone")[0] == 0
    assert tune(RATES, "--trials", "2", *BY_LOG_LOSS)[0] == 0
    search = tmp_path / "search"
    assert table(search) == table(tmp_path / "alone")[:2]
    study(search).ask()
    with (search / "study.jsonl").open("a") as file:
        file.write('{"op_code":4,"worker')
    (search / "study.jsonl.lock").touch()

    code, error = tune(RATES, "--trials", "3", *BY_LOG_LOSS)
    assert code == 0, error
    assert tune.out.splitlines()[-2].startswith("best of 3 trials: log_loss ")
    assert table(search) == table(tmp_path / "alone")
    assert [row["state"] for row in rows(search)] == ["complete", "complete", "fail", "complete"]
    assert {path.name for path in search.iterdir()} == LEFT
    # there are as many as were asked for
    before = rows(search)
    assert tune(RATES, "--trials", "2", *BY_LOG_LOSS)[0] == 0
    assert rows(search) == before


@pytest.mark.slow
def test_hopeless_trials_are_given_up(tune, tmp_path):
    """From the middle on, those that are among the worst quarter; recomputed from what each trial reported."""
    space = {"learning_rate": {"choices": [1e-9, 0.01, 0.03]}, "per_device_train_batch_size": {"choices": [4, 8]}}
    code, error = tune(space, "--trials", "12", *BY_LOG_LOSS)
    assert code == 0, error
    trials = study(tmp_path / "search").get_trials()
    assert TrialState.PRUNED not in [trial.state for trial in trials[:5]]
    assert TrialState.PRUNED in [trial.state for trial in trials[5:]]
    for trial in trials[5:]:
        values = trial.intermediate_values
        assert list(values) == [250, 500, 750, 1000][: len(values)]
        complete = [one.intermediate_values for one in trials[: trial.number] if one.state == TrialState.COMPLETE]
        worse = {at: values[at] > np.quantile([other[at] for other in complete], 0.75) for at in values if at >= 500}
        if trial.state == TrialState.PRUNED:
            assert worse.pop(max(worse))
        else:
            assert len(values) == 4
        assert not any(worse.values())
        assert list(values.values()) == sorted(values.values(), reverse=True)  # the best so far


def test_early_stopping(tune, tmp_path):
    tokens = ["--trials", "1", "--early_stopping_patience", "1", "--learning_rate", "0"]
    assert tune({"hidden_size": {"choices": [3, 5]}}, *tokens)[0] == 0
    assert [row["evaluations"] for row in rows(tmp_path / "search")] == ["2"]


def test_diverged_trial_is_given_up(tune, tmp_path, caplog):
    code, error = tune({"learning_rate": {"choices": [3e38, 0.03]}}, "--trials", "3")
    assert code == 0, error
    found = {(row["learning_rate"], row["state"], row["value"] == "") for row in rows(tmp_path / "search")}
    assert found == {("3e+38", "pruned", True), ("0.03", "complete", False)}
    assert "training has diverged" in caplog.text

    code, error = tune({"learning_rate": {"choices": [3e38]}}, "--trials", "1", output="all")
    assert code == 2
    assert error.splitlines()[-1].startswith("hf-textclf: error: 1 trials, all of them given up, expected one")
    assert "Traceback" not in error


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A study of 30 trials with known values: complete ones, pruned ones, one that failed."""
    journal = tmp_path_factory.mktemp("study") / "study.jsonl"
    made = optuna.create_study(storage=JournalStorage(JournalFileBackend(str(journal))), study_name="any")

    def objective(trial):
        rate = trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
        units = trial.suggest_int("hidden_size", 8, 64, step=8)
        kind = trial.suggest_categorical("pooling", [None, "max", "attention"])
        value = abs(np.log10(rate) + 2) + units / 100 + 0.1 * (kind == "max")
        trial.report(value, 1)
        if trial.number % 4 == 3:
            raise optuna.TrialPruned
        if trial.number == 6:
            raise ZeroDivisionError
        return value

    made.optimize(objective, n_trials=30, catch=ZeroDivisionError)
    return made


def test_plot_shows_the_trials(searched, tmp_path, monkeypatch):
    """Each point of Optuna's panels is a trial; the file holds all panels and nothing is left open."""
    figures = []
    close = pyplot.close
    monkeypatch.setattr(pyplot, "close", lambda figure: (figures.append(figure), close(figure)))
    plot_trials(tmp_path / "trials.png", searched, metric="loss")
    assert not pyplot.get_fignums()
    history, importances, slices = figures
    trials = searched.get_trials()
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    axes = history.axes[0]
    assert axes.get_title() == f"loss {searched.best_value:.4f} in trial {searched.best_trial.number}"
    assert axes.get_ylabel() == "loss"
    expected = [(trial.number, trial.value) for trial in complete]
    np.testing.assert_allclose(axes.collections[0].get_offsets(), expected)
    for number, lowest in axes.lines[-1].get_xydata():
        assert lowest == min(trial.value for trial in complete if trial.number <= number)
    assert {label.get_text() for label in importances.axes[0].get_yticklabels()} == set(complete[0].params)
    panels = slices.axes[:3]
    assert {axes.get_xlabel() for axes in panels} == set(complete[0].params)
    for axes in panels:
        key = axes.get_xlabel()
        assert axes.get_xscale() == ("log" if key == "learning_rate" else "linear")
        points = np.asarray(axes.collections[0].get_offsets())
        assert sorted(points[:, 1]) == sorted(trial.value for trial in complete)
        if key == "hidden_size":
            assert sorted(map(tuple, points)) == sorted((trial.params[key], trial.value) for trial in complete)
        if key == "pooling":
            assert {label.get_text() for label in axes.get_xticklabels()} == {"None", "max", "attention"}

    assert [path.name for path in tmp_path.iterdir()] == ["trials.png"]
    image = imread(tmp_path / "trials.png")[..., :3]
    assert image.shape[0] > 500 and image.shape[1] > 1000
    assert 0.2 < (image == 1).all(axis=2).mean() < 0.99
