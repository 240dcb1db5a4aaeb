"""Which columns hold text and label, and the rows that have both: others are refused, dropped or left out.

Texts stay in Arrow from the file to the Dataset; labels are few bytes and pass through Python.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import UserError
from .labels import REGRESSION, LabelSet, read_labels
from .sources import DataArguments, ProblemType, RawSplit

# in this order: of `title` and `content`, the longer one is the text
TEXT_NAMES = (
    "text sentence content review document body comment tweet message utterance question headline description "
    "title 文本 内容 评论 句子 标题"
).split()
LABEL_NAMES = (
    "label labels class category target sentiment topic intent emotion rating score stars 标签 类别 分类 评分"
).split()
UNLABELLED = -1


@dataclass(frozen=True)
class LabelledRows:
    """The rows that have a text and a label. splits: (rows,) names. unlabelled, dropped: as in `TextData`."""

    texts: pa.ChunkedArray
    splits: np.ndarray
    labels: LabelSet
    class_names: list[str] | None
    text_column: str
    label_column: list[str]
    unlabelled: dict[str, int]
    dropped: dict[str, int]


def collect_rows(
    raw: Mapping[str, RawSplit], arguments: DataArguments, *, problem_type: ProblemType | None
) -> LabelledRows:
    """Find the columns in the first split and take them from all. Raises UserError for missing columns or values."""
    first = next(iter(raw.values()))
    text_column, label_column = find_columns(first, text=arguments.text_column, label=arguments.label_column)
    chunks: list[pa.Array] = []
    values: list[Any] = []
    names: list[str] = []
    for name, split in raw.items():
        for column in (text_column, *label_column):
            if column not in split.columns:
                raise UserError(f"{name} has no column {column!r} but {_listed(split)}, expected it in all; add it")
        chunks += split.texts(text_column).chunks
        values += label_values(split, label_column)
        names += [name] * (len(values) - len(names))
    texts, splits = pa.chunked_array(chunks, pa.large_string()), np.array(names)
    no_text = missing_texts(texts)
    # an empty cell of separated labels says that none applies
    separated = arguments.label_separator is not None
    no_label = np.array([is_missing(value) and not (separated and value == "") for value in values], bool)
    missing = no_text | no_label
    if missing.any() and not arguments.drop_missing:
        name = splits[missing.argmax()]
        rows = splits == name
        raise UserError(
            f"{name}: {no_text[rows].sum():,} rows without text and {no_label[rows].sum():,} without label (first: "
            f"row {missing[rows].argmax() + 1:,}), expected both in every row; fill them in or pass --drop_missing"
        )
    multi_hot = len(label_column) > 1
    class_names = [label_column if multi_hot else split.class_names.get(label_column[0]) for split in raw.values()]
    if any(names != class_names[0] for names in class_names):
        raise UserError(
            f"class names of column {label_column[0]!r} differ between splits, expected the same; save them with one "
            "ClassLabel feature"
        )
    # among multi-hot columns a -1 stands out at once, a single column must be read as integers first
    unlabelled = np.array([multi_hot and value == UNLABELLED for value in values], bool) & ~missing
    kept = ~missing & ~unlabelled
    labels = read_labels(
        list(compress(values, kept)),
        untyped=any(split.untyped for split in raw.values()),
        separator=arguments.label_separator,
        problem_type=problem_type,
    )
    if labels.kind == "int" and not labels.multi_label and problem_type != REGRESSION:
        unlabelled[kept] = [value == UNLABELLED for value in labels.values]
        labels = replace(labels, values=[value for value in labels.values if value != UNLABELLED])
        kept &= ~unlabelled
    return LabelledRows(
        texts.filter(pa.array(kept)),
        splits[kept],
        labels,
        class_names[0],
        text_column,
        label_column,
        unlabelled=dict(Counter(splits[unlabelled].tolist())),
        dropped=dict(Counter(splits[missing].tolist())),
    )


def find_columns(split: RawSplit, *, text: str | None, label: Sequence[str] | None) -> tuple[str, list[str]]:
    """Return the text column and the label columns, named by the user or found by their usual names.

    Raises UserError, listing the columns there, for unknown names or when none is found.
    """
    for name in label or []:
        _check_known(split, name, flag="label")
    usual = _by_usual_name(split)
    labels = list(label or [usual[name] for name in LABEL_NAMES if name in usual and usual[name] != text][:1])
    if not labels:
        raise UserError(f"no label column found among {_listed(split)}, expected e.g. 'label'; pass --label_column")
    text = find_text_column(split, text=text, labels=labels)
    if text in labels or len(set(labels)) < len(labels):
        raise UserError(f"text column {text!r} and label columns {labels} overlap, expected none in both; name others")
    return text, labels


def find_text_column(split: RawSplit, *, text: str | None, labels: Sequence[str] = ()) -> str:
    """Return the text column, named by the user or found by its usual name among the columns that hold no label."""
    _check_known(split, text, flag="text")
    if text is not None:
        return text
    usual = _by_usual_name(split)
    candidates = [name for name in split.columns if name not in labels and split.is_text(name)]
    named = [usual[name] for name in TEXT_NAMES if usual.get(name) in candidates]
    if not named and (taken := [usual[name] for name in TEXT_NAMES if name in usual and usual[name] not in labels]):
        split.texts(taken[0])  # raises what it holds in place of strings
    if not named and len(candidates) != 1:
        raise UserError(f"no text column found among {_listed(split)}, expected e.g. 'text'; pass --text_column")
    return (named or candidates)[0]


def _by_usual_name(split: RawSplit) -> dict[str, str]:
    return {name.strip().lower(): name for name in reversed(split.columns)}


def _listed(split: RawSplit) -> str:
    return ", ".join(repr(name) for name in split.columns)


def _check_known(split: RawSplit, name: str | None, *, flag: str) -> None:
    if name is not None and name not in split.columns:
        raise UserError(f"unknown column {name!r}, expected one of {_listed(split)}; correct --{flag}_column")


def label_values(split: RawSplit, columns: list[str]) -> list[Any]:
    """Return one raw label per row. Several multi-hot columns give the list of the names whose cell is 1.

    A multi-hot row with a missing cell is None; with a -1, UNLABELLED. Raises UserError for other cells than 0 and 1.
    """
    if len(columns) == 1:
        return split.values(columns[0])
    labels: list[Any] = []
    for row, cells in enumerate(zip(*(split.values(column) for column in columns), strict=True), 1):
        if any(is_missing(cell) for cell in cells):
            labels.append(None)
            continue
        bits = [_bit(cell, column=column, row=row) for cell, column in zip(cells, columns, strict=True)]
        labels.append(UNLABELLED if UNLABELLED in bits else list(compress(columns, bits)))
    return labels


def _bit(cell: Any, *, column: str, row: int) -> int:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        value = 2
    if value not in (0, 1, UNLABELLED):
        raise UserError(
            f"column {column!r}, row {row}: {cell!r:.60}, expected 0, 1 or -1 (unlabelled); pass one --label_column"
        )
    return int(value)


def is_missing(value: Any) -> bool:
    """Say whether a label cell is empty: None, NaN, blank, or a list that holds one of these."""
    if isinstance(value, list):
        return any(is_missing(item) for item in value)
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def missing_texts(texts: pa.ChunkedArray) -> np.ndarray:
    """Return (rows,) bool: texts that are null or blank."""
    blank = pc.equal(pc.utf8_trim_whitespace(texts), "")
    return np.asarray(pc.fill_null(blank, True))
