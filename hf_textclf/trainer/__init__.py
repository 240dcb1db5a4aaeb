"""What every run around a stock Trainer shares: arguments, order of the rows, progress, output folder."""

from .arguments import StockArguments, check_arguments, given_keys, training_keys
from .loop import EpochSampler, GroupedTrainer, StopAtNaN, run_trainer
from .output import check_checkpoint, find_checkpoint, save_folder

__all__ = [
    "EpochSampler",
    "GroupedTrainer",
    "StockArguments",
    "StopAtNaN",
    "check_arguments",
    "check_checkpoint",
    "find_checkpoint",
    "given_keys",
    "run_trainer",
    "save_folder",
    "training_keys",
]
