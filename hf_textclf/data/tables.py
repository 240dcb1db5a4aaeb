"""Rows of csv and tsv: what the csv module reads in its strict mode, but no row that a stray quote has swallowed.

A quote that opens a cell and closes rows later passes elsewhere in silence. Here cells that swallow rows are refused.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

from ..errors import UserError

# a column with more values than this, or longer ones, does not tell labels from prose
MAX_CATEGORIES = 10_000
MAX_CATEGORY_LENGTH = 40


def table_rows(lines: Iterable[str], *, delimiters: str, name: str) -> Iterator[dict[str, str]]:
    """Yield one dict per row; blank lines are skipped (an empty text in a one-column file is written `""`).

    lines: physical lines with their line ends. delimiters: the first that splits the header is that of the table.
    """
    csv.field_size_limit(2**31 - 1)  # the default refuses cells over 128 KiB
    lines, head = iter(lines), []
    for line in lines:
        head.append(line)
        if line.strip("\r\n"):
            break
    splits = (each for each in delimiters if any(len(cells) > 1 for cells in csv.reader(head, delimiter=each)))
    delimiter = next(splits, delimiters[0])
    row_lines: list[str] = []  # the physical lines of the row being read

    def remember() -> Iterator[str]:
        for line in chain(head, lines):
            row_lines.append(line)
            yield line

    reader = csv.reader(remember(), delimiter=delimiter, strict=True)
    columns: list[str] = []
    swallowed = _SwallowedRows(delimiter)
    try:
        for cells in reader:
            first = reader.line_num - len(row_lines) + 1
            if cells and not columns:
                columns = cells
                _check_header(cells, delimiter=delimiter, name=name)
            elif cells and len(cells) != len(columns):
                raise UserError(
                    f"{name}, line {first}: {len(cells)} fields, expected {len(columns)} as in the header; "
                    f"quote cells that hold {delimiter!r} or line ends"
                )
            elif cells:
                swallowed.watch(cells, lines=row_lines, first=first)
                yield dict(zip(columns, cells, strict=True))
            row_lines.clear()
    except csv.Error as error:
        raise UserError(
            f"{name}, line {max(1, reader.line_num - len(row_lines) + 1)}: the quote that opens here is not closed as "
            f'expected ({error}); write a " inside a quoted cell as ""'
        ) from None
    swallowed.refuse(name=name)


def check_column_names(names: list[str], *, name: str) -> None:
    """Raise UserError when two columns of a file have the same name."""
    if doubled := sorted(column for column, count in Counter(names).items() if count > 1):
        raise UserError(f"{name}: column {doubled[0]!r} stands twice, expected unique names; rename one")


def _check_header(cells: list[str], *, delimiter: str, name: str) -> None:
    """Refuse doubled column names and a file that uses another delimiter."""
    check_column_names(cells, name=name)
    others = [other for other in ",\t;" if other != delimiter and other in cells[0]]
    if len(cells) == 1 and others:
        raise UserError(
            f"{name}: the header is one column {cells[0][:60]!r} with {others[0]!r} inside, expected columns "
            f"separated by {delimiter!r}; name a file .tsv only if tabs separate it, and quote cells, not whole lines"
        )


class _SwallowedRows:
    """Finds cells over several lines that are really rows behind a stray quote, which shows at the end of the file.

    Sound rule: read with the quote as an ordinary character, every line of the cell is a full row without empty cells,
    and one column (the labels) holds in these lines only values that rows of the file hold too, few beside the rows.
    """

    def __init__(self, delimiter: str) -> None:
        self.delimiter = delimiter
        self.rows = 0
        self.values: dict[int, set[str]] = {}
        self.suspects: list[tuple[int, list[list[str]]]] = []

    def watch(self, cells: list[str], *, lines: list[str], first: int) -> None:
        """Take note of one row; lines: the physical lines it was read from, the first of them at `first`."""
        if self.rows == 0:
            self.values = {column: set() for column in range(len(cells))}
        self.rows += 1
        for column, values in list(self.values.items()):
            values.add(cells[column])
            if len(cells[column]) > MAX_CATEGORY_LENGTH and "\n" not in cells[column] or len(values) > MAX_CATEGORIES:
                del self.values[column]
        if len(lines) > 1 and len(cells) > 1:
            rows = [part.rstrip("\r\n").split(self.delimiter) for part in lines]
            if all(len(row) == len(cells) and all(cell.strip() for cell in row) for row in rows):
                self.suspects.append((first, rows))

    def refuse(self, *, name: str) -> None:
        """Raise UserError for the first suspect that the whole file confirms."""
        for line, rows in self.suspects:
            for column, values in self.values.items():
                if 2 * len(values) <= self.rows + len(rows) and all(row[column] in values for row in rows):
                    raise UserError(
                        f"{name}, line {line}: the quote that opens here swallows {len(rows) - 1} lines that are "
                        'rows of their own, expected one row; remove the stray quote or write it as ""'
                    )
