"""The resolved configuration of a run and the saved folder, the only interface between training and what follows."""

from typing import TYPE_CHECKING, Any

from transformers import Trainer

from ..card import write_card
from ..trainer import given_keys, save_folder, training_keys

if TYPE_CHECKING:
    from .run import TrainRun


def save_run(run: "TrainRun", *, trainer: Trainer, results: dict[str, Any]) -> None:
    """Save model, tokenizer, card, results and the resolved configuration into the output folder."""
    save_folder(trainer, recorded=resolved_config(run), results=results, write_card=write_card)


def resolved_config(run: "TrainRun") -> dict[str, Any]:
    """Every key of the run that differs from its default, ready to be read by `--config`."""
    return given_keys(run.data, run.model, run.new_model) | training_keys(run.training)
