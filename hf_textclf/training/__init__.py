"""Training: the stock Trainer around a model, its data and its tokenizer. `train.train` reads top to bottom."""

from .losses import WeightedLoss
from .one_vs_rest import train_one_vs_rest
from .train import TrainRun, check, make_trainer, prepare, resolved_config, train
from .trainer import GroupedTrainer
from .trainer_arguments import TrainerArguments

__all__ = [
    "GroupedTrainer",
    "TrainerArguments",
    "TrainRun",
    "WeightedLoss",
    "check",
    "make_trainer",
    "prepare",
    "resolved_config",
    "train",
    "train_one_vs_rest",
]
