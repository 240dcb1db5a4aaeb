"""The resolved configuration of a run and the saved folder, the only interface between training and what follows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import Trainer

from ..card import write_card
from ..documents import DocumentReader
from ..trainer import given_keys, save_folder, training_keys

if TYPE_CHECKING:
    from .run import TrainRun


def save_run(
    run: "TrainRun", *, trainer: Trainer, results: dict[str, Any], reader: DocumentReader | None = None
) -> None:
    """Save model, tokenizer, card, results, the resolved configuration and the reader of long texts, if there is one,
    into the output folder."""

    def write_rest(folder: Path, **contents: Any) -> None:
        write_card(folder, **contents)
        if reader is not None:
            reader.save(folder)

    save_folder(trainer, recorded=resolved_config(run), results=results, write_card=write_rest)


def resolved_config(run: "TrainRun") -> dict[str, Any]:
    """Every key of the run that differs from its default, ready to be read by `--config`."""
    return given_keys(run.data, run.model, run.new_model) | training_keys(run.training)
