"""Text classifiers that any Hugging Face tool can open: an LSTM of our own beside BERT.

Importing this package registers the home-made models with the Auto classes; nothing else happens.
"""

from .errors import UserError
from .lstm import LSTMConfig, LSTMForCausalLM, LSTMForSequenceClassification, LSTMModel
from .prediction import Classifier, Prediction
from .register import register

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
    "register",
]
