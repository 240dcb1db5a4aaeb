"""What a person can get wrong with data and saved folders: one line, exit code 2, nothing written.

The files themselves are tests/data's, settings of a run are tests/training's; here each goes through a command.
"""

import json
import resource
import shutil
import subprocess
import sys

import pytest

from hf_textclf.cli.main import main
from hf_textclf.data import write_rows
from tests.helpers.tiny import wordpiece_tokenizer

GOOD = [{"text": f"好 {n}", "label": "ab"[n % 2]} for n in range(20)]
TABLE = "text,label\n" + "".join(f"t{n},{'ab'[n % 2]}\n" for n in range(20))

DATA = {
    "empty": ("d.csv", b"", [], ["d.csv", "empty file"]),
    "header only": ("d.csv", b"text,label\n", [], ["d.csv", "header only"]),
    "one class": ("d.csv", b"text,label\na,x\nb,x\n", [], ["one class only", "'x'"]),
    "mixed label types": ("d.jsonl", b'{"text": "a", "label": 1}\n{"text": "b", "label": "x"}\n', [], ["1", "'x'"]),
    "missing text": ("d.csv", TABLE.encode() + b",a\n", [], ["1 rows without text", "--drop_missing"]),
    "missing label": ("d.csv", TABLE.encode() + b"t,\n", [], ["1 without label", "--drop_missing"]),
    "open quote": ("d.csv", TABLE.encode() + b'"never closed,b\nc,d\n', [], ["line 22", "not closed"]),
    "duplicate columns": ("d.csv", b"text,label,text\na,b,c\n", [], ["'text' stands twice"]),
    "invalid utf-8": ("d.csv", "text,label\n房,好\n".encode("gb18030"), [], ["0x", "--encoding"]),
    "wrong encoding": ("d.csv", "text,label\n房,好\n".encode(), ["--encoding", "ascii"], ["ascii", "--encoding"]),
    "not its format": ("d.csv", b"PK\x03\x04\x00\x00", [], ["Excel workbook", "csv"]),
    "unknown text column": ("d.csv", TABLE.encode(), ["--text_column", "txt"], ["'txt'", "text", "label"]),
    "unknown label column": ("d.csv", TABLE.encode(), ["--label_column", "lab"], ["'lab'", "text", "label"]),
    "too many validation rows": ("d.csv", TABLE.encode(), ["--validation_size", "1.5"], ["validation_size", "1.5"]),
    "no training rows": ("d.csv", TABLE.encode(), ["--max_train_samples", "0"], ["max_train_samples", "0"]),
    "no length": ("d.csv", TABLE.encode(), ["--max_length", "0"], ["max_length=0"]),
    "no words": ("d.csv", TABLE.encode(), ["--vocab_size", "1"], ["vocab_size", "1"]),
    "misspelt key": ("d.csv", TABLE.encode(), ["--learning_rat", "1"], ["'learning_rat'", "'learning_rate'"]),
    "abbreviated key": ("d.csv", TABLE.encode(), ["--learning", "1"], ["'learning'"]),
    "wrong type": ("d.csv", TABLE.encode(), ["--max_steps", "few"], ["max_steps", "'few'"]),
    "one key without a value": ("d.csv", TABLE.encode(), ["--config"], ["config", "expected one argument"]),
    "unknown config": ("d.csv", TABLE.encode(), ["--config", "demo_lsmt"], ["'demo_lsmt'", "demo_lstm"]),
}


