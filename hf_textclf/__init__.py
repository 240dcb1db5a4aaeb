"""Text classifiers that any Hugging Face tool can open: an LSTM of our own beside BERT.

Importing this package registers the home-made models with the Auto classes; nothing else happens.
"""

from typing import TYPE_CHECKING, Any

from .errors import UserError
from .inference import Classifier, Prediction
from .models.auto import register
from .models.lstm import LSTMConfig, LSTMForCausalLM, LSTMForSequenceClassification, LSTMModel

if TYPE_CHECKING:
    from .api import evaluate, train

register()

__version__ = "0.1.0"
__all__ = [
    "Classifier",
    "LSTMConfig",
    "LSTMForCausalLM",
    "LSTMForSequenceClassification",
    "LSTMModel",
    "Prediction",
    "UserError",
    "evaluate",
    "register",
    "train",
]


def __getattr__(name: str) -> Any:
    # what trains and evaluates costs seconds to import
    if name not in ("evaluate", "train"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
