"""One training run, read top to bottom: data, tokenizer, model, Trainer, saved folder; or one run for each label."""

import inspect
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import Any, get_args

import numpy as np
from datasets import DatasetDict
from transformers import (
    EarlyStoppingCallback,
    PreTrainedTokenizerFast,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
    set_seed,
)

from ..card import check_license
from ..data import DataArguments, ProblemType, TextData, load_data, summarize
from ..errors import UserError
from ..evaluation.calibration import CHECKED_TEXTS, calibrate_model, check_calibration
from ..evaluation.metrics import compute_metrics, evaluated_metrics, first_output, metrics_for
from ..files import new_folder, read_json, write_json
from ..inference import Classifier
from ..inference.long_texts import DocumentReader
from ..provenance import describe_hardware, describe_versions
from ..saved_model.layout import CONFIG, EVAL_RESULTS, ONE_VS_REST, read_run
from ..tokenization import PaddingCollator
from .arguments import ModelArguments
from .checkpoints import check_shapes, compare_settings, find_checkpoint, last_whole
from .documents import finish_reader, make_reader
from .features import encode_splits, features_of
from .freezing import GradualUnfreezing, freeze, layer_lr_multipliers
from .origins import find_origin, make_model, make_tokenizer
from .output_dir import data_facts, hold_output, save_folder, seen_texts, write_records
from .trainer import GroupedTrainer, StopAtNaN, WeightedLoss, run_trainer
from .trainer_arguments import check_arguments, check_label_smoothing, check_metric, given_keys, training_keys

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainRun:
    """Everything that decides a run. `new_model` holds the fields of a new model, None where not given."""

    data: DataArguments
    model: ModelArguments
    new_model: Any
    training: TrainingArguments


def prepare(run: TrainRun) -> tuple[TextData, PreTrainedTokenizerFast, DatasetDict, DocumentReader | None]:
    """Load data and tokenizer, encode the texts, log a summary. Last comes the reader of long texts, None if cut."""
    origin = find_origin(run.model, run.new_model)
    data = load_data(run.data)
    tokenizer = make_tokenizer(origin, data, run.model, run.new_model)
    reader = make_reader(data, tokenizer, run.model)
    splits = data.splits
    if reader and reader.shortens:
        # the network learns from what it will read of a long text
        splits = splits.map(
            lambda batch: {"text": reader.shorten(tokenizer, batch["text"])}, batched=True, desc="key sentences"
        )
    encoded = encode_splits(splits, tokenizer)
    lengths = list(encoded["train"]["untruncated_length"])
    data = replace(data, summary=tuple(summarize(data, token_lengths=lengths, max_length=run.model.max_length)))
    for line in data.summary:
        logger.info("%s", line)
    return data, tokenizer, encoded, reader


