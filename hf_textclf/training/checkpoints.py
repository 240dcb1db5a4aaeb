"""Where a stopped run goes on: from its last whole checkpoint, with the settings that it was started with."""

import json
import logging
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from transformers import PreTrainedModel, TrainerState, TrainingArguments
from transformers.trainer import OPTIMIZER_NAME, SCALER_NAME, SCHEDULER_NAME
from transformers.trainer_pt_utils import safe_globals
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from ..errors import UserError
from ..files import new_folder, read_yaml
from ..saved_model.facts import PLACES
from ..saved_model.layout import CONFIG, RUN_CONFIG, TRAINER_STATE, WEIGHTS, matches
from .trainer import WholeRun

logger = logging.getLogger(__name__)
# of the settings of a run, what may be another when it resumes: how it is told, kept and computed, and how long it is;
# all others decide what it computes
MAY_DIFFER = (
    *("output_dir", "license", "calibrate", "trust_remote_code", "num_train_epochs", "max_steps"),
    *("log_*", "logging_*", "disable_tqdm", "report_to", "run_name", "project", "trackio_*", "push_to_hub", "hub_*"),
    *("save_*", "use_cpu", "ddp_*", "torch_compile*", "torch_empty_cache_steps", "skip_memory_metrics"),
    *("dataloader_num_workers", "dataloader_p*", "per_device_eval_batch_size", "eval_accumulation_steps"),
    *("activation_checkpointing*", "gradient_checkpointing*", "ignore_data_skip", "include_num_input_tokens_seen"),
)
# the rows of a step may be cut in other pieces
PIECES = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1}
# what the Trainer loads beside weights and random numbers, and a key of each
STATES = {OPTIMIZER_NAME: "param_groups", SCHEDULER_NAME: "last_epoch", SCALER_NAME: "scale"}


def find_checkpoint(training: TrainingArguments, settings: dict[str, Any]) -> str | None:
    """Say where to go on: None for a new run, which must not write over anything. settings: the keys of the run.

    Raises:
        UserError: the folder exists and is not to be resumed, there is no whole checkpoint to resume from, the one
            that is named is not whole, or it is of a run with other settings.
    """
    output, requested = Path(training.output_dir), str(training.resume_from_checkpoint or "false")
    anew, latest = requested.lower() == "false", requested.lower() == "true"
    if anew or not latest and Path(requested).resolve().parent != output.resolve():
        new_folder(output, "choose another one, remove it, or go on with --resume_from_checkpoint true")
    if anew:
        return None
    checkpoint = None if latest else Path(requested)
    if checkpoint and (problem := find_problem(checkpoint, training)):
        before = last_whole(checkpoint.parent, training, before=checkpoint)
        name = f"--resume_from_checkpoint {str(before)!r}, the whole one before it" if before else "another output_dir"
        raise UserError(f"cannot resume from {requested!r}: {problem}, expected a whole checkpoint; take {name}")
    if checkpoint is None and (checkpoint := last_whole(output, training)) is None:
        raise UserError(
            f"no whole checkpoint in {str(output)!r} to resume from; "
            "train anew into another output_dir, without --resume_from_checkpoint"
        )
    check_settings(checkpoint, settings, training)
    logger.info("resuming from %s", checkpoint)
    return str(checkpoint)


def last_whole(output: Path, training: TrainingArguments, *, before: Path | None = None) -> Path | None:
    """The last checkpoint of a run that is whole, and lies before another one; None where there is none. Says which
    ones it passes over."""
    numbered = {step: folder for folder in output.glob(f"{PREFIX_CHECKPOINT_DIR}-*") if (step := _step(folder))}
    limit = (_step(before) if before else None) or max(numbered, default=0) + 1
    for step in sorted(numbered, reverse=True):
        if step < limit and numbered[step] != before:
            if not (problem := find_problem(numbered[step], training)):
                return numbered[step]
            logger.warning("%s is passed over, since it is not whole: %s", numbered[step], problem)
    return None


def _step(checkpoint: Path) -> int | None:
    """The step that the name of a checkpoint tells; None for a folder with another name."""
    match = re.fullmatch(rf"{PREFIX_CHECKPOINT_DIR}-([1-9][0-9]*)", checkpoint.name)
    return int(match[1]) if match else None


