"""Where splits come from: a Hub id, a folder, a saved DatasetDict, one file, or the samples in this package."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import UserError
from ..files import SAMPLES
from ..saved_model.layout import SPLITS
from .arguments import TextArguments
from .csv import check_column_names
from .reading import file_format, first_line, parquet_errors, read_rows
from .splits import canonical_split

SUFFIXES = (".parquet", ".csv", ".tsv", ".json", ".jsonl")
# an owner is required: `load_dataset("csv")` and the like would read whatever lies in the working directory
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


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
            others = (type(value).__name__ for value in values if not isinstance(value, str | None))
            kind = next(others) if isinstance(values, list) else values.type
            raise UserError(f"text column {column!r} holds {kind}, expected strings; pass another --text_column")
        if isinstance(values, list):
            return pa.chunked_array([pa.array(values, pa.string())])
        plain = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
        return values if plain else values.cast(pa.string())

    def values(self, column: str) -> list[Any]:
        """Return a column as Python values."""
        values = self.columns[column]
        return values if isinstance(values, list) else values.to_pylist()


# how to read each split, by its canonical name
Readers = dict[str, Callable[[], RawSplit]]


def read_splits(arguments: TextArguments, *, file_split: str = "train", further: Sequence[str] = ()) -> Readers:
    """Return how to read each split there is, by its canonical name; nothing local is read before it is called.

    file_split: the name of the split that a single file holds. further: names of splits to be found beside train,
    validation and test, e.g. `unsupervised`. Raises UserError when nothing can be found.
    """
    name = arguments.dataset
    path = Path(name)
    if not path.exists() and path.parent == Path("samples"):
        path = SAMPLES / path.name
        if not path.is_dir():
            known = ", ".join(sorted(f"samples/{entry.name}" for entry in SAMPLES.glob("[!_.]*") if entry.is_dir()))
            raise UserError(
                f"dataset {name!r} is no sample, expected one of {known or 'none here'}; correct --dataset"
            )
    if path.is_file():
        return {file_split: partial(read_file, path, encoding=arguments.encoding)}
    if path.is_dir():
        if (path / "dataset_dict.json").exists() or (path / "state.json").exists():
            return _saved_splits(path, file_split, further)
        return _folder_splits(path, arguments.encoding, further)
    if path.suffix.lower() in (*SUFFIXES, ".txt") or not HUB_ID.fullmatch(name):
        raise UserError(
            f"dataset {name!r} does not exist, expected a file, a folder, samples/NAME or a Hub id OWNER/NAME; "
            "correct --dataset"
        )
    return _hub_splits(name, arguments.dataset_config, further)


def read_file(path: Path, *, encoding: str) -> RawSplit:
    """Read one file: parquet straight into Arrow, the others row by row; a key that a JSON row lacks is None there."""
    kind = file_format(path)
    if kind != "parquet":
        rows = list(read_rows(path, encoding=encoding))
        names = dict.fromkeys(name for row in rows for name in row)
        return RawSplit({name: [row.get(name) for row in rows] for name in names}, untyped=kind in ("csv", "tsv"))
    with parquet_errors(str(path)):
        check_column_names(pq.read_schema(path).names, name=str(path))
        # Dataset reads the features that `datasets` wrote into the schema, so ClassLabel survives
        dataset = datasets.Dataset(pq.read_table(path))
    if not len(dataset):
        raise UserError(f"{path}: no rows, expected at least one; check the file")
    return RawSplit.from_dataset(dataset)


def _folder_splits(folder: Path, encoding: str, further: Sequence[str]) -> Readers:
    """Find the files whose stem is the name of a split; other files (README, unsupervised) are left alone."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    return _name_splits(
        ((path.name, path.stem, partial(read_file, path, encoding=encoding)) for path in files),
        further,
        dataset=str(folder),
        remedy=f" in files with {', '.join(SUFFIXES)}; rename a file, or name it as --dataset",
    )


def _saved_splits(folder: Path, file_split: str, further: Sequence[str]) -> Readers:
    try:
        saved = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise UserError(
            f"dataset {str(folder)!r} is damaged ({first_line(error)}), expected what save_to_disk wrote; "
            "save it again"
        ) from None
    return _loaded_splits(saved if isinstance(saved, dict) else {file_split: saved}, further, dataset=str(folder))


def _hub_splits(name: str, config: str | None, further: Sequence[str]) -> Readers:
    try:
        loaded = datasets.load_dataset(name, config)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise UserError(
            f"dataset {name!r} is no local path and the Hub did not give it ({first_line(error)}), "
            "expected a reachable Hub id; check id, --dataset_config and network, or pass a copy by --dataset DIR"
        ) from None
    return _loaded_splits(loaded, further, dataset=name)


def _loaded_splits(loaded: dict[str, datasets.Dataset], further: Sequence[str], *, dataset: str) -> Readers:
    entries = ((str(name), str(name), partial(RawSplit.from_dataset, rows)) for name, rows in loaded.items() if rows)
    return _name_splits(entries, further, dataset=dataset, remedy="; rename a split")


def _name_splits(
    entries: Iterable[tuple[str, str, Callable[[], RawSplit]]], further: Sequence[str], *, dataset: str, remedy: str
) -> Readers:
    """Choose the entries (as shown, name of split, reader) that are splits, in the order in which they are used."""
    shown: list[str] = []
    origins: dict[str, str] = {}
    readers: Readers = {}
    for entry, name, reader in entries:
        shown.append(entry)
        split = canonical_split(name, further)
        if split in origins:
            raise UserError(
                f"dataset {dataset!r}: {origins[split]} and {entry} are both {split}, expected one; remove one"
            )
        if split is not None:
            origins[split], readers[split] = entry, reader
    if not readers:
        raise UserError(
            f"dataset {dataset!r} holds no split (data there: {', '.join(shown[:10]) or 'none'}), expected train, "
            f"validation or test{remedy}"
        )
    return {split: readers[split] for split in (*SPLITS, *further) if split in readers}
