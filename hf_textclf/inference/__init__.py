"""The `Classifier`: one object for the command line, the Space and endpoints."""

from .classifier import Chunk, Classifier, Prediction
from .predictor import Notice, Predictor

__all__ = ["Chunk", "Classifier", "Notice", "Prediction", "Predictor"]
