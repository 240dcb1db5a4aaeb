"""The stock TrainingArguments, on one command line with ours: checked, and recorded."""

import math
from dataclasses import dataclass, field, fields
from typing import Any

from transformers import TrainingArguments
from transformers.integrations import get_available_reporting_integrations

from ..errors import UserError
from ..evaluation.metrics import LOWER_IS_BETTER

# numbers that the libraries stumble over in the middle of a traceback
LOWEST = {
    "learning_rate": 0,
    "weight_decay": 0,
    "num_train_epochs": 0,
    "per_device_train_batch_size": 1,
    "per_device_eval_batch_size": 1,
    "gradient_accumulation_steps": 1,
}
# where a run wrote and how it reported is not what it did; tokens never reach a file
NOT_RECORDED = {"output_dir", "resume_from_checkpoint", "run_name", "hub_token", "push_to_hub", "report_to"}


@dataclass
class TrainerArguments(TrainingArguments):
    """TrainingArguments as they are, but for two that are no flags here, and for errors as `metric_for_best_model`,
    which are to be small unless `greater_is_better` says otherwise.

    `label_names`: the columns that hold labels are always called `labels`; on our command line these are the names of
    the labels. `hub_token`: each checkpoint holds its arguments; the token of the environment never gets there.
    """

    label_names: list[str] | None = field(default=None, init=False)
    hub_token: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        metric = str(self.metric_for_best_model).removeprefix("eval_")
        if self.greater_is_better is None and metric in LOWER_IS_BETTER:  # type: ignore[has-type]
            self.greater_is_better = False
        super().__post_init__()


def check_arguments(training: TrainingArguments) -> None:
    """Refuse settings that would fail late or in the middle of a traceback, and set what has only one right value.

    Raises:
        UserError: a number out of range, a best model to be found without evaluations, reports to what is not there.
    """
    there = get_available_reporting_integrations()
    for name in training.report_to:
        if name not in there:
            raise UserError(
                f"report_to {name!r} is not installed, expected one of: {', '.join(there) or 'none'}; install it, "
                "trackio by the extra `trackio`, or drop --report_to"
            )
    for name, lowest in LOWEST.items():
        value = getattr(training, name)
        if not lowest <= value < math.inf:
            raise UserError(f"{name}={value} is out of range, expected a number from {lowest} on; change it")
    if training.load_best_model_at_end and training.eval_strategy == "no":
        raise UserError(
            "load_best_model_at_end=true needs evaluations to choose from; add --eval_strategy epoch and "
            "--save_strategy epoch"
        )
    # a filtered log would hide the very loss that `StopAtNaN` looks for
    training.logging_nan_inf_filter = False
    training.dataloader_pin_memory &= training.device.type != "cpu"


def given_keys(*parts: Any) -> dict[str, Any]:
    """Every key of some dataclasses of arguments that differs from its default."""
    pairs = ((item, getattr(part, item.name)) for part in parts for item in fields(part))
    return {item.name: value for item, value in pairs if value is not None and value != item.default}


def training_keys(training: TrainingArguments) -> dict[str, Any]:
    """Every stock key that differs from its default, and that `--config` can read."""
    defaults = TrainingArguments(output_dir=training.output_dir, use_cpu=training.use_cpu).to_dict()
    keys = {}
    for name, value in training.to_dict().items():
        # a list cannot be typed where one word can stand too; a token reads as <HUB_TOKEN>
        plain = isinstance(value, str | int | float | bool | dict) and not str(value).startswith("<")
        if plain and name not in NOT_RECORDED and not name.endswith("_token") and name in defaults:
            if value != defaults[name]:
                keys[name] = value
    return keys
