"""One training run, read top to bottom: data, tokenizer, model, Trainer, saved folder."""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import EarlyStoppingCallback, TrainingArguments, set_seed

from ..args import ModelArguments
from ..data import DataArguments, TextData, load_data, summarize
from ..errors import UserError
from ..metrics import evaluated_metrics, metrics_for
from ..results import describe_hardware, describe_versions
from ..tokenization import PaddingCollator
from ..trainer import GroupedTrainer, StopAtNaN, check_arguments, check_checkpoint, find_checkpoint, run_trainer
from .documents import check_reader, finish_reader, make_reader, shorten
from .loss import WeightedLoss
from .saving import save_run
from .setup import encode_splits, make_model, make_tokenizer

logger = logging.getLogger(__name__)


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
    reader = make_reader(data, tokenizer, run.model)
    encoded = encode_splits(shorten(data, tokenizer, reader), tokenizer)
    lengths = list(encoded["train"]["untruncated_length"])
    for line in summarize(data, token_lengths=lengths, max_length=run.model.max_length):
        logger.info("%s", line)

    train_ids = encoded["train"]["input_ids"]
    model = make_model(data, tokenizer, train_ids, arguments=run.model, new=run.new_model)
    logger.info("%s with %s parameters", type(model).__name__, f"{model.num_parameters():,}")
    check_reader(reader, model, tokenizer)
    if checkpoint:
        check_checkpoint(checkpoint, model)

    loss = _loss(data, run.model, encoded["train"])
    trainer = GroupedTrainer(
        model,
        run.training,
        train_dataset=encoded["train"],
        eval_dataset=encoded["validation"],
        data_collator=PaddingCollator(tokenizer),
        processing_class=tokenizer,
        compute_metrics=metrics_for(data.problem_type, data.label_names),
        compute_loss_func=loss,
        callbacks=_callbacks(run),
    )
    seconds = run_trainer(trainer, checkpoint)
    if reader is None:
        evaluated = trainer.predict(encoded["validation"])
    else:
        evaluated, more = finish_reader(reader, model, tokenizer, data, loss=loss, training=run.training)
        seconds += more

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
    if trainer.is_world_process_zero():
        save_run(run, trainer=trainer, results=results, reader=reader)
    trainer.accelerator.wait_for_everyone()
    return results


def _check(run: TrainRun) -> None:
    """Refuse settings that would fail late or in the middle of a traceback."""
    training = run.training
    check_arguments(training)
    if (training.bf16 or training.fp16) and training.device.type == "cpu":
        flag = "bf16" if training.bf16 else "fp16"
        raise UserError(f"{flag}=true needs a GPU, found a CPU, where LSTM kernels fail or crawl; drop --{flag}")
    if run.model.early_stopping_patience and not training.load_best_model_at_end:
        raise UserError(
            f"early_stopping_patience={run.model.early_stopping_patience} needs the best model at the end; "
            "add --load_best_model_at_end true with equal --eval_strategy and --save_strategy"
        )


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
