"""The stock TrainingArguments, on one command line with ours: checked, and recorded."""

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from transformers import TrainingArguments
from transformers.integrations import get_available_reporting_integrations
from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from ..arguments import option
from ..errors import UserError
from ..evaluation.metrics import LOWER_IS_BETTER
from ..saved_model.layout import RUN_CONFIG

# numbers that the libraries stumble over in the middle of a traceback
LOWEST = dict.fromkeys(("learning_rate", "weight_decay", "num_train_epochs"), 0)
AT_LEAST_1 = ("per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps")
LOWEST |= dict.fromkeys(AT_LEAST_1, 1)
# where a run wrote and how it reported is not what it did; tokens never reach a file
NOT_RECORDED = {"output_dir", "resume_from_checkpoint", "run_name", "hub_token", "push_to_hub", "report_to"}
NOT_RECORDED |= {"restore_callback_states_from_checkpoint"}


@dataclass
class TrainerArguments(TrainingArguments):
    """TrainingArguments with other defaults; errors as `metric_for_best_model` are best small unless
    `greater_is_better` says otherwise.

    Two flags are gone. `label_names`: columns of labels are always called `labels`; on our command line these are the
    names of the labels. `hub_token`: each checkpoint holds its arguments, where no token must get.
    """

    eval_strategy: IntervalStrategy | None = option(
        None, "When to evaluate; every epoch, by steps where eval_steps is given, never where save_steps alone is."
    )
    save_strategy: SaveStrategy | None = option(
        None, "When to write a checkpoint; every epoch, or by steps where save_steps is given."
    )
    logging_strategy: IntervalStrategy | None = option(
        None, "When to log; every epoch, or by steps where logging_steps is given."
    )
    load_best_model_at_end: bool | None = option(
        None, "Keep the best evaluation's model, not the last; true where each epoch is evaluated and saved."
    )
    save_total_limit: int | None = option(1, "Checkpoints that are kept, the best one aside.")
    per_device_eval_batch_size: int = option(128, "Texts in a batch of an evaluation, on each device.")
    train_sampling_strategy: str = option(
        "group_by_length", "Order of the training texts: random, sequential, or texts of similar length together."
    )
    seed: int = option(1, "Of all random numbers: first weights, order of the texts, dropout.")
    label_names: list[str] | None = field(default=None, init=False)
    hub_token: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        for event in ("save", "logging", "eval"):
            if getattr(self, f"{event}_strategy") is None:
                steps = getattr(self, f"{event}_steps") != getattr(TrainingArguments, f"{event}_steps")
                # an evaluation after a checkpoint draws random numbers that a resumed run would draw another time
                unsaved = event == "eval" and self.save_strategy == "steps"
                setattr(self, f"{event}_strategy", "steps" if steps else "no" if unsaved else "epoch")
        if self.load_best_model_at_end is None:
            self.load_best_model_at_end = self.eval_strategy == self.save_strategy == "epoch"
        metric = str(self.metric_for_best_model).removeprefix("eval_")
        if self.greater_is_better is None and metric in LOWER_IS_BETTER:  # type: ignore[has-type]
            self.greater_is_better = False
        super().__post_init__()


# the keys that have another default than in Transformers
OWN_DEFAULTS = TrainerArguments.__annotations__.keys() - {"label_names", "hub_token"}


@dataclass
class PretrainingTrainerArguments(TrainerArguments):
    """`TrainerArguments` for a language model: the last epoch counts, rows are equally long, and the scores of a whole
    vocabulary have to fit into memory."""

    load_best_model_at_end: bool | None = option(False, "Keep the best evaluation's model, not the last.")
    per_device_eval_batch_size: int = option(32, "Rows in a batch of an evaluation, on each device.")
    train_sampling_strategy: str = option("random", "Order of the rows: random or sequential.")


def check_arguments(training: TrainingArguments) -> None:
    """Refuse settings that would fail late or in the middle of a traceback, and set what has only one right value.
    Raises UserError: a number out of range, a best model to be found without evaluations, reports to what is not
    there.
    """
    installed = get_available_reporting_integrations()
    for name in training.report_to:
        if name not in installed:
            raise UserError(
                f"report_to {name!r} is not installed, expected one of: {', '.join(installed) or 'none'}; install it, "
                "trackio by the extra `trackio`, or drop --report_to"
            )
    for name, lowest in LOWEST.items():
        value = getattr(training, name)
        if not lowest <= value < math.inf:
            raise UserError(f"{name}={value} is out of range, expected a number from {lowest} on; change it")
    if training.load_best_model_at_end and training.eval_strategy == "no":
        add = "--eval_strategy epoch and --save_strategy epoch"
        raise UserError(f"load_best_model_at_end=true needs evaluations to choose from; add {add}")
    # a filtered log would hide the very loss that `StopAtNaN` looks for
    training.logging_nan_inf_filter = False
    training.dataloader_pin_memory &= training.device.type != "cpu"


def given_keys(*parts: Any) -> dict[str, Any]:
    """Every key of some dataclasses of arguments that differs from its default."""
    pairs = ((item, getattr(part, item.name)) for part in parts for item in fields(part))
    return {item.name: value for item, value in pairs if value is not None and value != item.default}


def stock_defaults(config: str | Path | None) -> dict[str, Any]:
    """What an old `run_config.yaml` leaves out, when the Trainer's own defaults held; nothing for other configs."""
    recorded = config is not None and Path(config).name == RUN_CONFIG
    return {name: getattr(TrainingArguments, name) for name in OWN_DEFAULTS} if recorded else {}


def training_keys(training: TrainingArguments) -> dict[str, Any]:
    """Every stock key that differs from the Trainer's default or that has another one here, for `--config` to read."""
    defaults = TrainingArguments(output_dir=training.output_dir, use_cpu=training.use_cpu).to_dict()
    keys = {}
    for name, value in training.to_dict().items():
        # a list cannot be typed where one word can stand too; a token reads as <HUB_TOKEN>
        plain = isinstance(value, str | int | float | bool | dict) and not str(value).startswith("<")
        recorded = name in defaults and name not in NOT_RECORDED and not name.endswith("_token")
        if plain and recorded and (value != defaults[name] or name in OWN_DEFAULTS):
            keys[name] = value
    return keys
