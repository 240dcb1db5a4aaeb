"""Looks inside a trained model."""

from .attention import WordWeights, pooling_weights
from .attributions import Attribution, attribute
from .explain import ExplainArguments, explain
from .gate_figure import GatesArguments, draw_gates
from .gates import DirectionGates, read_gates
from .word_gates import WordGates, word_gates

__all__ = [
    "Attribution",
    "DirectionGates",
    "ExplainArguments",
    "GatesArguments",
    "WordGates",
    "WordWeights",
    "attribute",
    "draw_gates",
    "explain",
    "pooling_weights",
    "read_gates",
    "word_gates",
]
