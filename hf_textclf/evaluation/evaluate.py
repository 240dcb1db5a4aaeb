"""Evaluate a saved folder on one split of any data set: the metrics, and the mistakes it was most sure of."""

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset

from ..data import DataArguments, TextData, write_rows
from ..errors import UserError
from ..files import new_folder, read_json, write_json
from ..inference import Classifier
from ..provenance import describe_hardware, describe_versions, public_name
from ..saved_model.layout import ERRORS, EVAL_RESULTS, EVALUATIONS, model_digest
from .metrics import measure
from .pipeline_parity import pipeline_agreement
from .scoring import Predictions, check_counts, load_rows, predict_rows

logger = logging.getLogger(__name__)
# a stock pipeline reads them one by one
PIPELINE_TEXTS = 200


@dataclass
class EvaluationArguments:
    """How a saved model is evaluated."""

    split: str | None = field(
        default=None, metadata={"help": "train, validation or test; by default test, else validation."}
    )
    output_dir: str | None = field(
        default=None, metadata={"help": "New folder for eval_results.json and errors.csv; FOLDER/evaluation_SPLIT."}
    )
    max_samples: int | None = field(default=None, metadata={"help": "Evaluate on a seeded subset of this many rows."})
    batch_size: int = field(default=64, metadata={"help": "Texts in one batch."})
    revision: str = field(default="main", metadata={"help": "Commit, tag or branch of a Hub model."})
    thresholds: float | None = field(
        default=None,
        metadata={"help": "Multi-label: predict labels from this probability on; by default those fitted, else 0.5."},
    )

    def __post_init__(self) -> None:
        check_counts(self, "batch_size", "max_samples")


def evaluate(folder: str, data_arguments: DataArguments, arguments: EvaluationArguments) -> dict[str, Any]:
    """Evaluate a saved folder or Hub id and write `eval_results.json` and `errors.csv`.

    Returns what `eval_results.json` holds.

    Raises:
        UserError: unreadable model or data, labels unknown to the model, an output folder that exists.
    """
    classifier = Classifier(folder, revision=arguments.revision, thresholds=arguments.thresholds)
    data, split, rows = load_rows(
        data_arguments, classifier, folders=[folder], split=arguments.split, max_samples=arguments.max_samples
    )
    output = _new_folder(folder, split, arguments)
    predictions = predict_rows(classifier, rows, batch_size=arguments.batch_size)
    metrics = measure(
        predictions.scores,
        np.asarray(rows["labels"]),
        thresholds=classifier.thresholds,
        problem_type=classifier.problem_type,
        label_names=data.label_names,
    )
    sample = np.random.default_rng(data_arguments.split_seed).permutation(len(rows))[:PIPELINE_TEXTS]
    probabilities = predictions.scores[sample].reshape(len(sample), -1)
    texts = rows.select(sample)["text"][:]
    results = {
        "dataset": public_name(data_arguments.dataset),
        "split": split,
        "rows": len(rows),
        **metrics,
        "pipeline": pipeline_agreement(classifier, texts, probabilities, revision=arguments.revision),
        "num_parameters": classifier.predictor.num_parameters,
        "model_digest": model_digest(Path(folder)),
        "hardware": describe_hardware(),
        "versions": describe_versions(),
    }
    output.mkdir(parents=True, exist_ok=True)
    # a comma-separated file without any row would have no header either
    if mistakes := list(_mistakes(rows, predictions, data)):
        write_rows(output / ERRORS, mistakes)
    write_json(output / EVAL_RESULTS, results)
    return results


def _new_folder(folder: str, split: str, arguments: EvaluationArguments) -> Path:
    """Say where the results go, before the work begins."""
    if arguments.output_dir:
        return new_folder(arguments.output_dir)
    if Path(folder).is_dir():
        output = Path(folder) / f"{EVALUATIONS}{split}"
        # of weights that were changed since, by `calibrate` for instance, nobody needs the figures
        older = read_json(output / EVAL_RESULTS)
        if older and older.get("model_digest") != model_digest(Path(folder)):
            logger.info("%s is of weights that are no longer there, and is written anew", output)
            shutil.rmtree(output)
        return new_folder(output)
    raise UserError(f"{folder!r} is a Hub id, expected a place for the results; add --output_dir")


def _mistakes(rows: Dataset, predictions: Predictions, data: TextData) -> Iterator[dict[str, Any]]:
    """Yield the texts that the model got wrong, the most confident mistakes first.

    Confidence is the probability given to the wrong label (multi-label: the largest distance of a label's probability
    from the truth); for regression every row counts, by its absolute error.
    """
    names, labels, texts = data.label_names, np.asarray(rows["labels"]), rows["text"]
    scores, predicted = predictions.scores, predictions.predicted
    match data.problem_type:
        case "single_label_classification":
            wrong, confidence = predicted != labels, scores.max(1)
        case "multi_label_classification":
            wrong, confidence = (predicted != labels).any(1), np.abs(scores - labels).max(1)
        case _:
            wrong, confidence = np.ones(len(labels), bool), np.abs(scores - labels)

    def written(label: Any) -> str | float:
        if data.problem_type == "regression":
            return float(label)
        return names[label] if np.ndim(label) == 0 else ";".join(compress(names, label > 0))

    for row in np.argsort(-confidence, kind="stable").tolist():
        if wrong[row]:
            yield {
                "label": written(labels[row]),
                "predicted": written(predicted[row]),
                "confidence": round(float(confidence[row]), 4),
                "text": texts[row],
            }
