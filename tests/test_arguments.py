"""From YAML and command line to typed arguments, and every way of getting a key wrong."""

from dataclasses import dataclass, field, fields

import pytest
import yaml

from hf_textclf.arguments import Parser
from hf_textclf.cli.commands import read_argv
from hf_textclf.cli.main import main
from hf_textclf.data import DataArguments, TextArguments
from hf_textclf.errors import UserError
from hf_textclf.files import bundled, read_yaml
from hf_textclf.models.auto import MODELS
from hf_textclf.training import TrainerArguments
from hf_textclf.training.arguments import (
    LanguageModelArguments,
    ModelArguments,
    NewModelArguments,
    PretrainingArguments,
)
from hf_textclf.training.calls import LINEAR, settle
from hf_textclf.training.linear import LinearArguments

CONFIGS = sorted(bundled("configs").glob("*.yaml"))


def train_parser():
    return Parser([DataArguments, ModelArguments, NewModelArguments, TrainerArguments], prog="hf-textclf train")


def parse(parser, argv, **options):
    return parser.make(read_argv(parser, argv), **options)


def pretrain_parser():
    kinds = [TextArguments, PretrainingArguments, LanguageModelArguments, TrainerArguments]
    return Parser(kinds, prog="hf-textclf pretrain")


def keys(text, tmp_path, *tokens):
    """Parse a YAML file and further tokens, and return the values of all keys."""
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    parsed = parse(train_parser(), ["--config", str(tmp_path / "a.yaml"), "--output_dir", "out", *tokens])
    return {name: value for part in parsed for name, value in vars(part).items()}


def refused(function):
    with pytest.raises(UserError) as caught:
        function()
    message = str(caught.value)
    assert "\n" not in message and "usage:" not in message
    return message


def test_yaml_keys_are_flags(tmp_path):
    found = keys(
        "dataset: a.csv\nlearning_rate: 1e-3\nbidirectional: true\nuse_cpu: yes\nhidden_size: 7\npooling: mean\n"
        "label_column: [x, y]\nlabel_names: [neg, 'no', 3]\noptim_args: null\nrevision:\n"
        "lr_scheduler_kwargs: {min_lr: 1.0e-6}\nlabel_separator: ';'\nnum_train_epochs: 2\n",
        tmp_path,
    )
    # PyYAML itself reads 1e-3, without a dot, as text
    assert found["learning_rate"] == 1e-3 and isinstance(found["learning_rate"], float)
    assert found["bidirectional"] is True and found["use_cpu"] is True
    assert (found["hidden_size"], found["pooling"], found["num_train_epochs"]) == (7, "mean", 2)
    assert (found["label_column"], found["label_names"]) == (["x", "y"], ["neg", "no", "3"])
    assert found["lr_scheduler_kwargs"] == {"min_lr": 1e-6}
    assert found["label_separator"] == ";"
    assert found["revision"] is None and found["embedding_size"] is None


def test_command_line_wins(tmp_path):
    text = "dataset: a.csv\nlearning_rate: 1e-3\nlabel_column: [x, y]\nbidirectional: true\n"
    tokens = ["--learning_rate=2e-3", "--label_column", "z", "--bidirectional", "false", "--dataset", "b c.csv"]
    found = keys(text, tmp_path, *tokens)
    assert (found["learning_rate"], found["label_column"]) == (2e-3, ["z"])
    assert (found["bidirectional"], found["dataset"]) == (False, "b c.csv")


def test_values_that_look_like_flags(tmp_path):
    text = "dataset: a.csv\nlabel_names: ['-1', '- x', '+ 1']\npositive_label: '-1'\n"
    found = keys(text, tmp_path)
    assert (found["label_names"], found["positive_label"]) == (["-1", "- x", "+ 1"], "-1")


def test_before_is_the_weakest(tmp_path):
    @dataclass
    class Some:
        size: int = 1
        names: list[str] = field(default_factory=list)
        kind: str = "x"

    (tmp_path / "a.yaml").write_text("size: 3")
    before = {"size": 2, "names": ["a", "b"], "foreign": 1, "kind": "y"}
    (some,) = parse(Parser([Some], prog="p"), ["--config", str(tmp_path / "a.yaml"), "--kind", "z"], recorded=before)
    assert some == Some(3, ["a", "b"], "z")