def make_trainer(
    run: TrainRun,
    data: TextData,
    tokenizer: PreTrainedTokenizerFast,
    encoded: DatasetDict,
    reader: DocumentReader | None,
    checkpoint: str | None = None,
) -> tuple[GroupedTrainer, dict[str, float]]:
    """Make the model of a run and the Trainer around it, of what `prepare` returns and the checkpoint to resume from.
    Returns the Trainer and the seconds that features took."""
    # here, so that a model starts from the same weights whether or not its data were prepared just before
    set_seed(run.training.seed)
    settings = resolved_config(run)
    check_metric(run.training, data.problem_type)
    check_label_smoothing(run.training, data.problem_type)
    origin = find_origin(run.model, run.new_model)
    model = make_model(origin, data, tokenizer, encoded["train"]["input_ids"], run.model)
    logger.info("%s with %s parameters", type(model).__name__, f"{model.num_parameters():,}")
    # a name of newer versions of Transformers
    if getattr(run.training, "activation_checkpointing", False) and not model.supports_gradient_checkpointing:
        raise UserError(f"activation_checkpointing=true, but a {type(model).__name__} has none; drop it")
    freeze(model, embeddings=run.model.freeze_embeddings, layers=run.model.freeze_layers)
    if checkpoint:
        check_shapes(checkpoint, model)
    if run.model.calibrate:
        check_calibration(model, np.asarray(encoded["validation"]["labels"]))
    if reader is not None and reader.needs_attention:
        # now, and not after hours of training, is told where attention finds nothing to read in a model
        list(reader.outputs(model, tokenizer, ["a"], batch_size=1))
    collator: Any = PaddingCollator(tokenizer)
    seconds: dict[str, float] = {}
    if "features" in inspect.signature(model.forward).parameters:
        # of the frozen body, whose `pooler_output` the model takes in place of tokens
        start = time.perf_counter()
        encoded = features_of(encoded, model.to(run.training.device), collator, run.training)
        collator = default_data_collator
        # there are no lengths left to group by
        run.training.train_sampling_strategy = "random"
        seconds["feature_seconds"] = round(time.perf_counter() - start, 1)
    loss = None
    if run.model.class_weights:
        loss = WeightedLoss.balanced(
            np.asarray(encoded["train"]["labels"]),
            num_labels=len(data.label_names),
            problem_type=data.problem_type,
            # which the stock Trainer leaves to a loss that is given
            label_smoothing=run.training.label_smoothing_factor,
        )
    callbacks: list[TrainerCallback] = [StopAtNaN()]
    if run.model.gradual_unfreezing:
        callbacks.append(GradualUnfreezing(model))
    if run.model.early_stopping_patience:
        callbacks.append(EarlyStoppingCallback(run.model.early_stopping_patience))

    trainer = GroupedTrainer(
        model,
        run.training,
        train_dataset=encoded["train"],
        eval_dataset=encoded["validation"],
        data_collator=collator,
        processing_class=tokenizer,
        compute_metrics=metrics_for(data.problem_type, data.label_names),
        compute_loss_func=loss,
        callbacks=callbacks,
        settings=settings,
        lr_multipliers=layer_lr_multipliers(model, run.model.layerwise_lr_decay),
    )
    return trainer, seconds


def train(run: TrainRun) -> dict[str, Any]:
    """Train a classifier and save it, with its results on validation, into `run.training.output_dir`. Returns these.

    Raises:
        UserError: whatever is wrong with arguments, data, checkpoint or output folder, before anything is written;
            a loss that is not a number, afterwards.
    """
    checkpoint = find_checkpoint(run.training, resolved_config(run))
    check(run)
    with hold_output(run.training):
        return _train(run, checkpoint)


def _train(run: TrainRun, checkpoint: str | None) -> dict[str, Any]:
    data, tokenizer, encoded, reader = prepare(run)
    trainer, seconds = make_trainer(run, data, tokenizer, encoded, reader, checkpoint)
    seconds["train_seconds"] = round(run_trainer(trainer, checkpoint), 1)
    if reader is None:
        evaluated: Any = trainer.predict(trainer.eval_dataset)
    else:
        evaluated, seconds["reader_seconds"] = finish_reader(reader, trainer, data)

    results = {
        "split": "validation",
        "rows": len(trainer.eval_dataset),
        "metrics": evaluated_metrics(evaluated, data.problem_type, data.label_names),
        "train_rows": len(trainer.train_dataset),
        **data_facts(data, run.data.dataset),
        **seconds,
        "epochs": round(trainer.state.epoch or 0, 2),
        "num_parameters": trainer.model.num_parameters(),
        "hardware": describe_hardware(processes=run.training.world_size),
        "versions": describe_versions(),
    }
    calibration = None
    if run.model.calibrate:
        few = trainer.eval_dataset.select(range(min(len(trainer.eval_dataset), CHECKED_TEXTS)))
        logits, labels = first_output(evaluated), evaluated.label_ids
        calibration = calibrate_model(
            trainer.model, logits, labels, logits_of=lambda: first_output(trainer.predict(few))
        )
        results |= calibration.results(data.label_names)
    seen = seen_texts(data, run.model.model_name_or_path, run.model.encoder_name_or_path)
    save_folder(trainer, resolved_config(run), results, calibration=calibration, reader=reader, seen=seen)
    return results


