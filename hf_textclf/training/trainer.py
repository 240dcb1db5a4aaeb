"""The stock Trainer with three changes: it counts all parts of a resumed run, the order of the training rows, and the
learning rates of parts of the model; a loss with class weights, and the check that the loss stays a number."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from datasets import Dataset
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import Sampler
from transformers import ProgressCallback, Trainer, TrainerCallback, TrainerState, TrainingArguments
from transformers.integrations import get_reporting_integration_callbacks
from transformers.trainer_callback import ExportableState
from transformers.trainer_pt_utils import LengthGroupedSampler
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, speed_metrics
from transformers.utils import ModelOutput

from ..errors import Diverged, UserError
from ..files import write_text
from ..saved_model.layout import RUN_CONFIG
from ..tokenization import save_tokenizer


class EpochSampler(LengthGroupedSampler):
    """Length-grouped batches in an order that depends on the seed and the epoch alone."""

    def __init__(self, *, seed: int, **options: Any) -> None:
        super().__init__(generator=torch.Generator(), **options)
        self.seed = seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch, also in a resumed run."""
        self.generator.manual_seed(self.seed + epoch)


class WholeRun(TrainerCallback, ExportableState):
    """What a run had come to at the checkpoint that it resumed from; the Trainer puts it into trainer_state.json.

    seconds: of training. loss: sum over all steps. step: the number of steps. processes: how many trained.
    """

    def __init__(self, seconds: float = 0.0, loss: float = 0.0, step: int = 0, processes: int = 1) -> None:
        self.before, self.loss, self.step = float(seconds), float(loss), int(step)
        self.start = time.perf_counter()
        self.so_far: dict[str, Any] = {}

    @property
    def seconds(self) -> float:
        """Of training until now, over all parts of the run."""
        return self.before + time.perf_counter() - self.start

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Called by the Trainer."""
        self.start = time.perf_counter()
        # a checkpoint of the time before this class has none
        state.stateful_callbacks.setdefault(type(self).__name__, self.state())

    def state(self) -> dict[str, Any]:
        """Called by the Trainer for each checkpoint."""
        return {"args": self.so_far, "attributes": {}}


class ResumableTrainer(Trainer):
    """The stock Trainer whose checkpoints tell the settings of their run, and which counts all parts of a resumed one.

    settings: the keys of the run.
    """

    def __init__(self, *args: Any, settings: dict[str, Any] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.settings, self.ended = settings or {}, False
        # this one, and what early stopping has counted
        self.args.restore_callback_states_from_checkpoint = True
        self.add_callback(WholeRun())

    @property
    def whole_run(self) -> WholeRun:
        """The callback, of which the Trainer makes a new one when it resumes."""
        return next(callback for callback in self.callback_handler.callbacks if isinstance(callback, WholeRun))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Called with figures to log; the last ones are of the whole run, not of what came after the checkpoint."""
        whole, steps = self.whole_run, self.state.global_step
        if "train_loss" in logs and whole.step:
            rows = round((self.state.epoch or 0) * len(self.train_dataset))
            logs |= speed_metrics("train", time.time() - whole.seconds, num_samples=rows, num_steps=steps)
            logs["train_loss"] = (whole.loss + logs["train_loss"] * (steps - whole.step)) / steps
        super().log(logs, start_time)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Called by the Trainer for each checkpoint and the model; others must not read one unlike us either."""
        super()._save(output_dir, state_dict)
        if self.processing_class is not None:
            save_tokenizer(self.processing_class, Path(output_dir or str(self.args.output_dir)))

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        whole, loss = self.whole_run, self._total_loss_scalar + self._tr_loss.item()
        whole.so_far = {"seconds": round(whole.seconds, 3), "loss": whole.loss + loss, "step": self.state.global_step}
        whole.so_far["processes"] = self.args.world_size
        if self.args.should_save:
            folder = Path(self._get_output_dir(trial)) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / RUN_CONFIG, yaml.safe_dump(self.settings, allow_unicode=True, sort_keys=False))
        super()._save_checkpoint(model, trial)

    def _run_epoch(self, **options: Any) -> None:
        # resumed from its last step, a run has nothing left to learn; the Trainer would take one step more
        if self.ended or self.state.global_step >= self.state.max_steps:
            self.control.should_training_stop = True
        else:
            super()._run_epoch(**options)

    def _load_callback_state(self) -> None:
        best = Path(str(self.args.output_dir)) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.best_global_step}"
        if self.state.best_model_checkpoint is None and best.is_dir():
            # the folder of the run was moved
            self.state.best_model_checkpoint = str(best)
        with _refused(f"step {self.state.global_step}"):
            super()._load_callback_state()
        # before its last step, by early stopping
        self.ended = self.control.should_training_stop and self.state.global_step < self.state.max_steps

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        needed = self.optimizer.param_groups[0].keys()
        with _refused(str(checkpoint)):
            super()._load_optimizer_and_scheduler(checkpoint)
            if missing := sorted(needed - self.optimizer.param_groups[0].keys()):
                raise KeyError(f"its optimizer has no {missing[0]}")


@contextmanager
def _refused(checkpoint: str) -> Iterator[None]:
    """Tell in one line what the libraries say to states that do not fit the run."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise UserError(
            f"cannot resume from {checkpoint!r}: {' '.join(str(error).split())[:300]}; "
            "resume with the settings that the run was started with"
        ) from error


