"""A run that is killed and resumed ends with the weights of the run left alone."""

import json
import os
import signal
import subprocess
import sys
import time
from shutil import copytree, rmtree

import pytest
import torch

from hf_textclf.cli.main import main
from tests.helpers.small_runs import QUIET, TINY, empty_config, weights, write_csv

KEYS = (
    "--dataset samples/news_en --label_column topic --vocab_size 300 --embedding_size 11 --hidden_size 7 "
    "--embedding_dropout 0.1 --locked_dropout 0.2 --recurrent_dropout 0.2 --classifier_dropout 0.2 "
    "--bidirectional true --train_sampling_strategy group_by_length --per_device_train_batch_size 8 "
    "--learning_rate 0.01 --seed 3 --use_cpu true --disable_tqdm true --logging_steps 1 --save_strategy steps"
).split()  # 73 steps per epoch


def start(folder, output, *tokens):
    command = [sys.executable, "-u", "-m", "hf_textclf.cli", "train", "--config", str(empty_config(folder))]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*command, "--output_dir", str(folder / output), *KEYS, *tokens],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def finish(process):
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0, out[-3000:]


def same(one, two):
    one, two = weights(one), weights(two)
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
def test_killed_between_checkpoints_and_resumed(tmp_path):
    schedule = ["--num_train_epochs", "4", "--save_steps", "50"]
    alone = start(tmp_path, "alone", *schedule)
    killed = start(tmp_path, "killed", *schedule)
    # checkpoints at 50, 100, 150, …: step 108 lies in the second epoch, between two of them; a line per step is logged
    steps = 0
    for line in killed.stdout:
        steps += "'grad_norm'" in line
        if steps == 108:
            killed.send_signal(signal.SIGKILL)
            break
    assert killed.wait() == -signal.SIGKILL
    left = sorted(tmp_path.glob("killed/checkpoint-*/trainer_state.json"), key=os.path.getmtime)
    state = json.loads(left[-1].read_text())
    assert 100 <= state["global_step"] < 292 and state["epoch"] > 1
    assert state["global_step"] % 73 != 0
    assert not (tmp_path / "killed" / "config.json").exists()

    resumed = start(tmp_path, "killed", *schedule, "--resume_from_checkpoint", "true")
    finish(alone)
    finish(resumed)
    assert same(tmp_path / "alone", tmp_path / "killed")
    histories = [json.loads((tmp_path / name / "trainer_state.json").read_text()) for name in ("alone", "killed")]
    losses = [[(log["step"], log["loss"]) for log in state["log_history"] if "loss" in log] for state in histories]
    assert losses[0] == losses[1] and len(losses[0]) == 292


BY_DEPTH = "--num_hidden_layers 2 --freeze_embeddings true --layerwise_lr_decay 0.5 --gradual_unfreezing true"


@pytest.fixture(scope="module")
def finished(tmp_path_factory, request):
    """A run of 9 steps in two epochs, with further keys where a test gives some: its keys and its folder."""
    root = tmp_path_factory.mktemp("finished")
    data = write_csv(root / "weather.csv", {"cold": "cold", "warm": "warm"}, rows=50)
    keys = "--max_steps 9 --save_strategy steps --save_steps 2 --save_total_limit 9 --per_device_train_batch_size 8"
    keys += " --locked_dropout 0.3"
    keys += " --recurrent_dropout 0.3 --train_sampling_strategy group_by_length --classifier_dropout 0.2 "
    keys += getattr(request, "param", "")
    config = ["--config", str(empty_config(root)), "--dataset", data, "--output_dir", str(root / "alone")]
    assert main(["train", *config, *QUIET, *TINY, *keys.split()]) == 0
    return data, keys.split(), root / "alone"


@pytest.fixture
def stopped(finished, tmp_path):
    """The same keys, and a folder that looks as if the run had been killed after step 8."""
    data, keys, alone = finished
    killed = tmp_path / "killed"
    copytree(alone, killed)
    rmtree(killed / "checkpoint-9")
    for file in [path for path in killed.iterdir() if path.is_file()]:
        file.unlink()
    return data, keys, killed


def test_resumed_in_the_second_epoch(train, finished, stopped):
    data, keys, killed = stopped
    # 45 rows in batches of 8 are six steps; checkpoint 8 was being written when the run was killed
    (killed / "checkpoint-8" / "trainer_state.json").unlink()
    started = time.time()
    code, error = train(data, *keys, "--resume_from_checkpoint", "true", output="killed")
    assert code == 0, error
    assert same(finished[2], killed)
    assert (killed / "checkpoint-8" / "trainer_state.json").stat().st_mtime > started
    assert (killed / "checkpoint-6" / "trainer_state.json").stat().st_mtime < started


def test_resumed_from_a_named_checkpoint(train, finished, stopped):
    data, keys, killed = stopped
    code, error = train(data, *keys, "--resume_from_checkpoint", killed / "checkpoint-4", output="killed")
    assert code == 0, error
    assert same(finished[2], killed)


@pytest.mark.parametrize("finished", [BY_DEPTH], indirect=True)
@pytest.mark.parametrize("step", [4, 6, 8])
def test_resumed_within_and_between_epochs_that_train_different_parts(train, finished, stopped, step):
    data, keys, killed = stopped
    code, error = train(data, *keys, "--resume_from_checkpoint", killed / f"checkpoint-{step}", output="killed")
    assert code == 0, error
    assert same(finished[2], killed)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.pt", "trainer_state.json"])
def test_half_written_checkpoint_is_refused(train, stopped, name):
    data, keys, killed = stopped
    file = killed / "checkpoint-8" / name
    file.write_bytes(file.read_bytes()[:150])
    code, error = train(data, *keys, "--resume_from_checkpoint", "true", output="killed")
    assert code == 2
    assert "checkpoint-8" in error and "half-written" in error


@pytest.mark.parametrize("other", [["--hidden_size", "5"], ["--freeze_embeddings", "true"]], ids=" ".join)
def test_other_settings_are_refused(train, stopped, other):
    data, keys, killed = stopped
    code, error = train(data, *keys, *other, "--resume_from_checkpoint", "true", output="killed")
    assert code == 2
    assert "settings that the run was started with" in error
