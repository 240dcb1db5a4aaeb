"""What `import hf_textclf` does: it registers the models with the Auto classes, and nothing else."""

import subprocess
import sys

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

import hf_textclf
from hf_textclf import LSTMForSequenceClassification, LSTMModel
from hf_textclf.models.auto import MODELS
from hf_textclf.models.frozen import FrozenEncoderForSequenceClassification, FrozenEncoderModel
from tests.helpers.tiny import tiny_config, tiny_frozen_config

# each costs seconds to import and none is needed to load a model
HEAVY = ["transformers.trainer", "datasets", "evaluate", "gradio", "sklearn", "matplotlib"]


@pytest.mark.parametrize(
    ("config", "auto", "model"),
    [
        (tiny_config, AutoModel, LSTMModel),
        (tiny_config, AutoModelForSequenceClassification, LSTMForSequenceClassification),
        (tiny_frozen_config, AutoModel, FrozenEncoderModel),
        (tiny_frozen_config, AutoModelForSequenceClassification, FrozenEncoderForSequenceClassification),
    ],
)
def test_auto_classes_resolve(config, auto, model):
    assert type(auto.from_config(config())) is model


@pytest.mark.parametrize(
    ("config", "model_type"),
    [(tiny_config(pooling="mean"), "textclf_lstm"), (tiny_frozen_config(feature_pooling="cls"), "textclf_frozen")],
)
def test_auto_config_resolves(config, model_type, tmp_path):
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert type(loaded) is type(config)
    assert loaded.to_diff_dict() == config.to_diff_dict()
    assert type(AutoConfig.for_model(model_type)) is type(config)


def test_registering_again_changes_nothing():
    def resolved():
        # the default encoder is a whole BERT
        with torch.device("meta"):
            return [type(auto.from_config(config())) for config, auto, _ in MODELS]

    before = resolved()
    hf_textclf.register()
    hf_textclf.register()
    assert resolved() == before


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
