"""What `evaluate`, `calibrate` and `compare` share: the rows of a split, and what a classifier predicts for them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from datasets import Dataset
from tqdm.auto import tqdm

from ..data import DataArguments, TextData, load_split
from ..errors import UserError
from ..inference import Classifier
from ..saved_model.layout import read_run


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
    """A dataclass of arguments whose integers are counts: from 1 on, else a UserError."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if type(value) is int and value < 1:
                raise UserError(f"{name}={value}, expected 1 or more; correct --{name}")


def load_rows(
    arguments: DataArguments, classifier: Classifier, *, folders: list[str], split: str | None, max_samples: int | None
) -> tuple[TextData, str, Dataset]:
    """Load one split with the labels of a classifier; return the data, the name of the split and its rows.

    folders: of all models that are evaluated on it. max_samples: take a seeded subset. Errors: as of `load_split`.
    """
    file = Path(arguments.dataset)
    trained_on = [read_run(Path(folder)).get("dataset") for folder in folders] if file.is_file() else []
    data = load_split(
        arguments,
        label_names=classifier.label_names,
        problem_type=classifier.problem_type,
        split=split,
        # the very file that a model was trained on is no test
        seen=any(other and Path(other).resolve() == file.resolve() for other in trained_on),
    )
    [(name, rows)] = data.splits.items()
    if max_samples is not None and max_samples < len(rows):
        rows = rows.shuffle(seed=arguments.split_seed).select(range(max_samples))
    return data, name, rows


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
