"""The real command under `accelerate launch`, with two processes."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from hf_textclf import Classifier
from hf_textclf.cli.main import main
from hf_textclf.training.features import FOLDER
from tests.helpers.small_runs import TINY, empty_config, write_csv


def train_with_two_processes(tmp_path, keys, **variables):
    """Run `hf-textclf train` in two processes; returns the finished launch."""
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("torch comes without gloo: no two processes")
    # with --cpu, accelerate 1.15 starts one process whatever --num_processes says; this way it needs no GPU either
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    launch += ["--main_process_port", "0", "-m", "hf_textclf.cli", "train"]
    done = subprocess.run(
        [*launch, "--config", str(empty_config(tmp_path)), "--output_dir", str(tmp_path / "run"), *keys.split()],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | variables, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path):
    keys = "--dataset samples/opinions_en --label_column rating --vocab_size 300 --embedding_size 11 --hidden_size 7"
    keys += (
        " --max_steps 3 --per_device_train_batch_size 4 --train_sampling_strategy group_by_length --logging_steps 1"
    )
    keys += " --class_weights balanced --calibrate true --use_cpu true"
    done = train_with_two_processes(tmp_path, keys)
    assert done.stdout.count("saved to ") == 1
    assert len(re.findall(r"^  accuracy ", done.stdout, re.MULTILINE)) == 1
    # the data are described once, by the main process
    assert done.stderr.count("rows: train") == 1
    results = json.loads((tmp_path / "run" / "eval_results.json").read_text())
    assert results["rows"] == 64 and results["hardware"].startswith("2 ")
    classifier = Classifier(str(tmp_path / "run"))
    assert classifier.predictor.model.config.calibration["temperature"] == results["calibration"]["temperature"] != 1
    assert len(classifier(["A good film."])[0].probabilities) == 5


@pytest.mark.slow
def test_two_processes_resume(tmp_path, refused_command):
    """The random numbers of each process go on where they were; another number of processes makes other steps."""
    keys = f"--dataset samples/opinions_en --label_column rating {' '.join(TINY)} --max_steps 8 --save_strategy steps"
    keys += " --save_steps 4 --save_total_limit 9 --locked_dropout 0.3 --use_cpu true"
    train_with_two_processes(tmp_path, keys)
    run = tmp_path / "run"
    alone = load_file(run / "model.safetensors")
    shutil.rmtree(run / "checkpoint-8")
    for file in [path for path in run.iterdir() if path.is_file()]:
        file.unlink()
    resume = ["--resume_from_checkpoint", "true"]
    command = ["train", "--config", empty_config(tmp_path), "--output_dir", run, *keys.split(), *resume]
    refused_command(*command, words=["1 process(es)", "trained by 2", "--gradient_accumulation_steps"])
    train_with_two_processes(tmp_path, f"{keys} {' '.join(resume)}")
    resumed = load_file(run / "model.safetensors")
    assert all(torch.equal(alone[name], resumed[name]) for name in alone)


@pytest.mark.slow
def test_two_processes_train_one_language_model(tmp_path):
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    keys = "--config demo_lm --num_train_epochs 2 --use_cpu true --bf16 true --disable_tqdm true".split()
    done = subprocess.run(
        [*launch, "-m", "hf_textclf.cli", "pretrain", *keys, "--output_dir", str(tmp_path / "lm")],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("saved to ") == 1
    results = json.loads((tmp_path / "lm" / "eval_results.json").read_text())
    assert results["hardware"].startswith("2 ") and results["metrics"]["perplexity"] < 2000


def test_two_processes_share_features(tmp_path, bert, weather):
    """The first computes them, the second reads what the first has written."""
    keys = f"--dataset {weather} --model_type textclf_frozen --encoder_name_or_path {bert} --max_length 13"
    keys += " --max_steps 3 --per_device_train_batch_size 4 --use_cpu true"
    done = train_with_two_processes(tmp_path, keys, HF_DATASETS_CACHE=str(tmp_path / "cache"))
    assert done.stderr.count("features of train:   0%") == done.stderr.count("features of validation:   0%") == 1
    assert len(list((tmp_path / "cache" / FOLDER).iterdir())) == 2
    results = json.loads((tmp_path / "run" / "eval_results.json").read_text())
    assert results["rows"] == 2 and results["hardware"].startswith("2 ")


def test_two_processes_free_one_layer_after_the_other(tmp_path):
    data = write_csv(tmp_path / "weather.csv", {"cold": "cold", "warm": "warm"}, rows=40)
    keys = f"--dataset {data} --max_train_samples 32 --num_hidden_layers 2 {' '.join(TINY)} --gradual_unfreezing true"
    # weight decay would move what has a gradient of zero in place of none
    keys += " --num_train_epochs 4 --optim sgd --learning_rate 1 --layerwise_lr_decay 0.5 --weight_decay 0.1"
    keys += " --train_sampling_strategy group_by_length --save_total_limit 9 --use_cpu true --disable_tqdm true"
    # left at false, the processes would wait for the gradients of frozen parts
    keys += " --ddp_find_unused_parameters false --per_device_train_batch_size "
    alone = ["--config", str(empty_config(tmp_path)), "--output_dir", str(tmp_path / "alone")]
    assert main(["train", *alone, *f"{keys} 8".split()]) == 0
    train_with_two_processes(tmp_path, f"{keys} 4")
    for step in (4, 8, 12, 16):
        one, two = (load_file(tmp_path / run / f"checkpoint-{step}/model.safetensors") for run in ("alone", "run"))
        assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one), step


@pytest.mark.slow
def test_two_processes_read_long_texts_as_one_does(tmp_path):
    """The network, and what is learned after it: the attention over the sentences."""
    keys = "--dataset samples/opinions_en --label_column sentiment --document_strategy sentences --max_length 12"
    keys += " --sentence_weights attention --tokenizer_type word --vocab_size 600 --embedding_size 11 --hidden_size 7"
    # whole batches, since two processes fill up the last one of an epoch
    keys += " --max_train_samples 240 --num_train_epochs 5 --learning_rate 0.01 --pooling mean"
    keys += " --train_sampling_strategy group_by_length --use_cpu true --disable_tqdm true"
    keys += " --per_device_train_batch_size "
    alone = ["--config", str(empty_config(tmp_path)), "--output_dir", str(tmp_path / "alone")]
    assert main(["train", *alone, *f"{keys} 8".split()]) == 0
    done = train_with_two_processes(tmp_path, f"{keys} 4")
    assert done.stdout.count("saved to ") == 1
    for file in ("model.safetensors", "document.safetensors"):
        one, two = (load_file(tmp_path / run / file) for run in ("alone", "run"))
        assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one), file
        # trained, and not left at the zeros it may start from
        assert all(tensor.any() for tensor in one.values()), file
    one, two = (json.loads((tmp_path / run / "eval_results.json").read_text()) for run in ("alone", "run"))
    assert two["hardware"].startswith("2 ") and two["rows"] == one["rows"] == 64
    for name in ("log_loss", "macro_f1"):
        assert two["metrics"][name] == pytest.approx(one["metrics"][name], abs=1e-5)
