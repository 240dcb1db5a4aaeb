"""The output folder of a run: where to go on, and how it is written: into a hidden folder, whose files are moved when
whole, config.json last. So a folder with a config.json is a finished model."""

import csv
import shutil
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import yaml
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel, Trainer, TrainerState, TrainingArguments

from ..card import write_card
from ..errors import UserError
from ..evaluation.calibration import Calibration
from ..files import write_json, write_text
from ..inference.long_texts import DocumentReader
from ..saved_model.layout import EVAL_RESULTS, RELIABILITY_DIAGRAM, RUN_CONFIG, TRAINER_STATE, WEIGHTS, move_files


def find_checkpoint(training: TrainingArguments) -> str | None:
    """Say where to go on: None for a new run, which must not write over anything.
    Raises UserError: the folder exists and is not to be resumed, or there is nothing to resume.
    """
    output, requested = Path(training.output_dir), str(training.resume_from_checkpoint or "false")
    anew, latest = requested.lower() == "false", requested.lower() == "true"
    if anew or not latest and Path(requested).resolve().parent != output.resolve():
        require_new(output, "choose another one, remove it, or go on with --resume_from_checkpoint true")
    if anew:
        return None
    checkpoints = [Path(requested)]
    if latest:
        checkpoints = sorted(output.glob("checkpoint-[0-9]*"), key=lambda folder: int(folder.name.split("-")[1]))
    # the last file of a checkpoint: a run killed while it was writing one goes on from the one before
    whole = [folder for folder in checkpoints if (folder / TRAINER_STATE).is_file()]
    if not whole:
        raise UserError(
            f"no whole checkpoint in {str(output) if latest else requested!r} to resume from; "
            "train anew into another output_dir, without --resume_from_checkpoint"
        )
    return str(whole[-1])


def require_new(output: Path, remedy: str = "choose another one or remove it") -> None:
    """Raise UserError where an output folder is a file or holds something already."""
    if output.is_dir() and any(output.iterdir()) or output.is_file():
        raise UserError(f"output_dir {str(output)!r} already holds something, expected a new folder; {remedy}")


def check_checkpoint(checkpoint: str, model: PreTrainedModel) -> None:
    """Make sure that a checkpoint can be read and is one of this model.
    Raises UserError: a file is missing or half-written, or the weights have other names or sizes.
    """
    try:
        with safe_open(Path(checkpoint) / WEIGHTS, framework="pt") as saved:
            shapes = {name: saved.get_slice(name).get_shape() for name in saved.keys()}  # noqa: SIM118
        TrainerState.load_from_json(str(Path(checkpoint) / TRAINER_STATE))
        broken = "optimizer.pt" if not is_zipfile(Path(checkpoint) / "optimizer.pt") else ""
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        broken = str(error)
    if broken:
        raise UserError(
            f"cannot resume from {checkpoint!r}: broken or half-written ({broken}); remove it and resume from an "
            "earlier one, or train anew into another output_dir"
        )
    state = model.state_dict()
    for name, shape in shapes.items():
        ours = list(state[name].shape) if name in state else "no such weight"
        if shape != ours:
            raise UserError(
                f"cannot resume from {checkpoint!r}: its {name} is {shape}, this run's is {ours}; "
                "resume with the data and the settings that the run was started with"
            )


def write_records(folder: Path, recorded: dict[str, Any], results: dict[str, Any]) -> None:
    """Write down the resolved configuration of a run, and its results."""
    write_text(folder / RUN_CONFIG, yaml.safe_dump(recorded, allow_unicode=True, sort_keys=False))
    write_json(folder / EVAL_RESULTS, results)


def save_folder(
    trainer: Trainer,
    recorded: dict[str, Any],
    results: dict[str, Any],
    *,
    calibration: Calibration | None = None,
    reader: DocumentReader | None = None,
) -> None:
    """Save model, tokenizer, results, the resolved configuration and the card into the output folder; of several
    processes the first one writes, the others wait."""
    if trainer.is_world_process_zero():
        output = Path(str(trainer.args.output_dir))
        partial = output / ".partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        trainer.save_model(str(partial))
        (partial / "training_args.bin").unlink(missing_ok=True)  # a pickle
        # the path of this machine's checkpoint is nobody else's business
        trainer.state.best_model_checkpoint = Path(trainer.state.best_model_checkpoint or "").name or None
        trainer.state.save_to_json(str(partial / TRAINER_STATE))
        energy = output / "emissions.csv"
        if energy.is_file():
            # what codecarbon (`--report_to codecarbon`) estimates, the sum over a run and its resumptions
            with energy.open(newline="", encoding="utf-8") as file:
                results = results | {"energy_kwh": sum(float(row["energy_consumed"]) for row in csv.DictReader(file))}
        write_records(partial, recorded, results)
        if calibration:
            calibration.plot(partial / RELIABILITY_DIAGRAM)
        if reader:
            reader.save(partial)
        # last, since it is written from the other files
        write_card(partial, name=output.resolve().name)
        move_files(partial, output)
    trainer.accelerator.wait_for_everyone()
