"""Looks inside a trained model."""

from .gate_figure import GatesArguments, draw_gates
from .gates import DirectionGates, read_gates

__all__ = ["DirectionGates", "GatesArguments", "draw_gates", "read_gates"]
