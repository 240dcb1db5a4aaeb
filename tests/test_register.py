"""What `import hf_textclf` does: it registers the models with the Auto classes, and nothing else."""

import subprocess
import sys

import pytest
from tiny import tiny_config
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

import hf_textclf
from hf_textclf import LSTMConfig, LSTMForSequenceClassification, LSTMModel
from hf_textclf.register import MODELS

# each costs seconds to import and none is needed to load a model
HEAVY = ["transformers.trainer", "datasets", "evaluate", "gradio", "sklearn", "matplotlib"]


@pytest.mark.parametrize(
    ("auto", "model"),
    [(AutoModel, LSTMModel), (AutoModelForSequenceClassification, LSTMForSequenceClassification)],
)
def test_auto_classes_resolve(auto, model):
    assert type(auto.from_config(tiny_config())) is model


def test_auto_config_resolves(tmp_path):
    config = tiny_config(pooling="mean")
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert type(loaded) is LSTMConfig
    assert loaded.to_diff_dict() == config.to_diff_dict()
    assert type(AutoConfig.for_model("textclf_lstm")) is LSTMConfig


def test_registering_again_changes_nothing():
    before = [type(auto.from_config(config())) for config, auto, _ in MODELS]
    hf_textclf.register()
    hf_textclf.register()
    assert [type(auto.from_config(config())) for config, auto, _ in MODELS] == before


def test_the_first_public_names():
    """What users import must not vanish."""
    names = {"LSTMConfig", "LSTMForSequenceClassification", "LSTMModel", "register"}
    assert names <= set(hf_textclf.__all__)
    assert all(hasattr(hf_textclf, name) for name in hf_textclf.__all__)


def test_import_is_light():
    code = f"import sys, hf_textclf; print([name for name in {HEAVY} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    assert out.stdout.strip() == "[]"
    assert out.stderr == ""
