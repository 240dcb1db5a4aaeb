"""Hyper-parameter search: Optuna's, over whole training runs."""

from .search import TuneArguments, tune

__all__ = ["TuneArguments", "tune"]
