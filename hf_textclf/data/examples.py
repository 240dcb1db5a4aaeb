"""Rows that have both a text and a label: missing values are refused or dropped, unlabelled rows left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..errors import UserError
from .arguments import DataArguments, ProblemType
from .columns import UNLABELLED, RawSplit, find_columns, is_missing, label_values, missing_texts
from .labels import REGRESSION, LabelSet, read_labels


@dataclass(frozen=True)
class LabelledRows:
    """Texts and parsed labels of every split that has rows left, and how many rows each split lost on the way."""

    texts: dict[str, pa.ChunkedArray]
    labels: LabelSet
    class_names: list[str] | None
    text_column: str
    label_column: list[str]
    unlabelled: dict[str, int]
    dropped: dict[str, int]


def collect_rows(
    raw: Mapping[str, RawSplit], arguments: DataArguments, *, problem_type: ProblemType | None
) -> LabelledRows:
    """Choose the columns in the first split and take them from all. Raises UserError for missing columns or values."""
    text_column, label_column = find_columns(
        next(iter(raw.values())), text=arguments.text_column, label=arguments.label_column
    )
    texts: dict[str, pa.ChunkedArray] = {}
    values: dict[str, list[Any]] = {}
    dropped: dict[str, int] = {}
    for name, split in raw.items():
        for column in (text_column, *label_column):
            if column not in split.columns:
                there = ", ".join(repr(other) for other in split.columns)
                raise UserError(
                    f"{name} has no column {column!r} but {there}, expected the same in every split; add it"
                )
        texts[name] = split.texts(text_column)
        values[name] = label_values(split, label_column)
        missing = _missing_rows(texts[name], values[name], name=name, arguments=arguments)
        if dropped_here := int(missing.sum()):
            dropped[name] = dropped_here
            _keep(texts, values, name, ~missing)
    unlabelled: dict[str, int] = {}
    if len(label_column) > 1:
        _drop_unlabelled(texts, values, unlabelled)
    labels = read_labels(
        values,
        untyped=any(split.untyped for split in raw.values()),
        separator=arguments.label_separator,
        problem_type=problem_type,
    )
    if labels.kind == "int" and not labels.many and problem_type != REGRESSION:
        _drop_unlabelled(texts, labels.values, unlabelled)
    class_names = _class_names(raw, label_column)
    return LabelledRows(texts, labels, class_names, text_column, label_column, unlabelled, dropped)


def _missing_rows(texts: pa.ChunkedArray, values: list[Any], *, name: str, arguments: DataArguments) -> np.ndarray:
    """Return (rows,) bool, all False unless missing rows are to be dropped."""
    no_text = missing_texts(texts)
    # an empty cell of separated labels says that none applies
    separated = arguments.label_separator is not None
    no_label = np.array([is_missing(value) and not (separated and value == "") for value in values], bool)
    missing = no_text | no_label
    if missing.any() and not arguments.drop_missing:
        raise UserError(
            f"{name}: {no_text.sum():,} rows without text and {no_label.sum():,} without label (first: row "
            f"{missing.argmax() + 1:,}), expected both in every row; fill them in or pass --drop_missing"
        )
    return missing


def _keep(texts: dict[str, pa.ChunkedArray], values: dict[str, list[Any]], name: str, mask: np.ndarray) -> None:
    """Keep the masked rows of one split, and forget a split that has none."""
    if not mask.any():
        del texts[name], values[name]
        return
    texts[name] = texts[name].filter(pa.array(mask))
    values[name] = [value for value, kept in zip(values[name], mask, strict=True) if kept]


def _drop_unlabelled(
    texts: dict[str, pa.ChunkedArray], values: dict[str, list[Any]], unlabelled: dict[str, int]
) -> None:
    for name in list(values):
        mask = np.array([value == UNLABELLED for value in values[name]], bool)
        if mask.any():
            unlabelled[name] = int(mask.sum())
            _keep(texts, values, name, ~mask)


def _class_names(raw: Mapping[str, RawSplit], label_column: list[str]) -> list[str] | None:
    """Return the names that the data gives its ids: multi-hot columns, or a ClassLabel column."""
    if len(label_column) > 1:
        return label_column
    found = [split.class_names.get(label_column[0]) for split in raw.values()]
    if any(names != found[0] for names in found):
        raise UserError(
            f"label column {label_column[0]!r} has other class names in other splits, expected the same in all; save "
            "the splits with one ClassLabel feature"
        )
    return found[0]
