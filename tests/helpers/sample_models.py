"""Tiny models that the commands train on the samples, once for all tests here, and what a refusal looks like."""

import re

import pytest

from hf_textclf.cli.main import main

# sizes all differ; enough steps that the model's answers differ from text to text
TINY = """
tokenizer_type: word
vocab_size: 501
embedding_size: 11
hidden_size: 7
max_length: 20
max_steps: 40
per_device_train_batch_size: 32
learning_rate: 3e-2
train_sampling_strategy: random
load_best_model_at_end: false
seed: 42
disable_tqdm: true
"""
KINDS = {
    "single": ["--dataset", "samples/opinions_zh", "--label_column", "sentiment"],
    "multi": [
        "--dataset",
        "samples/news_zh",
        "--label_column",
        "topics",
        "--label_separator",
        ";",
        "--max_steps",
        "120",
    ],
    "regression": ["--dataset", "samples/opinions_zh", "--label_column", "rating", "--problem_type", "regression"],
}


@pytest.fixture(scope="session")
def tiny_yaml(tmp_path_factory):
    """The name of a YAML file of tiny sizes."""
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(TINY)
    return str(path)


@pytest.fixture(scope="session")
def trained_models(tiny_yaml, tmp_path_factory):
    """A folder with the finished models `single`, `multi` and `regression`, which no test may change."""
    folder = tmp_path_factory.mktemp("trained")
    for kind, flags in KINDS.items():
        assert main(["train", "--config", tiny_yaml, "--output_dir", str(folder / kind), *flags]) == 0
    return folder


@pytest.fixture
def refused_command(capsys):
    """Run a command in this process and return its refusal: exit code 2, one line with a remedy, nothing else."""

    def run(*tokens, words=()):
        capsys.readouterr()
        assert main([str(token) for token in tokens]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        return error_line(err, words=words)

    return run


def error_line(err, *, words=()):
    """The one line on standard error that progress bars leave."""
    lines = [line for line in re.split(r"[\r\n]+", err) if line.strip() and "%|" not in line and "text [" not in line]
    assert len(lines) == 1, err
    assert lines[0].startswith("hf-textclf: error: ") and len(lines[0]) < 600
    # what is wrong, then the way out
    assert "expected" in lines[0] or ";" in lines[0], lines[0]
    for word in words:
        assert str(word) in lines[0], lines[0]
    return lines[0]
