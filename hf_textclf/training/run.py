"""One training run, read top to bottom: data, tokenizer, model, Trainer, saved folder."""

import logging
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import EarlyStoppingCallback, ProgressCallback, Trainer, TrainingArguments, set_seed
from transformers.trainer_utils import PredictionOutput

from ..args import ModelArguments
from ..calibration import CHECKED_TEXTS, Calibration, calibrate_model, check_calibration
from ..data import DataArguments, TextData, load_data, summarize
from ..errors import UserError
from ..metrics import evaluated_metrics, first_output, metrics_for
from ..results import describe_hardware, describe_versions
from ..tokenization import PaddingCollator
from .loss import WeightedLoss
from .saving import save_run
from .setup import check_checkpoint, encode_splits, find_checkpoint, make_model, make_tokenizer
from .trainer import GroupedTrainer, ShortProgress, StopAtNaN

logger = logging.getLogger(__name__)
# numbers that the libraries stumble over in the middle of a traceback
LOWEST = {
    "learning_rate": 0,
    "weight_decay": 0,
    "num_train_epochs": 0,
    "per_device_train_batch_size": 1,
    "per_device_eval_batch_size": 1,
    "gradient_accumulation_steps": 1,
}


@dataclass(frozen=True)
class TrainRun:
    """Everything that decides a run. `new_model` holds the fields of a new model, None where not given."""

    data: DataArguments
    model: ModelArguments
    new_model: Any
    training: TrainingArguments


def train(run: TrainRun) -> dict[str, Any]:
    """Train a classifier and save it, with its results on validation, into `run.training.output_dir`.

    Returns what `eval_results.json` holds.

    Raises:
        UserError: whatever is wrong with arguments, data, checkpoint or output folder, before anything is written;
            a loss that is not a number, afterwards.
    """
    checkpoint = find_checkpoint(run.training)
    _check(run)
    set_seed(run.training.seed)

    data = load_data(run.data)
    tokenizer = make_tokenizer(data, run.model, vocab_size=getattr(run.new_model, "vocab_size", None))
    encoded = encode_splits(data, tokenizer)
    lengths = list(encoded["train"]["untruncated_length"])
    for line in summarize(data, token_lengths=lengths, max_length=run.model.max_length):
        logger.info("%s", line)

    train_ids = encoded["train"]["input_ids"]
    model = make_model(data, tokenizer, train_ids, arguments=run.model, new=run.new_model)
    logger.info("%s with %s parameters", type(model).__name__, f"{model.num_parameters():,}")
    if checkpoint:
        check_checkpoint(checkpoint, model)
    if run.model.calibrate:
        check_calibration(model)

    trainer = GroupedTrainer(
        model,
        run.training,
        train_dataset=encoded["train"],
        eval_dataset=encoded["validation"],
        data_collator=PaddingCollator(tokenizer),
        processing_class=tokenizer,
        compute_metrics=metrics_for(data.problem_type, data.label_names),
        compute_loss_func=_loss(data, run.model, encoded["train"]),
        callbacks=_callbacks(run),
    )
    if not run.training.disable_tqdm:
        trainer.remove_callback(ProgressCallback)
        trainer.add_callback(ShortProgress)
    start = time.perf_counter()
    try:
        trainer.train(resume_from_checkpoint=checkpoint)
    except KeyError as error:
        if "metric_for_best_model" not in str(error):
            raise
        # says which metrics there are
        raise UserError(" ".join(str(error.args[0]).split())) from error
    seconds = time.perf_counter() - start

    evaluated = trainer.predict(encoded["validation"])
    results = {
        "split": "validation",
        "rows": len(encoded["validation"]),
        "metrics": evaluated_metrics(evaluated, data.problem_type, data.label_names),
        "train_rows": len(encoded["train"]),
        "train_seconds": round(seconds, 1),
        "epochs": round(trainer.state.epoch or 0, 2),
        "num_parameters": model.num_parameters(),
        "hardware": describe_hardware(processes=run.training.world_size),
        "versions": describe_versions(),
    }
    calibration = _calibration(trainer, evaluated, encoded["validation"]) if run.model.calibrate else None
    if calibration:
        results |= calibration.results(data.label_names)
    if trainer.is_world_process_zero():
        save_run(run, trainer=trainer, results=results, calibration=calibration)
    trainer.accelerator.wait_for_everyone()
    return results


def _calibration(trainer: Trainer, evaluated: PredictionOutput, rows: Dataset) -> Calibration:
    """Calibrate the trained model on the rows that it was evaluated on."""
    few = rows.select(range(min(len(rows), CHECKED_TEXTS)))

    def logits_of() -> np.ndarray:
        return first_output(trainer.predict(few))

    return calibrate_model(trainer.model, first_output(evaluated), evaluated.label_ids, logits_of=logits_of)


def _check(run: TrainRun) -> None:
    """Refuse settings that would fail late or in the middle of a traceback."""
    training = run.training
    for name, lowest in LOWEST.items():
        value = getattr(training, name)
        if not lowest <= value < math.inf:
            raise UserError(f"{name}={value} is out of range, expected a number from {lowest} on; change it")
    if (training.bf16 or training.fp16) and training.device.type == "cpu":
        flag = "bf16" if training.bf16 else "fp16"
        raise UserError(f"{flag}=true needs a GPU, found a CPU, where LSTM kernels fail or crawl; drop --{flag}")
    if run.model.early_stopping_patience and not training.load_best_model_at_end:
        raise UserError(
            f"early_stopping_patience={run.model.early_stopping_patience} needs the best model at the end; "
            "add --load_best_model_at_end true with equal --eval_strategy and --save_strategy"
        )
    if training.load_best_model_at_end and training.eval_strategy == "no":
        raise UserError(
            "load_best_model_at_end=true needs evaluations to choose from; add --eval_strategy epoch and "
            "--save_strategy epoch"
        )
    # a filtered log would hide the very loss that `StopAtNaN` looks for
    training.logging_nan_inf_filter = False
    training.dataloader_pin_memory &= training.device.type != "cpu"


def _callbacks(run: TrainRun) -> list[Any]:
    callbacks: list[Any] = [StopAtNaN()]
    if run.model.early_stopping_patience:
        callbacks.append(EarlyStoppingCallback(run.model.early_stopping_patience))
    return callbacks


def _loss(data: TextData, arguments: ModelArguments, train_split: Dataset) -> WeightedLoss | None:
    if arguments.class_weights is None:
        return None
    if data.problem_type == "regression":
        raise UserError("class_weights 'balanced' needs classes, found regression; drop --class_weights")
    labels = np.asarray(train_split["labels"])
    return WeightedLoss.balanced(labels, num_labels=len(data.label_names), problem_type=data.problem_type)
