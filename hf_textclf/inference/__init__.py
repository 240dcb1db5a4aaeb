"""The `Classifier`: one object for the command line, the Space and endpoints."""

from .classifier import Classifier, Prediction

__all__ = ["Classifier", "Prediction"]
