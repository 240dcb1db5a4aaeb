"""Text classifiers that any Hugging Face tool can open: an LSTM of our own beside BERT.

Importing this package registers the home-made models with the Auto classes; nothing else happens.
"""

from .errors import UserError
from .inference import Classifier, Prediction
from .models.auto import register
from .models.lstm import LSTMConfig, LSTMForCausalLM, LSTMForSequenceClassification, LSTMModel

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
