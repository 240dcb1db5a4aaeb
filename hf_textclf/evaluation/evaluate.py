"""Judge a saved folder on one split of any data set: the metrics, and the mistakes it was most sure of."""

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
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
from .scoring import load_rows, probabilities_of, scores_of

logger = logging.getLogger(__name__)
# a stock pipeline reads them one by one
PIPELINE_TEXTS = 200


@dataclass
class EvaluationArguments:
    """How a saved model is judged."""

    split: str | None = field(
        default=None, metadata={"help": "train, validation or test; by default test, else validation."}
    )
    output_dir: str | None = field(
        default=None, metadata={"help": "New folder for eval_results.json and errors.csv; FOLDER/evaluation_SPLIT."}
    )
    max_samples: int | None = field(default=None, metadata={"help": "Judge a seeded subset of this many rows."})
    batch_size: int = field(default=64, metadata={"help": "Texts in one batch."})
    revision: str = field(default="main", metadata={"help": "Commit, tag or branch of a Hub model."})
    thresholds: float | None = field(
        default=None,
        metadata={"help": "Multi-label: predict labels from this probability on; by default those fitted, else 0.5."},
    )

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_samples"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name}={value}, expected 1 or more; correct --{name}")


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
    probabilities = probabilities_of(classifier, rows, batch_size=arguments.batch_size)
    labels = np.asarray(rows["labels"])
    scores = scores_of(probabilities, classifier.problem_type)
    chosen = np.random.default_rng(data_arguments.split_seed).permutation(len(rows))[:PIPELINE_TEXTS]
    texts = rows.select(chosen)["text"][:]
    results = {
        "dataset": public_name(data_arguments.dataset),
        "split": split,
        "rows": len(rows),
        **measure(
            scores,
            labels,
            thresholds=classifier.thresholds,
            problem_type=classifier.problem_type,
            label_names=data.label_names,
        ),
        "pipeline": pipeline_agreement(classifier, texts, probabilities[chosen], revision=arguments.revision),
        "num_parameters": classifier.predictor.num_parameters,
        "model_digest": model_digest(Path(folder)),
        "hardware": describe_hardware(),
        "versions": describe_versions(),
    }
    output.mkdir(parents=True, exist_ok=True)
    # a comma-separated file without any row would have no header either
    if mistakes := list(_mistakes(rows, probabilities, data=data, thresholds=classifier.thresholds)):
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


def _mistakes(
    rows: Dataset, probabilities: np.ndarray, *, data: TextData, thresholds: np.ndarray | None
) -> Iterator[dict[str, Any]]:
    """Yield the texts that the model got wrong, the most confident mistakes first.

    probabilities: (rows, labels); thresholds: (labels,) for multi-label data. Confidence is the probability given to
    the wrong answer (multi-label: the largest distance of a label's probability from the truth); for regression every
    row counts, by its absolute error.
    """
    names, labels = data.label_names, np.asarray(rows["labels"])
    if data.problem_type == "single_label_classification":
        predicted = probabilities.argmax(1)
        wrong, confidence = predicted != labels, probabilities.max(1)
        shown = [(names[true], names[guess]) for true, guess in zip(labels, predicted, strict=True)]
    elif data.problem_type == "multi_label_classification":
        predicted = probabilities >= thresholds
        wrong, confidence = (predicted != labels).any(1), np.abs(probabilities - labels).max(1)
        shown = [(_names(true > 0, names), _names(row, names)) for true, row in zip(labels, predicted, strict=True)]
    else:
        wrong, confidence = np.ones(len(labels), bool), np.abs(probabilities[:, 0] - labels)
        shown = [(float(true), float(row[0])) for true, row in zip(labels, probabilities, strict=True)]
    texts = rows["text"]
    for row in np.argsort(-confidence, kind="stable"):
        if wrong[row]:
            true, guess = shown[row]
            yield {
                "label": true,
                "predicted": guess,
                "confidence": round(float(confidence[row]), 4),
                "text": texts[int(row)],
            }


def _names(chosen: np.ndarray, names: list[str]) -> str:
    """chosen: (labels,) bool."""
    return ";".join(name for name, there in zip(names, chosen, strict=True) if there)
