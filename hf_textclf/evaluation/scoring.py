"""What `evaluate`, `calibrate` and `compare` share: the rows of a split, and what a classifier predicts for them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from datasets import Dataset
from tqdm.auto import tqdm

from ..arguments import MOST
from ..data import DataArguments, TextData, load_split, texts_of, too_small
from ..errors import UserError
from ..inference import Classifier
from ..saved_model.layout import read_run
from ..saved_model.seen_texts import SeenTexts, digest_texts

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Predictions:
    """What one system predicts.

    scores: (rows, labels) probabilities; for regression (rows,) numbers. predicted: in the shape of the labels,
    (rows,) ids, (rows, labels) bool, or (rows,) numbers. thresholds: (labels,), multi-label only.
    """

    scores: np.ndarray
    predicted: np.ndarray
    thresholds: list[float] | None = None


class Counts:
    """A dataclass of arguments whose integers are counts, from 1 to what the libraries can count; else a UserError."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if type(value) is int and not 1 <= value <= MOST:
                raise UserError(f"{name}={value}, expected a number from 1 to {MOST:,}; correct --{name}")


def load_rows(
    arguments: DataArguments, classifier: Classifier, *, folders: list[str], split: str | None, max_samples: int | None
) -> tuple[TextData, str, Dataset, list[dict[str, int] | None]]:
    """Load one split with the labels of a classifier, and say how many of its texts the models have seen.

    folders: of all models that are evaluated on it. max_samples: take a seeded subset. Errors: as of `load_split`.
    Returns the data, the name of the split, its rows, and for each folder how many of them are `train` texts of its
    run and how many of the others `validation` texts; None where the folder does not say.
    """
    file, seen = Path(arguments.dataset), [SeenTexts.load(Path(folder)) for folder in folders]
    # folders of before digests were kept say no more than a path
    silent = [Path(folder) for folder, each in zip(folders, seen, strict=True) if each is None]
    trained_on = [read_run(folder).get("dataset") for folder in silent] if file.exists() else []
    data = load_split(
        arguments,
        label_names=classifier.label_names,
        problem_type=classifier.problem_type,
        split=split,
        seen=[each for each in seen if each],
        trained_on=any(other and Path(other).resolve() == file.resolve() for other in trained_on),
    )
    [(name, rows)] = data.splits.items()
    if max_samples is not None and max_samples < len(rows):
        rows = rows.shuffle(seed=arguments.split_seed).select(range(max_samples))
    if line := too_small(name, len(rows)):
        logger.warning("%s", line)
    digests = digest_texts(texts_of(rows)) if any(seen) else np.empty(0)
    counts = [None if each is None else each.count(digests) for each in seen]
    for folder, count in zip(folders, counts, strict=True):
        logger.log(*_told(folder, name, len(rows), count))
    return data, name, rows, counts


def _told(folder: str, split: str, rows: int, count: dict[str, int] | None) -> tuple[int, str]:
    """Whether a model has seen the rows that it is evaluated on: the level of a message, and the message."""
    if count is None:
        unknown = "does not say which texts it was trained on, so nobody can tell whether it has seen those of"
        return logging.WARNING, f"{folder} {unknown} {split}"
    line = f"{split}: {folder} was trained on {count['train']:,} of these {rows:,} texts"
    if split != "validation":
        line += f", and chosen by {count['validation']:,} others"
    return logging.WARNING if count["train"] else logging.INFO, line


def outputs_of(compute: Callable[..., np.ndarray], rows: Dataset, *, batch_size: int, progress: str) -> np.ndarray:
    """(rows, labels), what `logits` or `probabilities` of a classifier gives, with a progress bar of that name."""
    outputs = []
    with tqdm(total=len(rows), desc=progress, unit="text") as bar:
        for batches in rows.select_columns("text").iter(batch_size=16 * batch_size):
            outputs.append(compute(batches["text"], batch_size=batch_size))
            bar.update(len(outputs[-1]))
    return np.concatenate(outputs)


def predict_rows(
    classifier: Classifier, rows: Dataset, *, batch_size: int, label_names: list[str] | None = None, progress: str
) -> Predictions:
    """Predict all rows, with a progress bar. label_names: the order of the labels; the classifier's own."""
    scores = outputs_of(classifier.probabilities, rows, batch_size=batch_size, progress=progress)
    if classifier.problem_type == "regression":
        return Predictions(scores[:, 0], scores[:, 0])
    order = [classifier.label_names.index(name) for name in label_names or classifier.label_names]
    scores = scores[:, order]
    if classifier.thresholds is None:
        return Predictions(scores, scores.argmax(axis=1))
    thresholds = classifier.thresholds[order]
    return Predictions(scores, scores >= thresholds, thresholds.tolist())