def find_problem(checkpoint: Path, training: TrainingArguments) -> str:
    """Say which file of a checkpoint is missing or broken, and how; nothing where it is whole. What is large, weights
    and the optimizer's tensors, is not read, only whether all of it is there."""
    file = checkpoint / TRAINER_STATE
    try:
        # the last file to be written
        state = TrainerState.load_from_json(str(file))
        check_state(state, checkpoint)
        best = checkpoint.with_name(Path(state.best_model_checkpoint or checkpoint).name)
        for folder in (checkpoint, best) if training.load_best_model_at_end else (checkpoint,):
            file = folder / CONFIG
            if not isinstance(json.loads(file.read_bytes()), dict):
                raise ValueError("it holds no JSON object")
            file = folder / WEIGHTS
            with safe_open(file, framework="pt") as weights:
                weights.keys()
        for name, part in STATES.items():
            file = checkpoint / name
            # of a run with fp16 alone
            if name == SCALER_NAME and not file.exists():
                continue
            if part not in torch.load(file, map_location="cpu", weights_only=True, mmap=True):
                raise ValueError(f"no {part!r} in it")
        processes = state.stateful_callbacks.get(WholeRun.__name__, {}).get("args", {}).get("processes", 1)
        names = [f"rng_state_{number}.pth" for number in range(processes)] if processes > 1 else ["rng_state.pth"]
        for name in names:
            file = checkpoint / name
            with safe_globals():
                check_random(torch.load(file, map_location="cpu", weights_only=True))
    # whatever the libraries raise for bytes that are none of theirs
    except Exception as error:
        told = "missing" if isinstance(error, FileNotFoundError) else " ".join(str(error).split())
        return f"{file.relative_to(checkpoint.parent)} is missing or broken ({told[:120] or type(error).__name__})"
    return ""


def check_state(state: TrainerState, checkpoint: Path) -> None:
    """Raise ValueError where the Trainer could not go on with a state."""
    numbers = (state.epoch, state.best_metric or 0, state.best_global_step or 0, state.total_flos)
    if not isinstance(state.global_step, int) or not all(isinstance(number, int | float) for number in numbers):
        raise ValueError("a number is none")
    if state.global_step != (_step(checkpoint) or state.global_step):
        raise ValueError(f"it is of step {state.global_step}")
    parts = [*state.stateful_callbacks.values(), *state.log_history]
    if not isinstance(state.stateful_callbacks, dict) or not all(isinstance(part, dict) for part in parts):
        raise ValueError("a part of it is no JSON object")


def check_random(states: dict[str, Any]) -> None:
    """Raise what the generators of random numbers say to states that are none of theirs."""
    random.Random().setstate(states["python"])
    np.random.RandomState().set_state(states["numpy"])
    torch.Generator().set_state(states["cpu"])


def check_settings(checkpoint: Path, settings: dict[str, Any], training: TrainingArguments) -> None:
    """Compare the settings of a run with those of a checkpoint, where it tells them (`MAY_DIFFER`).

    Raises:
        UserError: one of them is another, or the run would end before the checkpoint.
    """
    state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE))
    if training.max_steps > 0:
        name, end, reached = "max_steps", training.max_steps, state.global_step
    else:
        name, end, reached = "num_train_epochs", training.num_train_epochs, state.epoch
    if end < reached:
        raise UserError(
            f"{name}={end:g}, but {str(checkpoint)!r} has reached {reached:g}; set --{name} {reached:g} or more"
        )
    if (checkpoint / RUN_CONFIG).is_file():
        processes = state.stateful_callbacks[WholeRun.__name__]["args"]["processes"]
        rows = (processes, training.world_size)
        compare_settings(read_yaml(checkpoint / RUN_CONFIG), settings, where=checkpoint, processes=rows)


def compare_settings(
    recorded: dict[str, Any], settings: dict[str, Any], *, where: Path, processes: tuple[int, int] = (1, 1)
) -> None:
    """Raise UserError where a run is to go on with other settings than it has recorded. where: the checkpoint or model
    that was trained with them. processes: how many trained then, and now."""
    rows_before, rows_now = _rows(recorded, processes[0]), _rows(settings, processes[1])
    for key in sorted(recorded.keys() | settings.keys()):
        before, now = recorded.get(key), settings.get(key)
        same = (
            before == now
            or key in PIECES
            and rows_before == rows_now
            or key in PLACES
            and _names(before) == _names(now)
        )
        if not same and not matches(key, MAY_DIFFER):
            raise UserError(
                f"{key}={'its default' if now is None else now}, but {str(where)!r} was trained with "
                f"{'its default' if before is None else before}; keep that, or train anew into another output_dir"
            )
    if rows_before != rows_now:
        raise UserError(
            f"{processes[1]} process(es), but {str(where)!r} was trained by {processes[0]}; start as many, or set "
            f"--gradient_accumulation_steps so that a step still has {rows_before} rows"
        )


def _names(places: str | list[str] | None) -> list[str]:
    """The last parts of some paths, which stay when a folder is moved."""
    return [Path(place).name for place in ([places] if isinstance(places, str) else places or [])]


def _rows(settings: dict[str, Any], processes: int) -> int:
    """How many rows a step has."""
    return processes * int(np.prod([settings.get(key, default) for key, default in PIECES.items()]))


def check_shapes(checkpoint: str, model: PreTrainedModel) -> None:
    """Make sure that a checkpoint is one of this model.
    Raises UserError: the weights have other names or sizes.
    """
    with safe_open(Path(checkpoint) / WEIGHTS, framework="pt") as saved:
        shapes = {name: saved.get_slice(name).get_shape() for name in saved.keys()}  # noqa: SIM118
    state = model.state_dict()
    for name, shape in shapes.items():
        ours = list(state[name].shape) if name in state else "no such weight"
        if shape != ours:
            raise UserError(
                f"cannot resume from {checkpoint!r}: its {name} is {shape}, this run's is {ours}; "
                "resume with the data and the settings that the run was started with"
            )
