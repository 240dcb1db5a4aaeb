"""Pictures of numbers, as png files. Every function takes a path, arrays and names, and knows no model."""

from .classification import confidences, plot_confusion, plot_curves, plot_reliability
from .systems import plot_learning, plot_metrics, plot_scatter

__all__ = [
    "confidences",
    "plot_confusion",
    "plot_curves",
    "plot_learning",
    "plot_metrics",
    "plot_reliability",
    "plot_scatter",
]
