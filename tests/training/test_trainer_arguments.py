"""The defaults that differ from Transformers' own, and what was recorded before they did."""

import pytest
from transformers import TrainingArguments

from hf_textclf.training.calls import make_run
from hf_textclf.training.trainer_arguments import (
    OWN_DEFAULTS,
    PretrainingTrainerArguments,
    TrainerArguments,
    stock_defaults,
    training_keys,
)

STRATEGIES = ("eval_strategy", "save_strategy", "logging_strategy", "load_best_model_at_end")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("epoch", "epoch", "epoch", True)),
        ({"save_strategy": "no"}, ("epoch", "no", "epoch", False)),
        ({"eval_strategy": "no"}, ("no", "epoch", "epoch", False)),
        ({"logging_steps": 200}, ("epoch", "epoch", "steps", True)),
        # as Transformers does, so that a run resumed from any of its checkpoints ends with the same weights
        ({"save_steps": 50}, ("no", "steps", "epoch", False)),
        ({"save_steps": 50, "eval_steps": 50}, ("steps", "steps", "epoch", False)),
        ({"load_best_model_at_end": False}, ("epoch", "epoch", "epoch", False)),
    ],
)
def test_when_things_happen(tmp_path, given, expected):
    arguments = TrainerArguments(output_dir=str(tmp_path), use_cpu=True, **given)
    assert tuple(getattr(arguments, name) for name in STRATEGIES) == expected


@pytest.mark.parametrize("kind", [TrainerArguments, PretrainingTrainerArguments])
def test_own_defaults_are_recorded(tmp_path, kind):
    keys = training_keys(kind(output_dir=str(tmp_path), use_cpu=True))
    assert keys.keys() >= OWN_DEFAULTS
    again = kind(output_dir=str(tmp_path), use_cpu=True, **keys)
    assert training_keys(again) == keys


def test_config_recorded_before_gives_the_same_run(tmp_path):
    """What it leaves out had Transformers' defaults when it was written; other configs get today's."""
    assert stock_defaults("configs/lstm.yaml") == stock_defaults(None) == {}
    earlier = TrainerArguments(output_dir=str(tmp_path), use_cpu=True, **stock_defaults("run/run_config.yaml"))
    stock = TrainingArguments(output_dir=str(tmp_path), use_cpu=True).to_dict()
    assert {key for key, value in stock.items() if earlier.to_dict().get(key) != value} <= {"hub_token"}


def test_config_recorded_before_is_read_so(tmp_path):
    config = tmp_path / "run_config.yaml"
    config.write_text("dataset: samples/news_en\nlearning_rate: 0.01\nsave_strategy: epoch\n")
    given = {"config": str(config), "output_dir": str(tmp_path / "run"), "use_cpu": True}
    training = make_run(given).training
    assert (training.eval_strategy, training.save_strategy, training.seed) == ("no", "epoch", 42)
    assert not training.load_best_model_at_end and training.train_sampling_strategy == "random"
    assert make_run(given | {"seed": 3}).training.seed == 3
    config.rename(tmp_path / "mine.yaml")
    assert make_run(given | {"config": str(tmp_path / "mine.yaml")}).training.eval_strategy == "epoch"
