"""Text classifiers that any Hugging Face tool can open: an LSTM of our own beside BERT.

Importing this package registers the LSTM with the Auto classes; nothing else happens.
"""

from .lstm import LSTMConfig, LSTMForSequenceClassification, LSTMModel
from .register import register

register()

__version__ = "0.1.0"
__all__ = ["LSTMConfig", "LSTMForSequenceClassification", "LSTMModel", "register"]
