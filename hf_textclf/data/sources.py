"""What a user says about the data, and where splits come from: a Hub id, a folder, a file, or the samples here."""

import re
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Literal

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from ..arguments import option
from ..errors import UserError
from ..files import SAMPLES
from ..saved_model.layout import SPLITS
from .reading import file_format, first_line, parquet_errors, read_rows
from .tables import check_column_names

ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]
ALIASES = {name: name for name in SPLITS} | dict.fromkeys(("valid", "val", "dev"), "validation")
SUFFIXES = (".parquet", ".csv", ".tsv", ".json", ".jsonl")
# an owner is required: `load_dataset("csv")` and the like would read whatever lies in the working directory
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
# one of the files that the Hub cuts a large split into
SHARD = re.compile(r"(.+)-[0-9]{5}-of-([0-9]{5})")
# what `datasets` raises for what it cannot load
UNREADABLE = (OSError, ValueError, KeyError, RuntimeError, pa.ArrowException, datasets.exceptions.DatasetsError)


@dataclass
class TextArguments:
    """Where texts lie and how to read them; one field is one flag and one YAML key."""

    dataset: str = option(
        MISSING, "Hub id, folder of train/validation/test files, save_to_disk folder, single file or samples/NAME."
    )
    dataset_config: str | None = option(None, "Configuration of a Hub dataset; local data ignores it.")
    text_column: str | None = option(None, "Column that holds the text; found if not named.")
    encoding: str = option("utf-8", "Encoding of csv, tsv, json and txt files, e.g. gb18030 (Chinese Excel).")
    validation_size: float = option(
        0.1, "Share of train set aside for validation where the data has no validation split."
    )
    split_seed: int = option(42, "Seed of that split and of max_train_samples; independent of the training seed.")
    max_train_samples: int | None = option(
        None, "Train on a seeded subset of this many rows, stratified where possible."
    )
    # see `arguments.check_numbers`
    BOUNDS: ClassVar[dict[str, Any]] = {"split_seed": {"least": 0, "most": 2**32 - 1}}


@dataclass
class DataArguments(TextArguments):
    """How to read the labels, too."""

    label_column: list[str] | None = option(
        None, "Column that holds the label; found if not named. Several names: multi-hot 0/1 columns."
    )
    label_names: list[str] | None = option(None, "Names of the labels in id order, for data that holds bare ids.")
    label_separator: str | None = option(None, "Splits the label cell into several labels, e.g. '|' or ','.")
    problem_type: ProblemType | None = option(
        None, "Decided from the labels; name it to overrule (e.g. ratings as regression)."
    )
    positive_label: str | None = option(None, "Learn whether a text has this label: two classes, 'not X' and 'X'.")
    drop_missing: bool = option(False, "Drop rows without text or label instead of refusing the data.")


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
        return str(kind) in ("string", "large_string", "string_view")

    def texts(self, column: str) -> pa.ChunkedArray:
        """Return the strings of a column, (rows,) large_string. Raises UserError where it holds something else."""
        values = self.columns[column]
        if not self.is_text(column):
            others = (type(value).__name__ for value in values if not isinstance(value, str | None))
            kind = next(others) if isinstance(values, list) else values.type
            raise UserError(f"text column {column!r} holds {kind}, expected strings; pass another --text_column")
        if isinstance(values, list):
            return pa.chunked_array([pa.array(values, pa.large_string())])
        return values.cast(pa.large_string())

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
            raise UserError(f"dataset {name!r} is no sample, expected one of {known or 'none'}; correct --dataset")
    if path.is_file():
        return {file_split: partial(read_file, path, encoding=arguments.encoding)}
    if path.is_dir() and not any((path / file).exists() for file in ("dataset_dict.json", "state.json")):
        # other files (README, unsupervised) are left alone
        files = [file for file in sorted(path.iterdir()) if file.suffix.lower() in SUFFIXES]
        readers = [
            (shards[0].name, stem, partial(_read_shards, shards, encoding=arguments.encoding))
            for stem, shards in _join_shards(files)
        ]
        remedy = f" in files with {', '.join(SUFFIXES)}; rename a file, or name it as --dataset"
        return _name_splits(readers, further, dataset=name, remedy=remedy)
    local = path.is_dir()
    if not local and path.exists():
        raise UserError(f"dataset {name!r} is neither file nor folder, expected one; write its rows into a file")
    if not local and (path.suffix.lower() in (*SUFFIXES, ".txt") or not HUB_ID.fullmatch(name)):
        raise UserError(
            f"no dataset {name!r}, expected a file, a folder, samples/NAME or a Hub id OWNER/NAME; correct --dataset"
        )
    try:
        loaded = datasets.load_from_disk(str(path)) if local else datasets.load_dataset(name, arguments.dataset_config)
    except UNREADABLE as error:
        reason = (
            f"is damaged ({first_line(error)}), expected what save_to_disk wrote; save it again"
            if local
            else f"is no local path and the Hub did not give it ({first_line(error)}), expected a reachable Hub id; "
            "check id, --dataset_config and network, or pass a copy by --dataset DIR"
        )
        raise UserError(f"dataset {name!r} {reason}") from None
    splits = loaded if isinstance(loaded, dict) else {file_split: loaded}
    readers = [(str(key), str(key), partial(RawSplit.from_dataset, rows)) for key, rows in splits.items() if rows]
    return _name_splits(readers, further, dataset=name, remedy="; rename a split")


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
        table = pq.read_table(path)
        # broken text would be found by whatever touches it first
        table.validate(full=True)
        dataset = datasets.Dataset(table)
    if not len(dataset):
        raise UserError(f"{path}: no rows, expected at least one; check the file")
    return RawSplit.from_dataset(dataset)


