"""The command line as a whole: what it prints, where, and with which exit code."""

import errno
import json
import subprocess
import sys

import pytest
import yaml
from safetensors import SafetensorError

from hf_textclf.cli.commands import COMMANDS, Command
from hf_textclf.cli.main import main


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

    monkeypatch.setitem(COMMANDS, "space", Command(interrupted, ""))
    assert main(["space"]) == 130
    assert capsys.readouterr().err.count("\n") == 1


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


def test_a_bug_is_not_hidden(monkeypatch):
    def broken(parser, given):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setitem(COMMANDS, "space", Command(broken, ""))
    with pytest.raises(PermissionError):
        main(["space"])


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