class GroupedTrainer(ResumableTrainer):
    """The Trainer with length-grouped batches whose order a resumed run finds again, which the stock sampler
    draws from an unseeded state.

    lr_multipliers: all parameters in parts, each with what multiplies its learning rate; None for a single rate.
    """

    def __init__(
        self, *args: Any, lr_multipliers: list[tuple[list[nn.Parameter], float]] | None = None, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.lr_multipliers = lr_multipliers

    def create_optimizer(self, model: nn.Module | None = None) -> Optimizer:
        """Called by the Trainer before the first step."""
        new = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if new and self.lr_multipliers:
            groups = list(optimizer.param_groups)
            optimizer.param_groups.clear()
            # part by part, since the rate that the Trainer logs is that of the first group
            for part, factor in self.lr_multipliers:
                for group in groups:
                    members = set(group["params"])
                    if parameters := [parameter for parameter in part if parameter in members]:
                        optimizer.add_param_group(group | {"params": parameters, "lr": group["lr"] * factor})
        return optimizer

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        if self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(train_dataset)
        # the global batch of a step, so that the rows of one step stay together however they are cut
        return EpochSampler(
            seed=self.args.seed if self.args.data_seed is None else self.args.data_seed,
            batch_size=self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size,
            # not train_dataset, which holds only the columns that the model reads
            lengths=list(self.train_dataset[self.args.length_column_name]),
        )


class WeightedLoss:
    """Cross entropy or binary cross entropy with class weights, for `Trainer(compute_loss_func=...)`.

    The Trainer hands over the number of labels of the *whole* accumulated batch, over all processes. The sum divided
    by it makes one step over 16 rows the same as 4 x 4 accumulated ones or 2 processes x 8; a weighted mean of each
    part would not. weights: (labels,) factors of the classes; for multi-label classification of the positive cases.
    label_smoothing: of classes, as `torch.nn.functional.cross_entropy` takes it.
    """

    def __init__(self, weights: Tensor, problem_type: str, label_smoothing: float = 0.0) -> None:
        self.weights, self.problem_type, self.label_smoothing = weights, problem_type, label_smoothing

    @classmethod
    def balanced(
        cls, labels: np.ndarray, *, num_labels: int, problem_type: str, label_smoothing: float = 0.0
    ) -> "WeightedLoss":
        """Weigh by inverse frequency in train: rows / (classes * rows of the class), as scikit-learn's `balanced`;
        for multi-label classification negative rows / positive rows of each label, as BCEWithLogitsLoss advises.

        labels: (rows,) ids or (rows, labels) zeros and ones.
        Raises UserError: numbers in place of classes.
        """
        if problem_type == "regression":
            raise UserError("class_weights 'balanced' needs classes, found regression; drop --class_weights")
        if problem_type == "single_label_classification":
            counts = np.bincount(labels, minlength=num_labels)
            weights = len(labels) / (num_labels * np.maximum(counts, 1))
        else:
            positive = np.maximum(labels.sum(axis=0), 1)
            # a label that all rows have must not be weighed by zero: its texts would teach nothing
            weights = np.maximum(len(labels) - positive, 1) / positive
        return cls(torch.tensor(weights, dtype=torch.float32), problem_type, label_smoothing)

    def __call__(self, outputs: ModelOutput, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Sum over the rows at hand, divided by the label count of the whole step.

        outputs.logits: (rows, labels); labels: (rows,) ids or (rows, labels) floats. Returns a scalar.
        """
        logits, weights = outputs["logits"], self.weights.to(labels.device)
        if self.problem_type == "single_label_classification":
            smoothing = self.label_smoothing
            total = F.cross_entropy(logits, labels, weight=weights, label_smoothing=smoothing, reduction="sum")
        else:
            total = F.binary_cross_entropy_with_logits(logits, labels, pos_weight=weights, reduction="sum")
        return total / (labels.numel() if num_items_in_batch is None else num_items_in_batch)


class StopAtNaN(TrainerCallback):
    """Stop a run whose loss is no longer a number, instead of training on for hours."""

    def on_log(self, args: TrainingArguments, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Called by the Trainer with each log, as `logs`."""
        for name in ("loss", "eval_loss", "train_loss"):
            if not math.isfinite(value := kwargs["logs"].get(name, 0.0)):
                raise Diverged(
                    f"{name} is {value} at step {state.global_step}, expected a number: the training has diverged; "
                    f"lower learning_rate (now {args.learning_rate:g}) or set max_grad_norm"
                )


class ShortProgress(ProgressCallback):
    """The stock progress bar, which prints of each log what a person follows; all of it is in trainer_state.json."""

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Called by the Trainer with each log."""
        best = args.metric_for_best_model or "loss"
        names = dict.fromkeys(("epoch", "loss", "eval_loss", best, f"eval_{best}", "eval_accuracy", "train_runtime"))
        super().on_log(args, state, control, logs={name: logs[name] for name in names if name in logs}, **kwargs)


def run_trainer(trainer: ResumableTrainer, checkpoint: str | None) -> float:
    """Train, with a short progress bar, from a checkpoint or from the start. Returns the seconds it took, over all
    parts of a resumed run.
    Raises UserError: a metric for the best model that there is none of; a loss that is not a number.
    """
    if not trainer.args.disable_tqdm:
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(ShortProgress)
    try:
        trainer.train(resume_from_checkpoint=checkpoint)
    except KeyError as error:
        if "metric_for_best_model" not in str(error):
            raise
        # says which metrics there are
        raise UserError(" ".join(str(error.args[0]).split())) from error
    seconds = trainer.whole_run.seconds
    # told to the end: what is predicted from here on would open a second run there
    for callback in get_reporting_integration_callbacks(trainer.args.report_to):
        trainer.remove_callback(callback)
    return seconds
