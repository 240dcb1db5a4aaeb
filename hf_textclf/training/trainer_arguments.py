"""The stock TrainingArguments, on one command line with ours: checked, and recorded."""

import math
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import torch
from accelerate.utils import DynamoBackend
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments, get_scheduler
from transformers.integrations import get_available_reporting_integrations
from transformers.trainer_utils import IntervalStrategy, SaveStrategy
from transformers.utils import is_liger_kernel_available

from ..arguments import check_numbers, option
from ..errors import UserError
from ..evaluation.metrics import LOWER_IS_BETTER, metric_names
from ..saved_model.layout import RUN_CONFIG

PRECISIONS = ("no", "fp16", "bf16", "fp8")
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

    # what the libraries find out late or never; see `arguments.check_numbers`
    BOUNDS: ClassVar[dict[str, dict[str, float]]] = {
        **dict.fromkeys(("learning_rate", "weight_decay", "eval_delay", "neftune_noise_alpha"), {"least": 0}),
        **dict.fromkeys(("num_train_epochs", "logging_steps", "eval_steps", "save_steps"), {"above": 0}),
        **dict.fromkeys(("per_device_train_batch_size", "per_device_eval_batch_size"), {"least": 1}),
        **dict.fromkeys(("gradient_accumulation_steps", "eval_accumulation_steps"), {"least": 1}),
        **dict.fromkeys(("dataloader_prefetch_factor", "ddp_timeout", "ddp_bucket_cap_mb"), {"least": 1}),
        **dict.fromkeys(("seed", "data_seed"), {"least": 0, "most": 2**32 - 1}),
        "save_total_limit": {"least": 0},
        "max_steps": {"least": -1, "but_not": 0},
        "max_grad_norm": {"least": 0, "most": math.inf},
        "label_smoothing_factor": {"least": 0, "most": 1},
        "dataloader_num_workers": {"least": 0, "most": 512},
    }
    # what has only one right value here, since the columns and results of a run are ours
    FIXED: ClassVar[dict[str, Any]] = {
        "remove_unused_columns": True,
        # of the validation texts too
        "dataloader_drop_last": False,
        # `hf-textclf push` sends what is whole, with a card and without pickles
        "push_to_hub": False,
        "length_column_name": "length",
        "prediction_loss_only": False,
        "batch_eval_metrics": False,
        "eval_do_concat_batches": True,
    }

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
OWN_DEFAULTS = TrainerArguments.__annotations__.keys() - {"label_names", "hub_token", "BOUNDS", "FIXED"}


@dataclass
class PretrainingTrainerArguments(TrainerArguments):
    """`TrainerArguments` for a language model: the last epoch counts, rows are equally long, and the scores of a whole
    vocabulary have to fit into memory."""

    load_best_model_at_end: bool | None = option(False, "Keep the best evaluation's model, not the last.")
    per_device_eval_batch_size: int = option(32, "Rows in a batch of an evaluation, on each device.")
    train_sampling_strategy: str = option("random", "Order of the rows: random or sequential.")
    FIXED: ClassVar[dict[str, Any]] = {"dataloader_drop_last": False, "push_to_hub": False}


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
    check_numbers(type(training), vars(training))
    for name, needed in getattr(training, "FIXED", {}).items():
        if (value := getattr(training, name)) != needed:
            raise UserError(f"{name}={value}, expected {needed}, as nothing else works here; drop --{name}")
    on_cpu, precision = training.device.type == "cpu", training.mixed_precision
    if precision not in PRECISIONS or on_cpu and precision == "fp16":
        origin = "--fp16" if training.fp16 else "ACCELERATE_MIXED_PRECISION of the environment"
        raise UserError(f"mixed precision {precision!r} does not work on {training.device}; drop {origin}")
    if training.fsdp and (on_cpu or training.world_size < 2):
        raise UserError(f"fsdp={training.fsdp} needs several GPUs, found one {training.device}; drop --fsdp")
    if training.use_liger_kernel and not is_liger_kernel_available():
        raise UserError("use_liger_kernel=true needs the package liger-kernel, which is not installed; drop it")
    try_out(training)
    if training.save_strategy == SaveStrategy.BEST and training.metric_for_best_model is None:
        raise UserError("save_strategy=best needs a metric; add --metric_for_best_model")
    if training.load_best_model_at_end and training.eval_strategy == "no":
        add = "--eval_strategy epoch and --save_strategy epoch"
        raise UserError(f"load_best_model_at_end=true needs evaluations to choose from; add {add}")
    # a filtered log would hide the very loss that `StopAtNaN` looks for
    training.logging_nan_inf_filter = False
    training.dataloader_pin_memory &= training.device.type != "cpu"


def check_metric(training: TrainingArguments, *problem_types: str) -> None:
    """Raise UserError where the best model is to be chosen by a metric that some problem types do not have."""
    name = str(training.metric_for_best_model or "loss").removeprefix("eval_")
    if name != "loss" and name not in (names := metric_names(*problem_types)):
        raise UserError(
            f"metric_for_best_model {name!r} is not measured, expected one of: {', '.join(['loss', *names])}; "
            "correct --metric_for_best_model"
        )


def check_label_smoothing(training: TrainingArguments, problem_type: str) -> None:
    """Raise UserError where labels are to be smoothed that are no classes: stock losses fail there, or drop it."""
    factor = training.label_smoothing_factor
    if factor and problem_type != "single_label_classification":
        raise UserError(
            f"label_smoothing_factor={factor:g} needs one class a text, found {problem_type}; drop it, or set it to 0"
        )


def try_out(training: TrainingArguments) -> None:
    """Let the libraries judge optimizer, schedule and loading on a model of one weight, which draws no random number.
    Raises UserError: what one of them says.
    """
    model, steps = nn.Module(), 10
    model.weight = nn.Parameter(torch.zeros(1, 1))

    def optimizer() -> Optimizer:
        kind, options = Trainer.get_optimizer_cls_and_kwargs(training, model)
        made = kind(model.parameters(), **options)
        model.weight.grad = torch.ones(1, 1)
        made.step()
        return made

    def schedule() -> None:
        options = {"num_training_steps": steps, "scheduler_specific_kwargs": training.lr_scheduler_kwargs}
        warmup = training.get_warmup_steps(steps)
        get_scheduler(training.lr_scheduler_type, optimizer(), num_warmup_steps=warmup, **options)

    def loading() -> None:
        names = ("num_workers", "prefetch_factor", "multiprocessing_context")
        options = {name: getattr(training, f"dataloader_{name}") for name in names}
        DataLoader([0], persistent_workers=training.dataloader_persistent_workers, **options)  # type: ignore[arg-type]

    def compilation() -> None:
        if training.torch_compile:
            DynamoBackend(str(training.torch_compile_backend).upper())
            torch.compile(model, backend=training.torch_compile_backend, mode=training.torch_compile_mode)

    for attempt, prefix in (
        (optimizer, ("optim", "adam", "learning")),
        (schedule, ("lr_", "warmup")),
        (loading, ("data",)),
        (compilation, ("torch_compile",)),
    ):
        try:
            attempt()
        except Exception as error:
            keys = training_keys(training)
            given = ", ".join(f"{key}={value}" for key, value in keys.items() if key.startswith(prefix))
            raise UserError(f"{given}: {' '.join(str(error).split())[:300]}; correct or drop it") from error


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