@pytest.mark.parametrize("case", DATA)
def test_train(refused_command, tiny_yaml, tmp_path, monkeypatch, case):
    name, content, flags, words = DATA[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    command = ["train", "--config", tiny_yaml, "--dataset", name, "--output_dir", "out", *flags]
    refused_command(*command, words=words)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--dataset", "none.csv"], ["'none.csv'", "correct --dataset"]),
        (["--dataset", "owner/name"], ["'owner/name'", "network"]),
        (["--dataset", "samples/none"], ["'samples/none'", "samples/news_en"]),
        (["--dataset", "samples/news_zh", "--label_column", "topic", "--model_name_or_path", "owner/model"],
         ["'owner/model'", "online"]),
        (["--dataset", "samples/news_zh", "--label_column", "topic", "--tokenizer_name_or_path", "owner/model"],
         ["'owner/model'", "online"]),
        ([], ["--dataset"]),
    ],
)  # fmt: skip
def test_nothing_there(refused_command, tmp_path, flags, words):
    (tmp_path / "empty.yaml").write_text("seed: 1\n")
    refused_command(
        "train", "--config", tmp_path / "empty.yaml", "--output_dir", tmp_path / "out", *flags, words=words
    )
    assert not (tmp_path / "out").exists()


def test_label_in_test_unseen_in_train(refused_command, tiny_yaml, tmp_path):
    write_rows(tmp_path / "train.csv", GOOD)
    write_rows(tmp_path / "test.csv", [{"text": "好", "label": "c"}])
    command = ["train", "--config", tiny_yaml, "--dataset", tmp_path, "--output_dir", tmp_path / "out"]
    refused_command(*command, words=["'c'", "test", "1 rows"])
    assert not (tmp_path / "out").exists()


def test_commands(refused_command):
    refused_command("trian", words=["'trian'", "train, pretrain, tune, evaluate"])
    refused_command("evaluate", "a", "b", words=["'b'", "one too many"])
    refused_command("train", "stray", "--output_dir", "out", "--dataset", "samples/news_zh", words=["'stray'"])


def rewrite_config(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def cut_weights(folder, size):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])


def foreign_tokenizer(folder):
    wordpiece_tokenizer(99, add_special_tokens=False).save_pretrained(folder)
    table = json.loads((folder / "tokenizer.json").read_text())
    table["model"]["vocab"] |= {f"word{n}": 99 + n for n in range(900)}
    (folder / "tokenizer.json").write_text(json.dumps(table))


