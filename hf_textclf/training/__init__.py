"""Training: the stock Trainer around a model, its data and its tokenizer. `train.train` reads top to bottom."""

from .train import TrainRun, check, make_trainer, prepare, resolved_config, train, train_one_vs_rest
from .trainer_arguments import TrainerArguments

__all__ = [
    "TrainerArguments",
    "TrainRun",
    "check",
    "make_trainer",
    "prepare",
    "resolved_config",
    "train",
    "train_one_vs_rest",
]
