"""Why a model says what it says: contributions and weights of words, and gates."""

from .attributions import Attribution, attribute, pooling_weights
from .explain import draw_gates, explain
from .gates import read_gates, word_gates

__all__ = ["Attribution", "attribute", "draw_gates", "explain", "pooling_weights", "read_gates", "word_gates"]
