"""From raw labels to targets: the one place where `problem_type` is decided, always from the data.

Every label becomes a name first, then the id of that name: bare ids, strings, booleans and ClassLabel columns meet in
the names, so a saved model can be evaluated on data that writes its labels in another way.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import UserError
from .arguments import ProblemType

SINGLE: ProblemType = "single_label_classification"
MULTI: ProblemType = "multi_label_classification"
REGRESSION: ProblemType = "regression"

# 007 is a code, not a number; "nan", "inf" and 1_000 are words
INTEGER = re.compile(r"[+-]?[0-9]+")
CODE = re.compile(r"[+-]?0[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

Values = dict[str, list[Any]]


@dataclass(frozen=True)
class LabelSet:
    """The labels of all splits, parsed. kind: "int", "bool", "float" or "str", of the items of each list if `many`."""

    values: Values
    kind: str
    many: bool

    def items(self) -> Iterator[Any]:
        """Yield every single label of every row."""
        return _items(self.values, many=self.many)


def _items(values: Values, *, many: bool) -> Iterator[Any]:
    for rows in values.values():
        for row in rows:
            if many:
                yield from row
            else:
                yield row


def read_labels(values: Values, *, untyped: bool, separator: str | None, problem_type: ProblemType | None) -> LabelSet:
    """Find out of what kind the labels are, over all splits together.

    values: per split, one raw label per row, none missing. untyped: cells are strings (csv, tsv) and are numbers where
    all of them look so. separator: a cell holds several labels. problem_type: a classification takes numbers among
    words as names. Raises UserError for mixed kinds otherwise.
    """
    if separator is not None:
        values = _split_cells(values, separator=separator)
    shapes = {isinstance(row, list) for rows in values.values() for row in rows}
    if len(shapes) == 2:
        raise UserError("labels mix lists and single values, expected one kind; write a list in every row")
    many = shapes == {True}
    if many:
        values = _read_multi_hot(values)
    types = {type(item) for item in _items(values, many=many)}
    if other := sorted(kind.__name__ for kind in types - {str, bool, int, float}):
        raise UserError(f"labels hold {other[0]}, expected strings, integers, numbers or lists of them; convert them")
    names_asked = problem_type in (SINGLE, MULTI)
    if types == {int, float}:
        types = {float}
    if len(types) > 1 and not names_asked:
        raise _mixed(*(next(item for item in _items(values, many=many) if type(item) is kind) for kind in types))
    kind = next(iter(types)).__name__ if len(types) == 1 else "str"
    if kind == "str" and untyped:
        # in a list of labels a number among words is a name like the others, and 0.5 is no label id
        kind = _kind_of_cells({item.strip() for item in _items(values, many=many)}, lenient=names_asked or many)
        kind = "str" if many and kind == "float" else kind
    if kind == "float" and many:
        raise UserError("labels are lists of numbers, expected label names, ids or 0/1 vectors; convert them")
    if kind == "float" and names_asked:
        # pandas writes an integer column with gaps as floats
        kind = "int" if all(float(item).is_integer() for item in _items(values, many=many)) else "str"
    return LabelSet(_convert(values, kind=kind, many=many), kind=kind, many=many)


def _split_cells(values: Values, *, separator: str) -> Values:
    bad = next((row for rows in values.values() for row in rows if not isinstance(row, str)), None)
    if bad is not None:
        raise UserError(f"label {bad!r:.60} is no string, expected text to split; leave out --label_separator")
    if not separator:
        raise UserError("label_separator '' is empty, expected a character; pass e.g. --label_separator '|'")
    return {
        name: [[part.strip() for part in row.split(separator) if part.strip()] for row in rows]
        for name, rows in values.items()
    }


def _read_multi_hot(values: Values) -> Values:
    """Turn 0/1 vectors of one width into lists of ids; lists of ids, which repeat nothing, stay as they are."""
    rows = [row for split in values.values() for row in split]
    width = len(rows[0])
    vectors = width > 1 and all(len(row) == width and all(item in (0, 1) for item in row) for row in rows)
    # [0, 1] alone can be both: whole numbers are ids unless one is repeated
    if vectors and any(type(row[0]) is float or len(set(row)) < width for row in rows):
        return {
            name: [[index for index, bit in enumerate(row) if bit] for row in split] for name, split in values.items()
        }
    return values


def _mixed(*examples: Any) -> UserError:
    shown = " and ".join(repr(example)[:60] for example in sorted(examples, key=str)[:2])
    return UserError(
        f"label column mixes kinds ({shown}), expected all numbers or all names; correct the rows, or pass "
        "--problem_type single_label_classification to take all as names"
    )


def _kind_of_cells(cells: set[str], *, lenient: bool) -> str:
    numbers = {cell for cell in cells if NUMBER.fullmatch(cell)}
    if numbers and len(numbers) == len(cells):
        if all(INTEGER.fullmatch(cell) for cell in cells):
            return "str" if any(CODE.fullmatch(cell) for cell in cells) else "int"
        return "float"
    if numbers and not lenient:
        raise _mixed(min(numbers), min(cells - numbers))
    return "str"


def _convert(values: Values, *, kind: str, many: bool) -> Values:
    def convert(item: Any) -> Any:
        if kind == "str":
            return str(item).strip()
        if kind == "int":
            return int(item) if INTEGER.fullmatch(str(item)) else int(float(item))
        return float(item) if kind == "float" else item

    return {
        name: [[convert(item) for item in row] if many else convert(row) for row in rows]
        for name, rows in values.items()
    }


def decide_problem_type(labels: LabelSet, *, asked: ProblemType | None) -> ProblemType:
    """Return lists → multi-label, numbers with a fraction → regression, all else → single-label; or what was asked.

    Raises UserError where the labels cannot be what was asked.
    """
    decided = MULTI if labels.many else REGRESSION if labels.kind == "float" else SINGLE
    if asked == REGRESSION and (labels.many or labels.kind == "str"):
        example = next(labels.items(), "")
        raise UserError(
            f"problem_type regression, but a label is {example!r:.60}, expected numbers; name a "
            "--label_column of numbers or leave it out"
        )
    if asked == SINGLE and labels.many:
        raise UserError(
            "problem_type single_label_classification, but labels are lists, expected one label a row; leave it out"
        )
    if (asked or decided) == REGRESSION and not all(math.isfinite(item) for item in labels.items()):
        raise UserError("a label is infinite, expected finite numbers for regression; correct it")
    return asked or decided


def name_labels(
    labels: LabelSet,
    *,
    label_names: list[str] | None,
    class_names: list[str] | None,
    known: list[str] | None = None,
) -> tuple[list[str], dict[Any, str]]:
    """Give every label its name. Returns all names in id order, and the name of each value that occurs.

    label_names: given by the user; class_names: of the ClassLabel column; known: of the model to evaluate. Without
    them integers are ordered by value, strings by the alphabet. Raises UserError for labels that are none of these.
    """
    for names in (label_names, class_names):
        if names and len(set(names)) < len(names):
            raise UserError(f"label_names {_listed(names)} repeat a name, expected unique ones; correct --label_names")
    if label_names and class_names and len(label_names) != len(class_names):
        raise UserError(
            f"{len(label_names)} label_names, expected {len(class_names)}, one for each of {_listed(class_names)}; "
            "correct --label_names"
        )
    distinct = set(labels.items())
    given = label_names or class_names or known
    # the same names in another order: the data says what its ids mean, the user in which order they come
    meaning = class_names if class_names and given and set(class_names) == set(given) else given
    # names that are numbers themselves (ratings 1 to 5) are what the data says, not what its ids stand for
    numeric = not class_names and all(INTEGER.fullmatch(name) for name in given or [])
    if meaning and labels.kind in ("int", "bool") and not numeric:
        outside = sorted(value for value in distinct if not 0 <= value < len(meaning))
        if outside:
            raise UserError(
                f"label {outside[0]} has no name, expected ids 0 to {len(meaning) - 1} for {_listed(meaning)}; "
                "correct --label_names or the data"
            )
        name_of = {value: meaning[value] for value in distinct}
    else:
        name_of = {value: str(value) for value in distinct}
    names = known or given or [name_of[value] for value in sorted(distinct)]
    unknown = sorted(set(name_of.values()) - set(names))
    if unknown:
        owner = "the model" if known else "label_names"
        raise UserError(
            f"label {unknown[0]!r:.60} is unknown to {owner}, expected one of {_listed(names)}; correct the data, or "
            "pass --label_names to name its ids"
        )
    return names, name_of


def _listed(names: list[str]) -> str:
    """List the names in one line, the first ten of many."""
    more = f" and {len(names) - 10:,} more" if len(names) > 10 else ""
    return ", ".join(repr(name)[:60] for name in names[:10]) + more
