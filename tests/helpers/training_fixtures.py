"""Training runs of the real command, inside the test's process, on data as small as they come."""

import gc

import datasets
import pytest
import torch
import yaml
from transformers import BertConfig, BertModel

from hf_textclf.cli.main import main
from hf_textclf.training.features import FOLDER
from tests.helpers.small_runs import QUIET, TINY, TUNED, empty_config, write_csv
from tests.helpers.tiny import wordpiece_tokenizer


@pytest.fixture(autouse=True, scope="session")
def quick_garbage_collection():
    """Each Trainer collects garbage, a third of a second over all that imports left behind, which is none."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def weather(tmp_path):
    """Two classes, 24 rows."""
    return write_csv(tmp_path / "weather.csv", {"cold": "cold", "warm": "warm"})


@pytest.fixture
def train(tmp_path, capsys):
    """Call `hf-textclf train`; returns the exit code and what came on standard error."""

    def run(dataset, *tokens, output="run", new=True):
        capsys.readouterr()
        keys = ["--dataset", dataset, "--output_dir", str(tmp_path / output), *QUIET, *(TINY if new else [])]
        if "--max_steps" not in tokens:
            keys += ["--max_steps", "1"]
        code = main(["train", "--config", str(empty_config(tmp_path)), *keys, *map(str, tokens)])
        return code, capsys.readouterr().err

    return run


@pytest.fixture
def refused_training(train, tmp_path):
    """Call `hf-textclf train` and return its one-line complaint; nothing may have been written."""

    def run(dataset, *tokens, new=True):
        before = sorted(tmp_path.rglob("*"))
        code, error = train(dataset, *tokens, new=new)
        assert code == 2
        assert sorted(set(tmp_path.rglob("*")) - {tmp_path / "plain.yaml"}) == [
            path for path in before if path.name != "plain.yaml"
        ]
        complaints = [line for line in error.splitlines() if line.startswith("hf-textclf: error: ")]
        assert len(complaints) == 1, error
        assert "Traceback" not in error
        return complaints[0]

    return run


@pytest.fixture
def bert(tmp_path):
    torch.manual_seed(0)
    folder = tmp_path / "bert"
    config = BertConfig(
        vocab_size=99, hidden_size=12, num_hidden_layers=1, num_attention_heads=3, intermediate_size=17,
        max_position_embeddings=13,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    wordpiece_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def cache(tmp_path_factory, monkeypatch):
    """A cache of `datasets` of the test's own; returns where features lie in it."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder)
    return folder / FOLDER


@pytest.fixture
def tune(tmp_path, capsys):
    """Call `hf-textclf tune` with a search space; returns the exit code and what came on standard error."""
    config = empty_config(tmp_path)
    data = write_csv(tmp_path / "weather.csv", {"cold": "cold", "warm": "warm"}, rows=80)
    keys = ["--dataset", data, *TINY, *TUNED]

    def run(space, *tokens, output="search"):
        path = tmp_path / "space.yaml"
        path.write_text(yaml.safe_dump(space))
        capsys.readouterr()
        flags = ["--search_space", str(path), "--output_dir", str(tmp_path / output), *keys]
        code = main(["tune", "--config", str(config), *flags, *map(str, tokens)])
        run.out, error = capsys.readouterr()
        return code, error

    run.config, run.keys = config, keys
    return run
