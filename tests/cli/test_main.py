"""The command line as a whole: what it prints, where, and with which exit code."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch
import yaml
from safetensors import SafetensorError
from tqdm.auto import tqdm

from hf_textclf.cli.commands import COMMANDS, Command
from hf_textclf.cli.main import main
from hf_textclf.errors import UserError
from hf_textclf.files import whole
from tests.helpers.sample_models import error_line


def run(*tokens, cwd=None, stdin=b""):
    command = [sys.executable, "-m", "hf_textclf.cli", *map(str, tokens)]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=cwd, timeout=120)


def test_train_leaves_a_finished_folder(trained_models):
    for kind in ("single", "multi", "regression"):
        names = {path.name for path in (trained_models / kind).iterdir()}
        assert names >= {"config.json", "model.safetensors", "tokenizer.json", "README.md", "eval_results.json"}
        assert names >= {"run_config.yaml", "modeling_lstm.py", "configuration_lstm.py"}
        assert not [path for path in (trained_models / kind).rglob("*") if "partial" in path.name]
        results = json.loads((trained_models / kind / "eval_results.json").read_text())
        assert results["split"] == "validation" and results["rows"] > 40


def test_recorded_config_gives_the_same_run(trained_models, tmp_path):
    """`run_config.yaml` is a config like any other, and holds no path of where the run wrote."""
    recorded = trained_models / "single" / "run_config.yaml"
    assert str(trained_models) not in recorded.read_text()
    assert main(["train", "--config", str(recorded), "--output_dir", str(tmp_path / "again")]) == 0
    again = tmp_path / "again"
    assert yaml.safe_load((again / "run_config.yaml").read_text()) == yaml.safe_load(recorded.read_text())
    assert (again / "model.safetensors").read_bytes() == (trained_models / "single" / "model.safetensors").read_bytes()
    first, second = (json.loads((run / "eval_results.json").read_text()) for run in (trained_models / "single", again))
    assert first["metrics"] == second["metrics"]


def test_results_are_shown(trained_models, tmp_path, capsys):
    capsys.readouterr()
    assert main(["evaluate", str(trained_models / "single"), "--output_dir", str(tmp_path / "out")]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith("test: 70 texts\n") and "macro_f1" in out and "per_label" not in out


@pytest.mark.parametrize("tokens", [["--help"], ["-h"]])
def test_help(capsys, tokens):
    assert main(tokens) == 0
    out, err = capsys.readouterr()
    assert err == "" and all(f"\n    {name} " in out for name, command in COMMANDS.items() if command.help)


def test_no_command_shows_usage(capsys):
    assert main([]) == 2
    assert "usage:" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("train", ["--learning_rate", "--dataset", "--hidden_size", "--early_stopping_patience"]),
        ("evaluate", ["--split", "--dataset", "--output_dir"]),
        ("predict", ["--text_column", "--encoding", "--batch_size"]),
        ("compare", ["--dataset", "--output_dir", "--latency_texts", "95% intervals"]),
        ("gates", ["--text", "--layer"]),
    ],
)
def test_help_of_a_command(capsys, command, flags):
    assert main([command, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert all(flag in out for flag in flags)


def test_keyboard(monkeypatch, capsys):
    def interrupted(parser, given):
        raise KeyboardInterrupt

    for command, remedy in {"train": "--resume_from_checkpoint", "space": "goes on", "predict": "again"}.items():
        monkeypatch.setitem(COMMANDS, command, Command(interrupted, ""))
        assert main([command]) == 130
        assert remedy in error_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "weights"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        Exception("No space left on device (os error 28)"),
    ],
)
def test_full_disk(monkeypatch, capsys, error):
    """Each library has its own way to say so; real ones are in test_bad_input."""

    def full(parser, given):
        raise error

    monkeypatch.setitem(COMMANDS, "space", Command(full, ""))
    assert main(["space"]) == 2
    assert "no space left to write" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ask", "size"),
    [
        (lambda: torch.empty(10**15), "4000000000000000 bytes"),
        (lambda: np.empty(10**15), "7.11 PiB"),
        (lambda: [0] * 10**17, "not enough memory; "),
    ],
)
def test_memory_that_is_not_there(monkeypatch, capsys, ask, size):
    monkeypatch.setitem(COMMANDS, "space", Command(lambda parser, given: ask(), ""))
    assert main(["space"]) == 2
    error = capsys.readouterr().err
    assert "not enough memory" in error and size in error and error.count("\n") == 1


def test_a_bug_is_not_hidden(monkeypatch, capsys, tmp_path):
    """One line that names the traceback, in which no token stands."""

    token = "hf_" + "a1B2" * 8

    def broken(parser, given):
        raise KeyError("nobody\nthought of this", token)

    monkeypatch.setitem(COMMANDS, "space", Command(broken, ""))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["space"]) == 1
    error = capsys.readouterr().err
    [report] = tmp_path.iterdir()
    assert error.startswith("hf-textclf: error: a fault of ours: KeyError") and error.count("\n") == 1
    assert str(report) in error and "a1B2" not in error
    assert "in broken" in report.read_text() and "a1B2" not in report.read_text()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "weights"), ["weights: Permission denied", "permissions"]),
        (OSError(errno.EROFS, "Read-only file system", b"weights"), ["weights: Read-only", "permissions"]),
        (OSError(errno.ENAMETOOLONG, "File name too long", "a" * 300), ["too long", "shorter"]),
        (OSError(errno.EFBIG, "File too large", "modeling.py", None, "out/modeling.py"), ["write out/modeling.py;"]),
    ],
)
def test_what_the_machine_refuses(monkeypatch, capsys, error, words):
    def refused(parser, given):
        raise error

    monkeypatch.setitem(COMMANDS, "space", Command(refused, ""))
    assert main(["space"]) == 2
    line = error_line(capsys.readouterr().err, words=words)
    assert len(line) < 400


def test_an_error_stands_on_a_line_of_its_own(monkeypatch, capsys):
    def broken(parser, given):
        bar = tqdm(total=3, desc="training")
        bar.update()
        broken.bar = bar  # as the Trainer keeps it
        raise UserError("wrong, expected right")

    monkeypatch.setitem(COMMANDS, "space", Command(broken, ""))
    assert main(["space"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "hf-textclf: error: wrong, expected right"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_command_as_the_keyboard_does(monkeypatch, capsys, tmp_path, name):
    number = getattr(signal, name)

    def stopped(parser, given):
        with whole(tmp_path / "out.txt") as partial:
            partial.write_text("half")
            os.kill(os.getpid(), number)
            time.sleep(60)

    monkeypatch.setitem(COMMANDS, "space", Command(stopped, ""))
    before = signal.getsignal(number)
    assert main(["space"]) == 128 + number
    assert name in error_line(capsys.readouterr().err)
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(number) is before


def test_no_signal_where_nohup_has_decided(monkeypatch):
    monkeypatch.setitem(COMMANDS, "space", Command(lambda *_: os.kill(os.getpid(), signal.SIGHUP), ""))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["space"]) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_standard_output_that_is_closed_or_poor(tmp_path):
    """Help into a closed pipe, results where no output is, labels in an encoding that lacks their characters."""
    command = f"{sys.executable} -m hf_textclf.cli"
    shell = f"{command} train --help_all | head -1; {command} --version >&-; {command} predict a b --output - >&-"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.stdout.startswith("usage: ") and done.stdout.count("\n") == 1
    assert "standard output is closed" in error_line(done.stderr) and done.returncode == 2
    code = "import sys; from hf_textclf.cli import main; from hf_textclf.cli.commands import COMMANDS, Command\n"
    code += "from hf_textclf.data import write_rows\n"
    code += "def run(*_): print('情'); write_rows('-', [{'text': '情'}], format='csv')\n"
    code += "COMMANDS['card'] = Command(run, ''); sys.exit(main(['card']))"
    poor = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=poor, timeout=120)
    # figures are told somehow, data are UTF-8 as in files
    assert done.returncode == 0 and done.stdout.decode().split() == [r"\u60c5", "text", "情"], done.stderr


def test_outside_of_the_main_thread(capsys):
    thread = threading.Thread(target=main, args=[["--version"]])
    thread.start()
    thread.join()
    assert capsys.readouterr().out.startswith("hf-textclf ")


def test_real_process_from_stdin_to_stdout(trained_models):
    """Data on standard output and nothing else there; progress and the count on standard error."""
    done = run("predict", trained_models / "single", "-", stdin="房间很好\r\n\r\n服务太差\r\n".encode())
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [row["text"] for row in rows] == ["房间很好", "", "服务太差"]
    assert set(rows[0]) == {"text", "label", "score"} | {
        f"probability_{n}" for n in ("negative", "neutral", "positive")
    }
    assert b"predicting" in done.stderr and b"3 rows written to standard output" in done.stderr


def test_real_process_refuses_in_one_line(tmp_path):
    done = run("train", "--config", "demo_lstm", "--output_dir", "out", "--dataset", "none.csv", cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == b""
    assert done.stderr.startswith(b"hf-textclf: error: no dataset 'none.csv'") and done.stderr.count(b"\n") == 1
    assert not list(tmp_path.iterdir())
