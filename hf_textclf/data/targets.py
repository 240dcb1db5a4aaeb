"""Named labels as arrays that a model can learn from, checked against what training needs."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UserError
from .arguments import ProblemType
from .labels import MULTI, REGRESSION, SINGLE, LabelSet, decide_problem_type, name_labels


@dataclass(frozen=True)
class Targets:
    """The targets of every split.

    arrays: per split (rows,) int64 ids, (rows, labels) float32 zeros and ones, or (rows,) float64 for regression.
    label_names: in id order; empty for regression.
    """

    problem_type: ProblemType
    label_names: list[str]
    arrays: dict[str, np.ndarray]


def encode_labels(
    labels: LabelSet,
    *,
    problem_type: ProblemType | None = None,
    label_names: list[str] | None = None,
    class_names: list[str] | None = None,
    known: list[str] | None = None,
) -> Targets:
    """Turn labels into targets; with `known`, the label names of a model, into the ids of that model.

    Raises UserError for labels that do not fit the names, the problem type or the model.
    """
    decided = decide_problem_type(labels, asked=problem_type)
    if decided == REGRESSION:
        if label_names:
            raise UserError(
                "label_names given, but labels are numbers (regression), expected classes; leave them out or pass "
                "--problem_type single_label_classification"
            )
        return Targets(decided, [], {name: np.array(rows, np.float64) for name, rows in labels.values.items()})
    names, name_of = name_labels(labels, label_names=label_names, class_names=class_names, known=known)
    index = {name: position for position, name in enumerate(names)}
    ids = {value: index[name] for value, name in name_of.items()}
    if decided == MULTI:
        arrays = {
            name: _multi_hot(rows, ids, num_labels=len(names), many=labels.many)
            for name, rows in labels.values.items()
        }
    else:
        arrays = {name: np.array([ids[row] for row in rows], np.int64) for name, rows in labels.values.items()}
    return Targets(decided, names, arrays)


def _multi_hot(rows: list[Any], ids: dict[Any, int], *, num_labels: int, many: bool) -> np.ndarray:
    array = np.zeros((len(rows), num_labels), np.float32)
    for position, row in enumerate(rows):
        array[position, [ids[item] for item in (row if many else [row])]] = 1
    return array


def one_against_rest(targets: Targets, positive: str, *, known: list[str] | None = None) -> Targets:
    """Ask of every row whether it has one label, as targets with the two classes `not X` and `X`.

    known: the label names of the model to evaluate. Raises UserError for a label that is not there.
    """
    if targets.problem_type == REGRESSION:
        raise UserError(f"positive_label {positive!r} on numbers (regression), expected classes; leave it out")
    if positive not in targets.label_names:
        shown = ", ".join(repr(name) for name in targets.label_names[:10])
        raise UserError(f"positive_label {positive!r} is unknown, expected one of {shown}; correct --positive_label")
    names = [f"not {positive}", positive]
    if known is not None and known != names:
        raise UserError(
            f"positive_label {positive!r} gives labels {names}, expected the model's {known[:10]}; leave it out"
        )
    chosen = targets.label_names.index(positive)
    arrays = {
        name: (array[:, chosen] if array.ndim == 2 else array == chosen).astype(np.int64)
        for name, array in targets.arrays.items()
    }
    return Targets(SINGLE, names, arrays)


def check_learnable(targets: Targets) -> None:
    """Raise UserError when train has one class only, or another split a label that train lacks."""
    if targets.problem_type == REGRESSION:
        return
    counts = {name: label_counts(array, len(targets.label_names)) for name, array in targets.arrays.items()}
    present = [name for name, count in zip(targets.label_names, counts["train"], strict=True) if count]
    # one of several labels may be all there is to predict, if some rows lack it
    constant = targets.problem_type == SINGLE or not present or targets.arrays["train"].min() == 1
    if len(present) < 2 and constant:
        what = f"one class only ({present[0]!r:.60})" if present else "no label at all"
        raise UserError(f"train has {what}, expected at least two; add rows of other classes (-1 means unlabelled)")
    for name, count in counts.items():
        for label in np.flatnonzero((count > 0) & (counts["train"] == 0)):
            raise UserError(
                f"label {targets.label_names[label]!r:.60} stands in {name} ({count[label]:,} rows) but not in train, "
                "expected every label in train; add such rows to train or remove these"
            )


def label_counts(array: np.ndarray, num_labels: int) -> np.ndarray:
    """Return (num_labels,): the rows of each label; array: (rows,) ids or (rows, num_labels) zeros and ones."""
    return np.bincount(array, minlength=num_labels) if array.ndim == 1 else array.sum(0, dtype=np.int64)
