"""The saved folder: the only interface between training and everything after it.

Everything is written into a hidden folder beside the checkpoints and moved when whole, config.json last: a folder with
a config.json is a finished model.
"""

import shutil
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from transformers import Trainer, TrainingArguments

from ..calibration import DIAGRAM, Calibration
from ..card import write_card
from ..results import RUN_CONFIG, move_files, write_json, write_text

if TYPE_CHECKING:
    from .run import TrainRun

# where a run wrote and how it reported is not what it did; tokens never reach a file
NOT_RECORDED = {"output_dir", "resume_from_checkpoint", "run_name", "hub_token", "push_to_hub", "report_to"}


def save_run(
    run: "TrainRun", *, trainer: Trainer, results: dict[str, Any], calibration: Calibration | None = None
) -> None:
    """Save model, tokenizer, card, results and the resolved configuration into the output folder."""
    output = Path(run.training.output_dir)
    partial = output / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    trainer.save_model(str(partial))
    (partial / "training_args.bin").unlink(missing_ok=True)  # a pickle
    # the path of this machine's checkpoint is nobody else's business
    trainer.state.best_model_checkpoint = Path(trainer.state.best_model_checkpoint or "").name or None
    trainer.state.save_to_json(str(partial / "trainer_state.json"))
    recorded = resolved_config(run)
    write_text(partial / RUN_CONFIG, yaml.safe_dump(recorded, allow_unicode=True, sort_keys=False))
    write_json(partial / "eval_results.json", results)
    write_card(partial, config=recorded, results=results)
    if calibration:
        calibration.plot(partial / DIAGRAM)
    move_files(partial, output)


def resolved_config(run: "TrainRun") -> dict[str, Any]:
    """Every key of the run that differs from its default, ready to be read by `--config`."""
    config: dict[str, Any] = {}
    for part in (run.data, run.model, run.new_model):
        for item in fields(part):
            value = getattr(part, item.name)
            if value is not None and value != item.default:
                config[item.name] = value
    return config | _training_keys(run.training)


def _training_keys(training: TrainingArguments) -> dict[str, Any]:
    defaults = TrainingArguments(output_dir=training.output_dir, use_cpu=training.use_cpu).to_dict()
    keys = {}
    for name, value in training.to_dict().items():
        # a list cannot be typed where one word can stand too; a token reads as <HUB_TOKEN>
        plain = isinstance(value, str | int | float | bool | dict) and not str(value).startswith("<")
        if plain and name not in NOT_RECORDED and not name.endswith("_token") and name in defaults:
            if value != defaults[name]:
                keys[name] = value
    return keys