# the ways in which real folders become unreadable, and a word of what is said then
DAMAGES = {
    "garbage config": (
        lambda folder: (folder / "config.json").write_text('{"model_type": "textclf_l'),
        "config.json",
    ),
    "no config": (lambda folder: (folder / "config.json").unlink(), "cannot load a model"),
    "unknown model type": (lambda folder: (folder / "config.json").write_text('{"model_type": "gpt-9"}'), "gpt-9"),
    "config is a list": (lambda folder: (folder / "config.json").write_text("[1]"), "config.json"),
    "config of other sizes": (lambda folder: rewrite_config(folder, hidden_size=9), "cannot load a model"),
    "config with a wrong value": (lambda folder: rewrite_config(folder, pooling="median"), "median"),
    "truncated weights": (lambda folder: cut_weights(folder, -1000), "cannot load a model"),
    "a stub of weights": (lambda folder: cut_weights(folder, 5), "cannot load a model"),
    "empty weights": (lambda folder: cut_weights(folder, 0), "cannot load a model"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors"),
    "no tokenizer": (lambda folder: [path.unlink() for path in folder.glob("tokenizer*")], "tokenizer"),
    "no tokenizer.json": (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer"),
    "garbage tokenizer": (lambda folder: (folder / "tokenizer.json").write_text('{"version": "1.0", "t'), "tokenizer"),
    "tokenizer that disagrees": (foreign_tokenizer, "token ids"),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_damaged_folder(refused_command, trained_models, tmp_path, how):
    spoil, word = DAMAGES[how]
    folder = tmp_path / "model"
    shutil.copytree(trained_models / "single", folder)
    spoil(folder)
    before = sorted(path.name for path in folder.iterdir())
    write_rows(tmp_path / "in.csv", GOOD)
    refused_command("predict", folder, tmp_path / "in.csv", "--output", tmp_path / "out.csv", words=[word])
    refused_command("evaluate", folder, words=[word])
    assert not (tmp_path / "out.csv").exists()
    assert sorted(path.name for path in folder.iterdir()) == before
    further = ["--dataset", "samples/opinions_zh", "--label_column", "sentiment", "--output_dir", tmp_path / "out"]
    refused_command("train", "--model_name_or_path", folder, "--max_steps", 1, *further)
    assert not (tmp_path / "out").exists()


def test_headless_checkpoint(refused_command, trained_models, tmp_path):
    """A body without a trained classifier would answer at random."""
    from hf_textclf import LSTMModel

    folder = tmp_path / "model"
    shutil.copytree(trained_models / "single", folder)
    LSTMModel.from_pretrained(folder).save_pretrained(folder)
    write_rows(tmp_path / "in.csv", GOOD)
    command = ["predict", folder, tmp_path / "in.csv", "--output", tmp_path / "out.csv"]
    refused_command(*command, words=["lacks", "expected a trained classifier"])


def run_with_a_small_disk(limit, *tokens):
    """Run a command in a process that can write no file larger than `limit` bytes, as on a full disk."""
    return subprocess.run(
        [sys.executable, "-m", "hf_textclf.cli", *map(str, tokens)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_FSIZE")
def test_no_disk_space_to_predict(trained_models, tmp_path):
    write_rows(tmp_path / "in.csv", GOOD * 1000)
    out = tmp_path / "out.csv"
    done = run_with_a_small_disk(100_000, "predict", trained_models / "single", tmp_path / "in.csv", "--output", out)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.splitlines()[-1].startswith("hf-textclf: error: ") and "space" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_FSIZE")
# too little for the Python files, for the weights, for the state of the optimiser
@pytest.mark.parametrize("limit", [5_000, 15_000, 40_000])
def test_no_disk_space_to_train(tiny_yaml, tmp_path, limit):
    flags = ["--dataset", "samples/opinions_zh", "--label_column", "sentiment", "--max_steps", 2]
    out = tmp_path / "out"
    done = run_with_a_small_disk(limit, "train", "--config", tiny_yaml, "--output_dir", out, *flags)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.splitlines()[-1].startswith("hf-textclf: error: ") and "space" in done.stderr
    assert not (out / "config.json").exists()
    # nothing is left that would keep the same command from being run again
    assert main(["train", "--config", tiny_yaml, "--output_dir", str(out), *map(str, flags)]) == 0


@pytest.mark.slow
def test_fifty_thousand_classes(tmp_path, tiny_yaml):
    """Trained, judged and used."""
    rows = [{"text": f"w{n % 701} w{n % 97}", "label": f"c{n % 50_000}"} for n in range(51_000)]
    write_rows(tmp_path / "train.csv", rows)
    write_rows(tmp_path / "validation.csv", rows[:300])
    write_rows(tmp_path / "in.csv", [{"text": "w1 w2"}, {"text": ""}])
    out = tmp_path / "out"
    flags = ["--dataset", str(tmp_path), "--output_dir", str(out), "--max_steps", "3"]
    assert main(["train", "--config", tiny_yaml, *flags, "--per_device_eval_batch_size", "32"]) == 0
    assert len(json.loads((out / "config.json").read_text())["id2label"]) == 50_000
    assert main(["evaluate", str(out), "--split", "validation"]) == 0
    assert main(["predict", str(out), str(tmp_path / "in.csv"), "--output", str(tmp_path / "out.jsonl")]) == 0
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert len(first) == 50_003 and first["label"].startswith("c")


@pytest.mark.parametrize("flag", ["--dataset", "--dataset=", "--config", "--seed", "--no_such_flag", "--truncation"])
def test_no_error_shows_a_token(flag, tmp_path, capsys):
    token = "hf_" + "a1B2" * 8
    value = f"https://me:secret@example.org/{token}.csv"
    tokens = [flag + value] if flag.endswith("=") else [flag, value]
    assert main(["train", *tokens, "--output_dir", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert token not in error and "secret" not in error and error.count("\n") == 1
