"""Hyper-parameter search: Optuna's, over whole training runs."""

from .report import summary
from .search import TuneArguments, tune

__all__ = ["TuneArguments", "summary", "tune"]