@pytest.mark.parametrize(
    ("text", "tokens", "words"),
    [
        ("learning_rat: 1", [], ["'learning_rat'", "a.yaml", "'learning_rate'"]),
        ("hidden_szie: 4", [], ["'hidden_szie'", "'hidden_size'"]),
        ("zzz: 1", [], ["'zzz'", "--help"]),
        ("3: 1", [], ["'3'"]),
        ("dataset: x", ["--hidden_szie", "4"], ["'hidden_szie'", "command line", "'hidden_size'"]),
        ("dataset: x", ["--hidden_szie=4"], ["'hidden_szie'", "'hidden_size'"]),
        # abbreviations, which argparse takes by default
        ("hidden: 1", [], ["'hidden'"]),
        ("dataset: x", ["--hidden", "4"], ["'hidden'"]),
        ("dataset: x", ["--conf", "b.yaml"], ["'conf'"]),
        ("dataset: x", ["stray"], ["'stray'"]),
        ("hidden_size: big", [], ["hidden_size", "int", "'big'"]),
        ("hidden_size: 1.5", [], ["hidden_size", "'1.5'"]),
        ("learning_rate: fast", [], ["learning_rate", "'fast'"]),
        ("bidirectional: maybe", [], ["bidirectional", "maybe"]),
        ("hidden_size: [1, 2]", [], ["hidden_size", "[1, 2]"]),
        ("bidirectional: [true]", [], ["bidirectional", "[True]"]),
        ("pooling: middle", [], ["pooling", "'middle'", "mean_max"]),
        ("truncation: middle", [], ["truncation", "'middle'", "head_tail"]),
        ("eval_strategy: never", [], ["eval_strategy", "never"]),
        ("dataset: x", ["--hidden_size"], ["hidden_size", "expected one argument"]),
        ("dataset: x", ["--config"], ["config", "expected one argument"]),
        ("load_best_model_at_end: true\neval_strategy: 'no'\ndataset: x", [], ["load_best_model_at_end", "strategy"]),
        ("", [], ["a.yaml", "nothing"]),
        ("# only a comment\n", [], ["nothing"]),
        ("---\n...\n", [], ["nothing"]),
        ("just words", [], ["'just words'", "key: value"]),
        ("- a\n- b\n", [], ["['a', 'b']", "key: value"]),
        ("a: [1\nb: 2", [], ["a.yaml", "not YAML"]),
        ("a: \x00", [], ["not YAML"]),
        ("seed: 1\ndataset: x\nseed: 2", [], ["'seed'", "2 times"]),
        ("config: b.yaml", [], ["'config'"]),
        ("help: true", [], ["'help'"]),
        ("[1, 2]: 3", [], ["a.yaml"]),
    ],
)
def test_refused(tmp_path, text, tokens, words):
    message = refused(lambda: keys(text, tmp_path, *tokens))
    for word in words:
        assert word in message, message


def test_missing_keys(tmp_path):
    assert "--dataset" in refused(lambda: parse(train_parser(), ["--output_dir", "x"]))


def test_files_that_are_no_yaml_text(tmp_path):
    (tmp_path / "a.yaml").write_bytes("dataset: 好".encode("gb18030"))
    assert "not YAML" in refused(lambda: read_yaml(tmp_path / "a.yaml"))
    (tmp_path / "b.yaml").write_bytes("\ufeffdataset: 好\r\nseed: 3\r\n".encode())
    assert read_yaml(tmp_path / "b.yaml") == {"dataset": "好", "seed": 3}


def test_missing_config_lists_the_known(tmp_path):
    for name in ("none", "configs/none.yaml", str(tmp_path / "none.yaml"), str(tmp_path)):
        message = refused(lambda name=name: parse(train_parser(), ["--config", name]))
        assert repr(name) in message and "demo_lstm" in message


@pytest.mark.parametrize("name", ["demo_lstm", "demo_lstm.yaml", "configs/demo_lstm.yaml"])
def test_bundled_config_by_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    data, *_ = parse(train_parser(), ["--config", name, "--output_dir", "out"])
    assert data.dataset == "samples/news_en"


@pytest.mark.parametrize("path", CONFIGS, ids=[path.stem for path in CONFIGS])
def test_bundled_configs_parse(path):
    """Each names known keys only, and what it says is what the run gets."""
    parser = pretrain_parser() if path.stem.endswith("_lm") else train_parser()
    if settle({"config": str(path)})[1] == LINEAR:
        parser = Parser([DataArguments, LinearArguments])
    parsed = parse(parser, ["--config", str(path), "--output_dir", "out", "--dataset", "x"])
    found = {name: value for part in parsed for name, value in vars(part).items()}
    for key, value in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        got = found[key]
        if key != "dataset" and isinstance(value, int | float | list):
            assert got == value, key


def test_a_key_of_two_families_means_one_thing():
    """`--classifier_dropout` is one flag, so all families must take the same values for it."""
    types = {}
    for config, _, _ in MODELS:
        for name, annotation in config.__annotations__.items():
            assert types.setdefault(name, annotation) == annotation, name


def test_every_key_has_a_help_text():
    for part in (DataArguments, ModelArguments, NewModelArguments, PretrainingArguments, LinearArguments):
        for item in fields(part):
            assert item.metadata["help"], item.name
    assert "--bidirectional" in train_parser().format_help()


@pytest.mark.parametrize("line", ["label_names: [no, yes]", "positive_label: yes"])
def test_yaml_booleans_are_no_names(tmp_path, line):
    path = tmp_path / "labels.yaml"
    path.write_text(f"dataset: samples/news_en\n{line}\n")
    with pytest.raises(UserError, match="quotes"):
        parse(Parser([DataArguments]), ["--config", str(path)])


def test_a_misspelt_key_is_named_before_the_one_that_is_missed(capsys):
    assert main(["train", "--datset", "reviews.csv", "--output_dir", "run"]) == 2
    assert "unknown key 'datset' (command line); did you mean 'dataset'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "number", ["vocab_size=0", "vocab_size=2000000000", "block_size=0", "seed=-1", "max_steps=0", "learning_rate=nan"]
)
def test_numbers_out_of_range(number):
    for parser in (pretrain_parser(), train_parser()):
        if (key := number.partition("=")[0]) in parser.keys:
            argv = ["--dataset", "a.csv", "--output_dir", "out", f"--{number}"]
            assert f"{key}=" in (message := refused(lambda: parse(parser, argv))) and "out of range" in message  # noqa: B023
