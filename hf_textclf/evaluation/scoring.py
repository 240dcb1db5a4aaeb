"""What `evaluate` and `compare` share: the rows of a split, what a classifier says."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from datasets import Dataset
from tqdm.auto import tqdm

from ..data import DataArguments, TextData, load_split
from ..inference import Classifier
from ..saved_model.layout import read_run


def load_rows(
    arguments: DataArguments,
    classifier: Classifier,
    *,
    folders: Iterable[str],
    split: str | None,
    max_samples: int | None,
) -> tuple[TextData, str, Dataset]:
    """Load one split with the labels of a classifier; return the data, the name of the split and its rows.

    folders: of all models that are judged on it. max_samples: take a seeded subset of this many rows. Raises UserError
    as `load_split` does.
    """
    data = load_split(
        arguments,
        label_names=classifier.label_names,
        problem_type=classifier.problem_type,
        split=split,
        seen=any(has_seen(folder, arguments.dataset) for folder in folders),
    )
    [(name, rows)] = data.splits.items()
    if max_samples is not None and max_samples < len(rows):
        rows = rows.shuffle(seed=arguments.split_seed).select(range(max_samples))
    return data, name, rows


def has_seen(folder: str, dataset: str) -> bool:
    """Whether a saved folder was trained on this very file, which then is no test."""
    if not Path(dataset).is_file():
        return False
    trained_on = read_run(Path(folder)).get("dataset")
    return trained_on is not None and Path(trained_on).resolve() == Path(dataset).resolve()


def probabilities_of(
    classifier: Classifier, rows: Dataset, *, batch_size: int, progress: str = "evaluating"
) -> np.ndarray:
    """(rows, labels), with a progress bar of that name."""
    parts = []
    with tqdm(total=len(rows), desc=progress, unit="text") as bar:
        for chunk in rows.select_columns("text").iter(batch_size=16 * batch_size):
            parts.append(classifier.probabilities(chunk["text"], batch_size=batch_size))
            bar.update(len(chunk["text"]))
    return np.concatenate(parts)


def scores_of(probabilities: np.ndarray, problem_type: str) -> np.ndarray:
    """What `compute_metrics` takes: (rows, labels) as they are; for regression the numbers alone, (rows,)."""
    return probabilities[:, 0] if problem_type == "regression" else probabilities