def _join_shards(files: Sequence[Path]) -> list[tuple[str, list[Path]]]:
    """The files by their names without suffix; `train-00000-of-00002` and those like it are one, called `train`.
    Raises UserError: some of them are missing.
    """
    joined: dict[tuple[str, str], list[Path]] = {}
    for file in files:
        match = SHARD.fullmatch(file.stem)
        joined.setdefault((match[1], file.suffix + match[2]) if match else (file.stem, file.name), []).append(file)
    for shards in joined.values():
        if (match := SHARD.fullmatch(shards[0].stem)) and len(shards) != int(match[2]):
            raise UserError(
                f"{shards[0]}: {len(shards)} of the {int(match[2])} files of this split are there, expected all; "
                "copy the others, or rename what is whole"
            )
    return [(stem, shards) for (stem, _), shards in joined.items()]


def _read_shards(paths: Sequence[Path], *, encoding: str) -> RawSplit:
    """Read the files of one split, of which each has the same columns."""
    splits = [read_file(path, encoding=encoding) for path in paths]
    first = splits[0]
    for path, split in zip(paths, splits, strict=True):
        if split.columns.keys() != first.columns.keys() or split.class_names != first.class_names:
            raise UserError(f"{path} has other columns than {paths[0]}, expected the same; write both again")
    columns: dict[str, list[Any] | pa.ChunkedArray] = {}
    for name in first.columns:
        parts: list[Any] = [split.columns[name] for split in splits]
        with parquet_errors(f"{paths[0]}, column {name!r}"):
            columns[name] = (
                list(chain(*parts))
                if isinstance(parts[0], list)
                else pa.chunked_array(list(chain.from_iterable(part.chunks for part in parts)))
            )
    return RawSplit(columns, class_names=first.class_names, untyped=first.untyped)


def canonical_split(name: str, further: Sequence[str] = ()) -> str | None:
    """Return train, validation or test for a split's name, or None for a split that is none of them nor of further."""
    return ALIASES.get(name.lower(), name if name in further else None)


def _name_splits(
    entries: Sequence[tuple[str, str, Callable[[], RawSplit]]], further: Sequence[str], *, dataset: str, remedy: str
) -> Readers:
    """Choose the entries (as shown, name of split, reader) that are splits, in the order in which they are used."""
    named: dict[str | None, tuple[str, Callable[[], RawSplit]]] = {}
    for entry, name, reader in entries:
        split = canonical_split(name, further)
        if split is not None and split in named:
            raise UserError(f"{dataset!r}: {named[split][0]} and {entry} are both {split}, expected one; remove one")
        named[split] = entry, reader
    readers = {split: named[split][1] for split in (*SPLITS, *further) if split in named}
    if not readers:
        shown = ", ".join([entry for entry, *_ in entries][:10]) or "nothing"
        raise UserError(f"dataset {dataset!r} has no split (but {shown}), expected train, validation or test{remedy}")
    return readers
