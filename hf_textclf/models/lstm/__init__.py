"""The LSTM family: configuration and models. Imports nothing of ours but this folder."""

from .configuration_lstm import LSTMConfig
from .modeling_lstm import LSTMForSequenceClassification, LSTMModel
from .modeling_lstm_lm import LSTMForCausalLM

__all__ = ["LSTMConfig", "LSTMForCausalLM", "LSTMForSequenceClassification", "LSTMModel"]
