"""`report_to`: trackio gets one whole run, without a network; what is not there is refused at once."""

import json
import os
import subprocess
import sys

import pytest

from hf_textclf.cli.main import main

RUN = "--dataset samples/opinions_zh --label_column sentiment --max_steps 4 --hidden_size 7 --logging_steps 1".split()
# found by Python in a folder on its path and imported before all else
NO_NETWORK = """
import pathlib, socket
def refuse(*wanted, **more):
    with calls.open("a") as file:
        print(wanted, file=file)
    raise OSError("no network")
calls = pathlib.Path(__file__).with_name("calls.txt")
calls.touch()
socket.socket.connect = socket.getaddrinfo = refuse
"""


@pytest.mark.slow
def test_trackio_without_a_network(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    env = os.environ | {"TRACKIO_DIR": str(tmp_path / "trackio"), "PYTHONPATH": path, "HF_HUB_OFFLINE": "0"}

    def run(*command):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    keys = ["--report_to", "trackio", "--project", "opinions", "--run_name", "first"]
    run("-m", "hf_textclf.cli", "train", *RUN, *keys, "--calibrate", "true", "--output_dir", "out")
    assert (tmp_path / "calls.txt").read_text() == ""

    # predictions after training open no second run
    trackio = ["-c", "from trackio.cli import main; main()"]
    assert json.loads(run(*trackio, "list", "runs", "--project", "opinions", "--json"))["runs"] == ["first"]
    history = json.loads((tmp_path / "out" / "trainer_state.json").read_text())["log_history"]
    for name in ("loss", "eval_loss", "eval_macro_f1"):
        metric = name.replace("eval_", "eval/") if "eval" in name else f"train/{name}"
        where = ["--project", "opinions", "--run", "first", "--metric", metric, "--json"]
        told = [point["value"] for point in json.loads(run(*trackio, "get", "metric", *where))["values"]]
        assert told and told == pytest.approx([entry[name] for entry in history if name in entry])


def test_what_is_not_installed(tmp_path, capsys):
    assert main(["train", *RUN, "--report_to", "nowhere", "--output_dir", str(tmp_path / "out")]) == 2
    assert "report_to 'nowhere' is not installed" in capsys.readouterr().err and not (tmp_path / "out").exists()
