"""What each system says of every row, with its labels in the order of the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from datasets import Dataset

from ...errors import UserError
from ...inference import Classifier
from ..scoring import probabilities_of, scores_of


@dataclass(frozen=True)
class Answers:
    """What one system says.

    scores: (rows, labels) probabilities; for regression (rows,) numbers. predicted: what it answers, in the shape of
    the labels: (rows,) ids, (rows, labels) bool, or (rows,) numbers. thresholds: (labels,), multi-label only.
    """

    scores: np.ndarray
    predicted: np.ndarray
    thresholds: list[float] | None = None


def ask(classifier: Classifier, rows: Dataset, *, label_names: list[str], batch_size: int, progress: str) -> Answers:
    """Ask a classifier about all rows, with a progress bar. label_names: the order that the scores shall have."""
    probabilities = probabilities_of(classifier, rows, batch_size=batch_size, progress=progress)
    scores = scores_of(probabilities, classifier.problem_type)
    if classifier.problem_type == "regression":
        return Answers(scores, scores)
    order = [classifier.label_names.index(name) for name in label_names]
    scores = scores[:, order]
    if classifier.problem_type == "single_label_classification":
        return Answers(scores, scores.argmax(axis=1))
    assert classifier.thresholds is not None
    thresholds = classifier.thresholds[order]
    return Answers(scores, scores >= thresholds, thresholds.tolist())


def check_same_task(classifiers: dict[str, Classifier]) -> None:
    """Make sure that all systems answer the same question.

    Raises:
        UserError: one has another problem type or other labels than the first; their order may differ.
    """
    (first, reference), *others = classifiers.items()
    for name, classifier in others:
        # a regression has no labels, only a name for its number
        odd = set(classifier.label_names) ^ set(reference.label_names)
        found = ""
        if classifier.problem_type != reference.problem_type:
            found = f"problem_type {classifier.problem_type}, {first!r} {reference.problem_type}"
        elif odd and reference.problem_type != "regression":
            shown = ", ".join(repr(label)[:40] for label in sorted(odd)[:3])
            found = f"other labels than {first!r} ({len(odd)} in one of them only: {shown})"
        if found:
            raise UserError(f"{name!r} has {found}, expected the same task; compare folders for the same labels")


def name_folders(folders: Sequence[str]) -> dict[str, Path]:
    """Name each folder by the end of its path, with as many parents as it takes to tell all apart.

    Raises:
        UserError: one is not a folder, or stands there twice.
    """
    paths = [Path(folder).resolve() for folder in folders]
    for folder, path in zip(folders, paths, strict=True):
        if not path.is_dir():
            raise UserError(f"{folder!r} is no folder, expected one that `hf-textclf train` wrote; correct its path")
        if paths.count(path) > 1:
            raise UserError(f"{folder!r} is named {paths.count(path)} times, expected different ones; name it once")
    depth, named = 1, {path.name: path for path in paths}
    while len(named) < len(paths):
        depth += 1
        named = {"/".join(path.parts[-depth:]): path for path in paths}
    return named
