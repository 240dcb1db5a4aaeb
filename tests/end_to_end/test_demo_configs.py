"""The bundled demos run on the embedded samples alone: no Hub, no cache of it, no package that carries a model."""

import pytest
import yaml
from huggingface_hub import constants

from hf_textclf.cli.main import main
from hf_textclf.files import bundled

DEMOS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(bundled("configs").glob("demo_*.yaml"))}
PRETRAINED = [name for name, keys in DEMOS.items() if {"model_name_or_path", "encoder_name_or_path"} & keys.keys()]
FEW = ["--max_steps", "2", "--use_cpu", "true", "--disable_tqdm", "true"]


@pytest.mark.parametrize("name", [name for name in DEMOS if name not in PRETRAINED])
def test_demo_without_a_hub(name, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    command = "pretrain" if "splits" in DEMOS[name] else "train"
    steps = [] if DEMOS[name].get("model_type") else FEW
    assert main([command, "--config", name, "--output_dir", str(tmp_path / "run"), *steps]) == 0
    assert not (tmp_path / "empty").exists()


@pytest.mark.parametrize("name", PRETRAINED)
def test_demo_of_a_pretrained_model_says_what_it_needs(name, tmp_path, refused_command, monkeypatch):
    """What starts from MiniLM cannot do without; it says so at once."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "empty"))
    command = ["train", "--config", name, "--output_dir", tmp_path / "run", *FEW]
    refused_command(*command, words=["all-MiniLM-L6-v2", "online"])
    assert not (tmp_path / "run").exists()


def test_demos_that_need_a_pretrained_model():
    assert PRETRAINED == ["demo_bert", "demo_frozen"]
