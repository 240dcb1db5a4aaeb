"""Outputs: held by one command, new or refused, whole or not there."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import get_context

import pytest

from hf_textclf.data import write_rows
from hf_textclf.errors import UserError
from hf_textclf.files import hold_file, hold_folder, new_file, new_folder, whole
from tests.helpers.small_runs import write_csv

ROWS = [{"text": f"room {n}", "label": "ab"[n % 2]} for n in range(30)]


def test_whole(tmp_path):
    path = tmp_path / "a.txt"
    with whole(path) as partial:
        partial.write_text("new")
        assert not path.exists()
    with pytest.raises(RuntimeError), whole(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_what_appears_meanwhile_stays(tmp_path, monkeypatch, links):
    def no_link(source, target):
        raise OSError("no file system for that")

    if not links:
        monkeypatch.setattr(os, "link", no_link)
    path = tmp_path / "a.txt"
    with pytest.raises(UserError, match="appeared meanwhile") as error, whole(path, new=True) as partial:
        partial.write_text("mine")
        path.write_text("theirs")
    [kept] = set(tmp_path.iterdir()) - {path}
    assert path.read_text() == "theirs" and kept.read_text() == "mine" and str(kept) in str(error.value)
    path.unlink()
    with whole(path, new=True) as partial:
        partial.write_text("mine")
    assert path.read_text() == "mine" and {*tmp_path.iterdir()} == {path, kept}


def test_new_file(tmp_path):
    path = tmp_path / "a.txt"
    assert new_file(path) == path and not list(tmp_path.iterdir())
    path.symlink_to(tmp_path / "nothing")
    with pytest.raises(UserError, match="exists"):
        new_file(path)


def test_a_folder_is_held(tmp_path):
    output = tmp_path / "a" / "b"
    with hold_folder(output):
        assert new_folder(output) == output
        with pytest.raises(UserError, match="another command"), hold_folder(output):
            raise AssertionError("held twice")
        assert output.is_dir()
    assert not list(tmp_path.iterdir())
    with hold_folder(output):
        (output / "file").touch()
    assert [path.name for path in output.iterdir()] == ["file"]
    with pytest.raises(UserError, match="already holds"):
        new_folder(output)


def test_a_killed_command_holds_nothing(tmp_path):
    """Nor does what it has left keep the same command from being run again."""
    process = get_context("spawn").Process(target=_hold_for_ever, args=[tmp_path / "run"])
    process.start()
    while not (tmp_path / "run" / ".partial-1").exists():
        time.sleep(0.05)
    with pytest.raises(UserError, match="another command"), hold_folder(tmp_path / "run"):
        raise AssertionError("held twice")
    process.kill()
    process.join()
    with hold_folder(new_folder(tmp_path / "run")):
        pass
    # it was there before
    assert not list((tmp_path / "run").iterdir())


def _hold_for_ever(folder):
    with hold_folder(folder):
        (folder / ".partial-1").mkdir()
        time.sleep(60)


@pytest.mark.parametrize(
    "command",
    [
        "train --config {tiny} --dataset {data} --output_dir {out}",
        "train --model_type maxent --dataset {data} --output_dir {out}",
        "pretrain --dataset {data} --output_dir {out}",
        "evaluate {model} --output_dir {out}",
        "compare {model} --output_dir {out}",
    ],
)
def test_a_second_command_is_refused(refused_command, trained_models, tiny_yaml, tmp_path, command):
    names = {"tiny": tiny_yaml, "out": tmp_path / "out", "model": trained_models / "single"}
    names["data"] = write_csv(tmp_path / "weather.csv", {"cold": "cold", "warm": "warm"})
    with hold_folder(tmp_path / "out"):
        refused_command(*command.format_map(names).split(), words=["another command", "out"])
        assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


def test_a_second_prediction_is_refused(refused_command, trained_models, tmp_path):
    write_rows(tmp_path / "in.csv", ROWS)
    with hold_file(tmp_path / "out.csv"):
        command = ["predict", trained_models / "single", tmp_path / "in.csv", "--output", tmp_path / "out.csv"]
        refused_command(*command, words=["another command", "out.csv"])
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_second_calibration_is_refused(refused_command, trained_models):
    with hold_folder(trained_models / "single"):
        refused_command("calibrate", trained_models / "single", words=["another command"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_a_stopped_prediction_leaves_nothing(trained_models, tmp_path, name):
    write_rows(tmp_path / "in.csv", ROWS * 20_000)
    command = [sys.executable, "-m", "hf_textclf.cli", "predict", trained_models / "single", tmp_path / "in.csv"]
    process = subprocess.Popen([*command, "--output", tmp_path / "out.csv"], stderr=subprocess.PIPE, text=True)
    while not (partial := tmp_path / ".out.csv.partial").exists() or not partial.stat().st_size:
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(getattr(signal, name))
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + getattr(signal, name)
    assert error.splitlines()[-1].startswith("hf-textclf: error: stopped by "), error
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
