"""A run that is killed and resumed ends with the weights of the run left alone."""

import json
import os
import re
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


FILES = ["config.json", "model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"]
DAMAGES = {
    "missing": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:150]),
    "garbage": lambda file: file.write_bytes(b"\x93garbage" * 99),
    "another's": lambda file: file.write_text("[1]"),
}


def resume(train, stopped, *tokens, checkpoint="true"):
    data, keys, killed = stopped
    checkpoint = checkpoint if checkpoint == "true" else killed / checkpoint
    return train(data, *keys, "--resume_from_checkpoint", checkpoint, *tokens, output="killed")


@pytest.mark.parametrize("name", FILES)
def test_broken_checkpoint_is_passed_over(train, finished, stopped, name, caplog):
    DAMAGES["cut"](stopped[2] / "checkpoint-8" / name)
    code, error = resume(train, stopped)
    assert code == 0, error
    said = " ".join(caplog.messages)
    assert f"it is not whole: checkpoint-8/{name}" in said and re.search(r"resuming from \S+checkpoint-6", said)
    assert same(finished[2], stopped[2])


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_broken_checkpoint_that_is_named_is_refused(train, stopped, name, damage):
    before = snapshot(stopped[2])
    DAMAGES[damage](stopped[2] / "checkpoint-8" / name)
    damaged = snapshot(stopped[2])
    code, error = resume(train, stopped, checkpoint="checkpoint-8")
    assert code == 2 and error.count("\n") == 1
    assert f"checkpoint-8/{name} is missing or broken" in error and "checkpoint-6', the whole one before it" in error
    assert snapshot(stopped[2]) == damaged != before


def snapshot(folder):
    return {path: path.stat().st_size for path in folder.rglob("*")}


def test_first_checkpoint_is_broken(train, stopped):
    for step in (2, 4, 6, 8):
        DAMAGES["empty"](stopped[2] / f"checkpoint-{step}" / "scheduler.pt")
    code, error = resume(train, stopped, checkpoint="checkpoint-2")
    assert code == 2 and "checkpoint-2/scheduler.pt" in error and "take another output_dir" in error
    code, error = resume(train, stopped)
    assert code == 2 and "no whole checkpoint" in error


@pytest.mark.parametrize("name", ["checkpoint-9x", "checkpoint-", "checkpoint-0", "checkpoint-best"])
def test_folder_that_is_no_checkpoint(train, finished, stopped, name):
    copytree(stopped[2] / "checkpoint-4", stopped[2] / name)
    assert resume(train, stopped)[0] == 0
    assert same(finished[2], stopped[2])


@pytest.mark.parametrize(
    "other",
    [
        *("--hidden_size 5", "--freeze_embeddings true", "--learning_rate 0.5", "--pooling mean", "--seed 7"),
        *("--max_length 9", "--optim sgd", "--weight_decay 0.1", "--per_device_train_batch_size 4", "--max_steps 7"),
        *("--validation_size 0.5", "--label_smoothing_factor 0.1", "--gradient_accumulation_steps 2"),
    ],
)
def test_other_settings_are_refused(train, stopped, other, monkeypatch):
    # before data are read
    monkeypatch.setattr(sys.modules["hf_textclf.training.train"], "load_data", None)
    code, error = resume(train, stopped, *other.split())
    key, value = other.removeprefix("--").split()
    assert code == 2 and error.count("\n") == 1
    assert f"{key}={value}" in error.replace("True", "true") and "checkpoint-8' " in error
    assert "or train anew into another output_dir" in error or f"set --{key} 8 or more" in error


@pytest.mark.parametrize(
    "other",
    [
        *("--logging_steps 1", "--save_total_limit 2", "--report_to none", "--per_device_eval_batch_size 3"),
        *("--dataloader_num_workers 0", "--license mit", "--max_steps 12"),
        "--per_device_train_batch_size 4 --gradient_accumulation_steps 2",
    ],
)
def test_settings_that_change_no_result_may_differ(train, stopped, other):
    code, error = resume(train, stopped, *other.split())
    assert code == 0, error


def test_checkpoint_that_does_not_tell_its_settings(train, stopped):
    for step in (2, 4, 6, 8):
        (stopped[2] / f"checkpoint-{step}" / "run_config.yaml").unlink()
    code, error = resume(train, stopped, "--hidden_size", "5")
    assert code == 2 and "settings that the run was started with" in error
    code, error = resume(train, stopped, "--optim", "adafactor")
    assert code == 2 and error.count("hf-textclf: error: cannot resume from") == 1
    assert resume(train, stopped)[0] == 0


