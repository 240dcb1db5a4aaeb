"""Hyper-parameter search: the Trainer's own, over whole training runs."""

from .search import TuneArguments, tune

__all__ = ["TuneArguments", "tune"]