def check(run: TrainRun) -> None:
    """Refuse settings that would fail late or in the middle of a traceback.

    Raises:
        UserError: a number out of range, a licence that the Hub does not know, half precision without a GPU, early
            stopping without evaluations.
    """
    training = run.training
    check_arguments(training)
    check_license(run.model.license)
    halves = [flag for flag in ("bf16", "fp16", "bf16_full_eval", "fp16_full_eval") if getattr(training, flag)]
    if training.device.type == "cpu" and (halves or training.mixed_precision != "no"):
        asked = f"{halves[0]}=true" if halves else f"ACCELERATE_MIXED_PRECISION={training.mixed_precision}"
        raise UserError(f"{asked} needs a GPU, found a CPU, where LSTM kernels fail or crawl; drop it")
    check_metric(training, *get_args(ProblemType))
    if run.model.early_stopping_patience and not training.load_best_model_at_end:
        raise UserError(
            f"early_stopping_patience={run.model.early_stopping_patience} needs the best model at the end; "
            "add --load_best_model_at_end true with equal --eval_strategy and --save_strategy"
        )
    if run.model.gradual_unfreezing:
        # processes that exchange gradients must not wait for those of frozen parts
        training.ddp_find_unused_parameters = True


def resolved_config(run: TrainRun) -> dict[str, Any]:
    """Every key of the run that differs from its default, ready to be read by `--config`."""
    return given_keys(run.data, run.model, run.new_model) | training_keys(run.training)


def train_one_vs_rest(run: TrainRun) -> dict[str, Any]:
    """Train one binary classifier for each label into `output_dir/0`, `output_dir/1`, …; return their common results.

    A stopped run goes on with `resume_from_checkpoint`: what is finished stays.

    Raises:
        UserError: as `train`, and for data without several labels.
    """
    check(run)
    output, data = Path(run.training.output_dir), load_data(run.data)
    if data.problem_type == "regression" or len(data.label_names) < 3 and data.problem_type.startswith("single"):
        raise UserError(
            f"one_vs_rest on {data.problem_type} with {len(data.label_names)} label(s), expected three or more "
            "classes, or several labels a text; drop --one_vs_rest"
        )
    if str(run.training.resume_from_checkpoint).lower() != "true":
        new_folder(output)
    with hold_output(run.training):
        return _train_members(run, output, data)


def _train_members(run: TrainRun, output: Path, data: TextData) -> dict[str, Any]:
    members = []
    for number, label in enumerate(data.label_names):
        folder = output / str(number)
        training = replace(run.training, output_dir=str(folder))
        # one label's area or average precision has no mean over labels
        metric = str(training.metric_for_best_model)
        if metric.endswith(("roc_auc", "average_precision")):
            metric = metric.removeprefix("macro_").removeprefix("micro_")
            training = replace(training, metric_for_best_model=metric)
        member = replace(run, data=replace(run.data, positive_label=label), training=training)
        if (folder / CONFIG).is_file():
            # features have no lengths to group by
            recorded = read_run(folder) | {"train_sampling_strategy": training.train_sampling_strategy}
            compare_settings(recorded, resolved_config(member), where=folder)
        else:
            logger.info("network %d of %d: %s against the rest", number + 1, len(data.label_names), label)
            # where it was stopped, it goes on; without a whole checkpoint yet it starts again, in the same folder
            training.resume_from_checkpoint = "true" if last_whole(folder, training) else None
            for broken in folder.glob("checkpoint-*") if not training.resume_from_checkpoint else ():
                rmtree(broken, ignore_errors=True)
            train(member)
        # also of what an earlier part of the run has finished
        members.append(read_json(folder / EVAL_RESULTS))
    if run.training.process_index != 0:
        return members[-1]

    write_json(output / ONE_VS_REST, {"problem_type": data.problem_type, "label_names": data.label_names})
    group, validation = Classifier(str(output)), data.splits["validation"]
    scores = group.probabilities(validation["text"], batch_size=run.training.per_device_eval_batch_size)
    labels = validation.with_format("numpy")["labels"]
    results = {
        "split": "validation",
        "rows": len(validation),
        "metrics": compute_metrics(scores, labels, problem_type=data.problem_type, label_names=data.label_names),
        "train_rows": len(data.splits["train"]),
        **data_facts(data, run.data.dataset),
        "train_seconds": round(sum(member["train_seconds"] for member in members), 1),
        "num_parameters": group.predictor.num_parameters,
        "hardware": describe_hardware(processes=run.training.world_size),
        "versions": describe_versions(),
    }
    seen_texts(data).save(output)
    write_records(output, resolved_config(run), results)
    return results
