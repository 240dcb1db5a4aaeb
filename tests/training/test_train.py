"""Whole runs of the command on small data: every problem type, the saved folder, no secrets."""

import dataclasses
import json

import pytest
import torch
import yaml

from hf_textclf import Classifier
from hf_textclf.arguments import Parser
from hf_textclf.cli.commands import read_argv
from hf_textclf.data import DataArguments
from hf_textclf.training import TrainerArguments
from hf_textclf.training.arguments import ModelArguments, NewModelArguments
from tests.helpers.small_runs import weights, write_csv

HOME_MADE_FILES = {
    "README.md", "config.json", "configuration_lstm.py", "eval_results.json", "layers_lstm.py",
    "model.safetensors", "modeling_lstm.py", "run_config.yaml", "seen_texts.safetensors", "tokenizer.json",
    "tokenizer_config.json", "trainer_state.json",
}  # fmt: skip
RUNS = {
    "single": ("samples/news_en", ["--label_column", "topic"], "single_label_classification", 6),
    "weighted": ("samples/opinions_en", ["--label_column", "sentiment", "--class_weights", "balanced"],
                 "single_label_classification", 3),
    "multi": ("samples/news_en", ["--label_column", "topics", "--label_separator", ";", "--class_weights", "balanced"],
              "multi_label_classification", 6),
    "regression": ("samples/opinions_en", ["--label_column", "rating", "--problem_type", "regression"],
                   "regression", 1),
    "zh": ("samples/news_zh", ["--label_column", "topic", "--cell", "rnn", "--num_attention_heads", "7"],
           "single_label_classification", 6),
}  # fmt: skip


def refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


@pytest.mark.parametrize("name", RUNS)
def test_every_problem_type_trains_and_saves(train, tmp_path, name):
    dataset, keys, problem, labels = RUNS[name]
    code, error = train(dataset, *keys, "--max_steps", "2", "--vocab_size", "700")
    assert code == 0, error
    folder = tmp_path / "run"
    assert {path.name for path in folder.iterdir()} == HOME_MADE_FILES
    config = json.loads((folder / "config.json").read_text())
    assert (config["model_type"], config["problem_type"]) == ("textclf_lstm", problem)
    assert len(config["id2label"]) == labels
    results = json.loads((folder / "eval_results.json").read_text(), parse_constant=refuse_constant)
    assert results["split"] == "validation" and results["metrics"]
    text = "国会否决银行救助方案" if name == "zh" else "Shares of the chip maker fell after the report."
    prediction = Classifier(str(folder))([text])[0]
    assert len(prediction.probabilities) == labels


def test_training_learns(train, tmp_path):
    data = write_csv(tmp_path / "weather.csv", {"cold": "cold", "warm": "warm"}, rows=200)
    code, _ = train(data, "--max_steps", "80", "--learning_rate", "0.02")
    assert code == 0
    results = json.loads((tmp_path / "run" / "eval_results.json").read_text())
    assert results["metrics"]["accuracy"] == 1.0
    assert (results["rows"], results["train_rows"]) == (20, 180)


def test_saved_configuration_gives_the_same_arguments(train, weather, tmp_path):
    given = [
        "--seed", "11", "--learning_rate", "3e-3", "--class_weights", "balanced", "--label_column", "label",
        "--pooling", "mean_max", "--bidirectional", "true", "--locked_dropout", "0.25", "--max_grad_norm", "0.5",
        "--train_sampling_strategy", "group_by_length", "--lr_scheduler_type", "cosine_with_min_lr",
        "--lr_scheduler_kwargs", '{"min_lr": 1e-5}', "--license", "apache-2.0", "--truncation", "tail",
    ]  # fmt: skip
    code, error = train(weather, *given)
    assert code == 0, error
    recorded = tmp_path / "run" / "run_config.yaml"
    values = yaml.safe_load(recorded.read_text())
    assert str(tmp_path / "run") not in recorded.read_text()
    kinds = [DataArguments, ModelArguments, NewModelArguments, TrainerArguments]
    where = ["--output_dir", str(tmp_path / "again"), "--use_cpu", "true"]
    parser = Parser(kinds)
    again = parser.make(read_argv(parser, ["--config", str(recorded), *where]))
    tokens = ["--dataset", weather, "--embedding_size", "11", "--hidden_size", "7", "--vocab_size", "80"]
    tokens += ["--max_length", "24", "--max_steps", "1", "--disable_tqdm", "true", "--save_strategy", "no", *given]
    first = parser.make(read_argv(parser, [*tokens, *where]))
    for one, other in zip(first[:3], again[:3], strict=True):
        assert dataclasses.asdict(one) == dataclasses.asdict(other)
    stated, read = first[3].to_dict(), again[3].to_dict()
    # set by every run; see `_check`
    changed = {"logging_nan_inf_filter", "dataloader_pin_memory"}
    assert {name for name in stated if stated[name] != read[name]} <= changed
    assert values["lr_scheduler_kwargs"] == {"min_lr": 1e-5}


def test_no_token_reaches_a_file(train, weather, tmp_path, monkeypatch, caplog, capsys):
    secret = "hf_" + "secret" * 6
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.setenv(name, secret)
    code, error = train(weather, "--save_strategy", "steps", "--save_steps", "1")
    assert code == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any("checkpoint-1" in str(path) for path in files)
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert secret not in caplog.text + error


@pytest.mark.parametrize("logging_steps", ["1", "500"])
def test_a_loss_that_is_no_number_stops_the_run(train, weather, tmp_path, logging_steps):
    code, error = train(weather, "--max_steps", "9", "--learning_rate", "1e38", "--logging_steps", logging_steps)
    assert code == 2
    assert "learning_rate" in error
    assert not (tmp_path / "run" / "config.json").exists()


def test_early_stopping_stops_and_keeps_the_best(train, weather, tmp_path):
    keys = "--eval_strategy steps --save_strategy steps --eval_steps 1 --save_steps 1 --load_best_model_at_end true"
    keys += " --metric_for_best_model macro_f1 --early_stopping_patience 2 --learning_rate 0 --save_total_limit 1"
    code, error = train(weather, *keys.split(), "--max_steps", "30")
    assert code == 0, error
    state = json.loads((tmp_path / "run" / "trainer_state.json").read_text())
    assert (state["global_step"], state["best_global_step"]) == (3, 1)


def test_unknown_metric_for_the_best_model(train, weather):
    keys = "--eval_strategy steps --save_strategy steps --eval_steps 1 --save_steps 1 --load_best_model_at_end true"
    code, error = train(weather, *keys.split(), "--metric_for_best_model", "acuracy")
    assert code == 2
    assert "'acuracy' is not measured, expected one of: loss, accuracy" in error


def test_same_seed_same_weights(train, weather, tmp_path):
    for output in ("one", "two"):
        dropouts = ["--locked_dropout", "0.3", "--recurrent_dropout", "0.3", "--embedding_dropout", "0.2"]
        assert train(weather, "--max_steps", "4", *dropouts, output=output)[0] == 0
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert all(torch.equal(one[name], two[name]) for name in one)
