"""The resolved configuration of a run and the saved folder, the only interface between training and what follows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import Trainer

from ..card import write_card
from ..evaluation.calibration import Calibration
from ..inference.documents import DocumentReader
from ..saved_model.layout import RELIABILITY_DIAGRAM
from .output_dir import save_folder
from .trainer_arguments import given_keys, training_keys

if TYPE_CHECKING:
    from .train import TrainRun


def save_run(
    run: "TrainRun",
    *,
    trainer: Trainer,
    results: dict[str, Any],
    calibration: Calibration | None = None,
    reader: DocumentReader | None = None,
) -> None:
    """Save model, tokenizer, card, results, the resolved configuration and, where there is one, the reader of long
    texts into the output folder."""
    recorded = resolved_config(run)

    def write_more(folder: Path) -> None:
        if calibration:
            calibration.plot(folder / RELIABILITY_DIAGRAM)
        if reader:
            reader.save(folder)
        # from the files that are there by now
        write_card(folder, name=Path(str(run.training.output_dir)).resolve().name)

    save_folder(trainer, recorded=recorded, results=results, write_more=write_more)


def resolved_config(run: "TrainRun") -> dict[str, Any]:
    """Every key of the run that differs from its default, ready to be read by `--config`."""
    return given_keys(run.data, run.model, run.new_model) | training_keys(run.training)
