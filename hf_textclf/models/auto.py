"""Make the home-made models known to the Auto classes, here and in the folders they are saved to: with a `register` of
the Auto classes alone, a model loaded and saved again keeps `auto_map` in its config.json, but loses the files."""

import inspect
from pathlib import Path
from typing import Any

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from ..tokenization.tokenization_classifier import ClassifierTokenizer
from .frozen import FrozenEncoderConfig, FrozenEncoderForSequenceClassification, FrozenEncoderModel
from .lstm import LSTMConfig, LSTMForCausalLM, LSTMForSequenceClassification, LSTMModel

MODELS: list[tuple[Any, Any, Any]] = [
    (LSTMConfig, AutoModel, LSTMModel),
    (LSTMConfig, AutoModelForSequenceClassification, LSTMForSequenceClassification),
    (LSTMConfig, AutoModelForCausalLM, LSTMForCausalLM),
    (FrozenEncoderConfig, AutoModel, FrozenEncoderModel),
    (FrozenEncoderConfig, AutoModelForSequenceClassification, FrozenEncoderForSequenceClassification),
]


HOME_MADE = {config.model_type for config, _, _ in MODELS}


def packaged_code() -> dict[str, Path]:
    """The files of home-made models and of our tokenizer, which saved folders have copies of, by their names."""
    classes = [ClassifierTokenizer, *(model for _, _, model in MODELS)]
    files = [path for name in classes for path in Path(inspect.getfile(name)).parent.glob("*.py")]
    return {path.name: path for path in files if path.stem != "__init__"}


def register() -> None:
    """Register every home-made config and model. Safe to call again."""
    for config, auto, model in MODELS:
        AutoConfig.register(config.model_type, config, exist_ok=True)
        auto.register(config, model, exist_ok=True)
        # from here on `save_pretrained` writes `auto_map` and copies the files that define the classes
        config.register_for_auto_class()
        model.register_for_auto_class(auto.__name__)
        # by its name AutoTokenizer finds it for every family
        AutoTokenizer.register(config, ClassifierTokenizer, exist_ok=True)
