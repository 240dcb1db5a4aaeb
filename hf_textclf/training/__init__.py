"""Training: the stock Trainer around a model, its data and its tokenizer. `run.train` reads top to bottom."""

from ..trainer import GroupedTrainer, StockArguments
from .loss import WeightedLoss
from .one_vs_rest import train_one_vs_rest
from .run import TrainRun, check, make_trainer, prepare, train
from .saving import resolved_config

__all__ = [
    "GroupedTrainer",
    "StockArguments",
    "TrainRun",
    "WeightedLoss",
    "check",
    "make_trainer",
    "prepare",
    "resolved_config",
    "train",
    "train_one_vs_rest",
]
