"""The real command under `accelerate launch`, with two processes."""

import json
import os
import re
import subprocess
import sys

import pytest
import torch
from small_runs import empty_config

from hf_textclf import Classifier


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path):
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("torch comes without gloo: no two processes")
    # with --cpu, accelerate 1.15 starts one process whatever --num_processes says; this way it needs no GPU either
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    launch += ["--main_process_port", "0", "-m", "hf_textclf.cli", "train"]
    keys = "--dataset samples/opinions_en --label_column rating --vocab_size 300 --embedding_size 11 --hidden_size 7"
    keys += (
        " --max_steps 3 --per_device_train_batch_size 4 --train_sampling_strategy group_by_length --logging_steps 1"
    )
    keys += " --class_weights balanced --calibrate true --use_cpu true"
    done = subprocess.run(
        [*launch, "--config", str(empty_config(tmp_path)), "--output_dir", str(tmp_path / "run"), *keys.split()],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("saved to ") == 1
    assert len(re.findall(r"^  accuracy ", done.stdout, re.MULTILINE)) == 1
    # the data are described once, by the main process
    assert done.stderr.count("rows: train") == 1
    results = json.loads((tmp_path / "run" / "eval_results.json").read_text())
    assert results["rows"] == 64 and results["hardware"].startswith("2 ")
    classifier = Classifier(str(tmp_path / "run"))
    assert classifier.system.model.config.calibration["temperature"] == results["calibration"]["temperature"] != 1
    assert len(classifier(["A good film."])[0].probabilities) == 5
