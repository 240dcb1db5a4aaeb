"""Which columns hold text and label, and what these columns hold: Arrow text, Python label values.

Texts stay in Arrow from the file to the Dataset; labels are few bytes and pass through Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import UserError

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
class RawSplit:
    """One split as read. Arrow columns come from parquet and datasets, lists from files of rows.

    class_names: the names of each ClassLabel column (or list of them). untyped: every cell is a string (csv, tsv).
    """

    columns: dict[str, list[Any] | pa.ChunkedArray]
    class_names: dict[str, list[str]] = field(default_factory=dict)
    untyped: bool = False

    @classmethod
    def from_dataset(cls, dataset: datasets.Dataset) -> "RawSplit":
        """Take the columns of a Dataset without copying them."""
        table = dataset.with_format("arrow")[:]
        inner = {name: getattr(feature, "feature", feature) for name, feature in dataset.features.items()}
        names = {name: list(kind.names) for name, kind in inner.items() if isinstance(kind, datasets.ClassLabel)}
        return cls(dict(zip(table.column_names, table.columns, strict=True)), class_names=names)

    @classmethod
    def from_rows(cls, rows: list[dict[str, Any]], *, untyped: bool) -> "RawSplit":
        """Turn rows into columns; a key that a JSON row lacks is None there."""
        names = dict.fromkeys(name for row in rows for name in row)
        return cls({name: [row.get(name) for row in rows] for name in names}, untyped=untyped)

    def is_text(self, column: str) -> bool:
        """Say whether a column holds strings."""
        values = self.columns[column]
        if isinstance(values, list):
            return all(value is None or isinstance(value, str) for value in values)
        kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
        return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)

    def texts(self, column: str) -> pa.ChunkedArray:
        """Return the strings of a column. Raises UserError where it holds something else."""
        values = self.columns[column]
        if not self.is_text(column):
            kind = _first_type(values) if isinstance(values, list) else values.type
            raise UserError(f"text column {column!r} holds {kind}, expected strings; pass another --text_column")
        if isinstance(values, list):
            return pa.chunked_array([pa.array(values, pa.string())])
        plain = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
        return values if plain else values.cast(pa.string())

    def values(self, column: str) -> list[Any]:
        """Return a column as Python values."""
        values = self.columns[column]
        return values if isinstance(values, list) else values.to_pylist()


def _first_type(values: list[Any]) -> str:
    return next(type(value).__name__ for value in values if value is not None and not isinstance(value, str))


def find_columns(split: RawSplit, *, text: str | None, label: Sequence[str] | None) -> tuple[str, list[str]]:
    """Return the text column and the label columns, named by the user or found by their usual names.

    Raises UserError, listing the columns there, for unknown names or when none is found.
    """
    for flag, name in [("text", text), *(("label", name) for name in label or [])]:
        _check_known(split, name, flag=flag)
    usual = _by_usual_name(split)
    labels = list(label or [])
    if not labels:
        found = [usual[name] for name in LABEL_NAMES if name in usual and usual[name] != text]
        if not found:
            raise UserError(
                f"no label column found among {_listed(split)}, expected e.g. 'label'; pass --label_column"
            )
        labels = found[:1]
    text = find_text_column(split, text=text, labels=labels)
    if text in labels or len(set(labels)) < len(labels):
        raise UserError(
            f"text column {text!r} and label columns {labels} overlap, expected different ones; name others"
        )
    return text, labels


def find_text_column(split: RawSplit, *, text: str | None, labels: Sequence[str] = ()) -> str:
    """Return the text column, named by the user or found by its usual name among the columns that hold no label."""
    _check_known(split, text, flag="text")
    if text is not None:
        return text
    usual = _by_usual_name(split)
    left = [name for name in split.columns if name not in labels and split.is_text(name)]
    found = [usual[name] for name in TEXT_NAMES if usual.get(name) in left]
    if not found and len(left) != 1:
        raise UserError(f"no text column found among {_listed(split)}, expected e.g. 'text'; pass --text_column")
    return (found or left)[0]


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
    rows: list[Any] = []
    for number, cells in enumerate(zip(*(split.values(column) for column in columns), strict=True), 1):
        if any(is_missing(cell) for cell in cells):
            rows.append(None)
            continue
        bits = [_bit(cell, column=column, row=number) for cell, column in zip(cells, columns, strict=True)]
        unlabelled = UNLABELLED in bits
        rows.append(UNLABELLED if unlabelled else [name for name, bit in zip(columns, bits, strict=True) if bit])
    return rows


def _bit(cell: Any, *, column: str, row: int) -> int:
    try:
        value = float(cell)
    except (TypeError, ValueError):
        value = 2
    if value not in (0, 1, UNLABELLED):
        raise UserError(
            f"column {column!r}, row {row}: {cell!r:.60}, expected 0 or 1 (-1: unlabelled) in multi-hot columns; pass "
            "one --label_column for other labels"
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
