"""What a whole checkpoint holds; whole runs that resume are in test_train_resume.py."""

import json
from random import Random
from shutil import copy

import pytest

from hf_textclf.training.checkpoints import find_problem, last_whole
from hf_textclf.training.trainer_arguments import TrainerArguments


@pytest.fixture
def checkpoint(train, weather, tmp_path):
    assert train(weather, "--max_steps", "2", "--save_strategy", "steps", "--save_steps", "2")[0] == 0
    return tmp_path / "run" / "checkpoint-2"


@pytest.fixture
def training(tmp_path):
    return TrainerArguments(output_dir=str(tmp_path / "run"), use_cpu=True)


def test_random_numbers_of_each_process(checkpoint, training):
    """Of several processes each has its own file, and the first may have been the only one to write it."""
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    state["stateful_callbacks"]["WholeRun"]["args"]["processes"] = 2
    (checkpoint / "trainer_state.json").write_text(json.dumps(state))
    assert "rng_state_0.pth is missing" in find_problem(checkpoint, training)
    (checkpoint / "rng_state.pth").rename(checkpoint / "rng_state_0.pth")
    assert "rng_state_1.pth is missing" in find_problem(checkpoint, training)
    copy(checkpoint / "rng_state_0.pth", checkpoint / "rng_state_1.pth")
    assert find_problem(checkpoint, training) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"global_step": "two"}, {"global_step": 3}, {"epoch": "one"}, {"log_history": [3]},
        {"stateful_callbacks": [1]}, {"unknown": 1}, {"best_metric": "high"},
    ],
    ids=str,
)  # fmt: skip
def test_state_that_the_trainer_cannot_take(checkpoint, training, change):
    state = json.loads((checkpoint / "trainer_state.json").read_text()) | change
    (checkpoint / "trainer_state.json").write_text(json.dumps(state))
    assert find_problem(checkpoint, training).startswith("checkpoint-2/trainer_state.json is missing or broken")
    assert last_whole(checkpoint.parent, training) is None


def test_optimizer_is_not_read_whole(checkpoint, training, monkeypatch):
    """Its tensors may be twice as large as the model."""
    options = []
    load = __import__("torch").load
    monkeypatch.setattr("torch.load", lambda file, **keys: options.append(keys) or load(file, **keys))
    assert find_problem(checkpoint, training) == ""
    assert all(keys["weights_only"] for keys in options) and options[0]["mmap"]


FILES = ["config.json", "model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"]


@pytest.mark.parametrize("name", [*FILES, "run_config.yaml"])
def test_mutated_checkpoint(train, weather, checkpoint, name):
    """Some bytes of a file are others: the run resumes, or one line tells why it does not."""
    keys = [
        weather,
        "--max_steps",
        "3",
        "--save_total_limit",
        "9",
        "--save_strategy",
        "steps",
        "--save_steps",
        "2",
        "--resume_from_checkpoint",
    ]
    whole = (checkpoint / name).read_bytes()
    for seed in range(4):
        numbers, content = Random(seed), bytearray(whole)
        for _ in range(numbers.choice([1, 20])):
            content[numbers.randrange(len(content))] = numbers.randrange(256)
        (checkpoint / name).write_bytes(content)
        code, error = train(*keys, checkpoint)
        assert code == 0 or code == 2 and error.count("hf-textclf: error: ") == 1, (seed, error)
        assert "Traceback" not in error