def history(folder):
    return json.loads((folder / "trainer_state.json").read_text())["log_history"]


@pytest.mark.parametrize("step", [4, 8])
def test_whole_run_is_counted(train, finished, stopped, step):
    """A resumed run tells the seconds and the loss of all its parts."""
    state = stopped[2] / f"checkpoint-{step}" / "trainer_state.json"
    values = json.loads(state.read_text())
    assert 0 < values["stateful_callbacks"]["WholeRun"]["args"]["seconds"] < 60
    values["stateful_callbacks"]["WholeRun"]["args"]["seconds"] += 1000
    state.write_text(json.dumps(values))
    assert resume(train, stopped, checkpoint=f"checkpoint-{step}")[0] == 0
    alone, resumed = (history(folder)[-1] for folder in (finished[2], stopped[2]))
    assert resumed["train_loss"] == pytest.approx(alone["train_loss"], rel=1e-6)
    assert 1000 < resumed["train_runtime"] < 1060
    assert resumed["train_steps_per_second"] == pytest.approx(9 / 1000, abs=1e-3)
    results = json.loads((stopped[2] / "eval_results.json").read_text())
    assert 1000 < results["train_seconds"] < 1060 and results["epochs"] == 1.5


def test_finished_run_that_is_resumed_counts_itself(train, finished, tmp_path):
    data, keys, alone = finished
    copytree(alone, tmp_path / "killed")
    assert resume(train, (data, keys, tmp_path / "killed"))[0] == 0
    assert same(alone, tmp_path / "killed")
    one, other = history(alone)[-1], history(tmp_path / "killed")[-1]
    assert other["train_loss"] == pytest.approx(one["train_loss"], rel=1e-6)
    assert other["train_runtime"] == pytest.approx(one["train_runtime"], abs=0.5)


@pytest.mark.parametrize("last", [-1, -2])
def test_early_stopping_goes_on_counting(train, tmp_path, last):
    """Resumed after one evaluation without a better metric, the run stops where the run left alone has stopped."""
    data = write_csv(tmp_path / "weather.csv", {"cold": "cold", "warm": "warm"}, rows=40)
    keys = "--num_train_epochs 9 --max_steps -1 --save_strategy epoch --eval_strategy epoch --save_total_limit 9 "
    keys = f"{keys} --load_best_model_at_end true --early_stopping_patience 3 --learning_rate 1e-9".split()
    assert train(data, *keys, output="alone")[0] == 0
    steps = sorted(int(path.name.split("-")[1]) for path in tmp_path.glob("alone/checkpoint-*"))
    assert len(steps) < 9
    copytree(tmp_path / "alone", tmp_path / "killed")
    for step in steps[last + 1 :] if last < -1 else ():
        rmtree(tmp_path / "killed" / f"checkpoint-{step}")
    resumed = [*keys, "--resume_from_checkpoint", "true"]
    assert train(data, *resumed, output="killed")[0] == 0
    assert [log["step"] for log in history(tmp_path / "killed")] == [
        log["step"] for log in history(tmp_path / "alone")
    ]


def test_best_model_of_a_run_that_was_moved(train, tmp_path):
    data = write_csv(tmp_path / "weather.csv", {"cold": "cold", "warm": "warm"}, rows=40)
    keys = "--num_train_epochs 3 --max_steps -1 --save_strategy epoch --eval_strategy epoch --save_total_limit 9 "
    keys = f"{keys} --load_best_model_at_end true --learning_rate 1e-9".split()
    assert train(data, *keys, output="alone")[0] == 0
    (tmp_path / "alone").rename(tmp_path / "killed")
    best = json.loads((tmp_path / "killed" / "trainer_state.json").read_text())["best_model_checkpoint"]
    resumed = [*keys, "--resume_from_checkpoint", "true"]
    assert train(data, *resumed, output="killed")[0] == 0
    assert json.loads((tmp_path / "killed" / "trainer_state.json").read_text())["best_model_checkpoint"] == best
    # and one that cannot be read is told before the run, not at its end
    (tmp_path / "killed" / best / "model.safetensors").write_bytes(b"")
    code, error = train(data, *resumed, output="killed")
    assert code == 2 and "no whole checkpoint" in error
