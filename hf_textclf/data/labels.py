"""From raw labels to targets: the one place where `problem_type` is decided, always from the data.

Every label becomes a name first, then the id of that name: bare ids, strings, booleans and ClassLabel columns meet in
the names, so a saved model can be evaluated on data that writes its labels in another way.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import datasets
import numpy as np
import pyarrow.compute as pc

from ..errors import UserError
from ..saved_model.layout import SPLITS
from .sources import ProblemType

SINGLE: ProblemType = "single_label_classification"
MULTI: ProblemType = "multi_label_classification"
REGRESSION: ProblemType = "regression"
# characters of a text that stands for its label, at most
EXAMPLE_LENGTH = 120

# 007 is a code, not a number; "nan", "inf" and 1_000 are words; Python makes no integer of more than 4,300 digits
INTEGER = re.compile(r"[+-]?[0-9]{1,4000}")
CODE = re.compile(r"[+-]?0[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class LabelSet:
    """The labels of all rows, parsed. kind: "int", "bool", "float" or "str", of each item if `multi_label`."""

    values: list[Any]
    kind: str
    multi_label: bool

    def items(self) -> Iterator[Any]:
        """Yield every single label of every row."""
        return chain.from_iterable(self.values) if self.multi_label else iter(self.values)


@dataclass(frozen=True)
class Targets:
    """The targets of all rows. label_names: in id order; empty for regression.

    array: (rows,) int64 ids, (rows, labels) float32 zeros and ones, or (rows,) float64 for regression.
    """

    problem_type: ProblemType
    label_names: list[str]
    array: np.ndarray


def read_labels(
    values: list[Any], *, untyped: bool, separator: str | None, problem_type: ProblemType | None
) -> LabelSet:
    """Find out of what kind the labels are, over all splits together. Raises UserError for mixed kinds.

    values: one raw label per row, none missing. untyped: cells are strings (csv, tsv), and numbers where all of them
    look so. separator: a cell holds several labels. problem_type: a classification takes numbers among words as names.
    """
    if separator is not None:
        values = _split_cells(values, separator=separator)
    shapes = {isinstance(value, list) for value in values}
    if len(shapes) == 2:
        raise UserError("labels mix lists and single values, expected one kind; write a list in every row")
    multi_label = shapes == {True}
    if multi_label:
        values = _read_multi_hot(values)
    items = list(chain.from_iterable(values)) if multi_label else values
    examples = {type(item).__name__: item for item in items}
    if other := sorted(examples.keys() - {"str", "bool", "int", "float"}):
        raise UserError(f"labels hold {other[0]}, expected strings, integers, numbers or lists of them; convert them")
    as_names = problem_type in (SINGLE, MULTI)
    if examples.keys() == {"int", "float"}:
        del examples["int"]
    if len(examples) > 1 and not as_names:
        raise _mixed(*examples.values())
    kind = next(iter(examples)) if len(examples) == 1 else "str"
    if kind == "str" and untyped:
        kind = _kind_of_cells({item.strip() for item in items}, as_names=as_names, multi_label=multi_label)
    if kind == "float" and multi_label:
        raise UserError("labels are lists of numbers, expected label names, ids or 0/1 vectors; convert them")
    if kind == "float" and as_names:
        # pandas writes an integer column with gaps as floats
        kind = "int" if all(float(item).is_integer() for item in items) else "str"
    return LabelSet([_convert(value, kind) for value in values], kind, multi_label)


def _convert(item: Any, kind: str) -> Any:
    if isinstance(item, list):
        return [_convert(part, kind) for part in item]
    if kind == "str":
        return str(item).strip()
    if kind == "int":
        return int(item) if INTEGER.fullmatch(str(item)) else int(float(item))
    return float(item) if kind == "float" else item


def _split_cells(values: list[Any], *, separator: str) -> list[Any]:
    bad = next((value for value in values if not isinstance(value, str)), None)
    if bad is not None:
        raise UserError(f"label {bad!r:.60} is no string, expected text to split; leave out --label_separator")
    if not separator:
        raise UserError("label_separator '' is empty, expected a character; pass e.g. --label_separator '|'")
    return [[label.strip() for label in value.split(separator) if label.strip()] for value in values]


def _read_multi_hot(rows: list[Any]) -> list[Any]:
    """Turn 0/1 vectors of one width into lists of ids; lists of ids, which repeat nothing, stay as they are."""
    width = len(rows[0])
    vectors = width > 1 and all(len(row) == width and all(item in (0, 1) for item in row) for row in rows)
    # [0, 1] alone can be both: whole numbers are ids unless one is repeated
    if vectors and any(type(row[0]) is float or len(set(row)) < width for row in rows):
        return [[index for index, bit in enumerate(row) if bit] for row in rows]
    return rows


def _mixed(*examples: Any) -> UserError:
    shown = " and ".join(repr(example)[:60] for example in sorted(examples, key=str)[:2])
    return UserError(
        f"labels mix kinds ({shown}), expected all numbers or all names; correct them or pass --problem_type {SINGLE}"
    )


def _kind_of_cells(cells: set[str], *, as_names: bool, multi_label: bool) -> str:
    """Return int or float where all cells are numbers. In a list of labels 0.5 is no id, and 7 among words a name."""
    numbers = {cell for cell in cells if NUMBER.fullmatch(cell)}
    if numbers and len(numbers) == len(cells):
        if all(INTEGER.fullmatch(cell) for cell in cells):
            return "str" if any(CODE.fullmatch(cell) for cell in cells) else "int"
        return "str" if multi_label else "float"
    if numbers and not (as_names or multi_label):
        raise _mixed(min(numbers), min(cells - numbers))
    return "str"


def encode_labels(
    labels: LabelSet,
    *,
    problem_type: ProblemType | None = None,
    label_names: list[str] | None = None,
    class_names: list[str] | None = None,
    known: list[str] | None = None,
) -> Targets:
    """Turn labels into targets; with `known`, the label names of a model, into the ids of that model.

    problem_type: if None, lists are multi-label, numbers with a fraction regression, all else single-label.
    label_names: given by the user; class_names: of the ClassLabel column. Without any names integers are ordered by
    value, strings by the alphabet. Raises UserError for labels that fit no names, problem type or model.
    """
    if problem_type is None:
        problem_type = MULTI if labels.multi_label else REGRESSION if labels.kind == "float" else SINGLE
    if problem_type == SINGLE and labels.multi_label:
        raise UserError(f"labels are lists, expected one a row for problem_type {SINGLE}; leave it out")
    if problem_type == REGRESSION:
        if labels.multi_label or labels.kind == "str":
            example = next(labels.items(), "")
            raise UserError(f"label {example!r:.60}, expected numbers for regression; correct --problem_type")
        if label_names:
            raise UserError("label_names for numbers (regression), expected classes; leave out or pass problem_type")
        array = np.array(labels.values, np.float64)
        if not np.isfinite(array).all():
            raise UserError("a label is infinite, expected finite numbers for regression; correct it")
        return Targets(problem_type, [], array)
    names, name_of = _name_labels(labels, label_names=label_names, class_names=class_names, known=known)
    index = {name: position for position, name in enumerate(names)}
    ids = {value: index[name] for value, name in name_of.items()}
    if problem_type != MULTI:
        return Targets(problem_type, names, np.array([ids[value] for value in labels.values], np.int64))
    array = np.zeros((len(labels.values), len(names)), np.float32)
    for row, value in enumerate(labels.values):
        array[row, [ids[item] for item in (value if labels.multi_label else [value])]] = 1
    return Targets(problem_type, names, array)


def _name_labels(
    labels: LabelSet, *, label_names: list[str] | None, class_names: list[str] | None, known: list[str] | None
) -> tuple[list[str], dict[Any, str]]:
    """Give every label its name. Returns all names in id order, and the name of each value that occurs."""
    for names in (label_names, class_names):
        if names and len(set(names)) < len(names):
            raise UserError(f"label_names {_listed(names)} repeat a name, expected unique ones; correct --label_names")
    if label_names and class_names and len(label_names) != len(class_names):
        raise UserError(
            f"{len(label_names)} label_names, expected {len(class_names)} for {_listed(class_names)}; correct them"
        )
    distinct = set(labels.items())
    given = label_names or class_names or known
    # the same names in another order: the data says what its ids mean, the user in which order they come
    meaning = class_names if class_names and given and set(class_names) == set(given) else given
    # names that are numbers themselves (ratings 1 to 5) are what the data says, not what its ids stand for
    numeric = not class_names and all(INTEGER.fullmatch(name) for name in given or [])
    if meaning and labels.kind in ("int", "bool") and not numeric:
        if outside := sorted(value for value in distinct if not 0 <= value < len(meaning)):
            raise UserError(
                f"label {outside[0]}, expected ids 0 to {len(meaning) - 1} for {_listed(meaning)}; correct label_names"
            )
        name_of = {value: meaning[value] for value in distinct}
    else:
        name_of = {value: str(value) for value in distinct}
    names = known or given or [name_of[value] for value in sorted(distinct)]
    if unknown := sorted(set(name_of.values()) - set(names)):
        owner = "the model" if known else "label_names"
        raise UserError(
            f"label {unknown[0]!r:.60} is unknown to {owner}, expected one of {_listed(names)}; correct it or pass "
            "--label_names to name ids"
        )
    return names, name_of


def _listed(names: list[str]) -> str:
    """List the names in one line, the first ten of many."""
    more = f" and {len(names) - 10:,} more" if len(names) > 10 else ""
    return ", ".join(repr(name)[:60] for name in names[:10]) + more


def one_against_rest(targets: Targets, positive: str, *, known: list[str] | None = None) -> Targets:
    """Ask of every row whether it has one label, as targets with the two classes `not X` and `X`.

    known: the label names of the model to evaluate. Raises UserError for a label that is not there.
    """
    if targets.problem_type == REGRESSION:
        raise UserError(f"positive_label {positive!r} on numbers (regression), expected classes; leave it out")
    if positive not in targets.label_names:
        raise UserError(f"positive_label {positive!r}, expected one of {_listed(targets.label_names)}; correct it")
    names = [f"not {positive}", positive]
    if known is not None and known != names:
        raise UserError(f"positive_label {positive!r} gives {names}, expected the model's {known[:10]}; leave it out")
    label = targets.label_names.index(positive)
    array = targets.array[:, label] if targets.array.ndim == 2 else targets.array == label
    return Targets(SINGLE, names, array.astype(np.int64))


def check_learnable(targets: Targets, splits: np.ndarray) -> None:
    """Raise UserError when train has one class only, or a split, (rows,) names, a label that train lacks."""
    if targets.problem_type == REGRESSION:
        return
    counts = {name: label_counts(targets.array[splits == name], len(targets.label_names)) for name in SPLITS}
    present = [name for name, count in zip(targets.label_names, counts["train"], strict=True) if count]
    # one of several labels may be all there is to predict, if some rows lack it
    constant = targets.problem_type == SINGLE or not present or targets.array[splits == "train"].min() == 1
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


def label_examples(train: datasets.Dataset, label_names: list[str]) -> dict[str, str]:
    """A short text for each label that has one, of encoded rows with class labels."""
    column = train.with_format("arrow")[:]["text"]
    short = pc.less_equal(pc.utf8_length(column), EXAMPLE_LENGTH)
    texts = column.filter(short)
    targets = train.with_format("numpy")[:]["labels"][short.to_numpy(zero_copy_only=False)]
    examples = {}
    for number, label in enumerate(label_names):
        rows = targets[:, number] == 1 if targets.ndim > 1 else targets == number
        if rows.any():
            examples[label] = texts[int(rows.argmax())].as_py()
    return examples
