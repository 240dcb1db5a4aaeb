"""Where splits come from: a Hub id, a folder, a saved DatasetDict, one file, or the samples in this package."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import UserError
from ..files import SAMPLES
from ..saved_model.layout import SPLITS
from .arguments import TextArguments
from .columns import RawSplit
from .reading import check_columns, damaged_parquet, file_format, first_line, read_rows
from .splits import canonical_split

SUFFIXES = (".parquet", ".csv", ".tsv", ".json", ".jsonl")
# an owner is required: `load_dataset("csv")` and the like would read whatever lies in the working directory
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def read_splits(
    arguments: TextArguments, *, file_split: str = "train", further: Sequence[str] = ()
) -> dict[str, Callable[[], RawSplit]]:
    """Return how to read each split there is, by its canonical name; nothing local is read before it is called.

    file_split: the name of the split that a single file holds. further: names of splits to be found beside train,
    validation and test, e.g. `unsupervised`. Raises UserError when nothing can be found.
    """
    name = arguments.dataset
    path = Path(name)
    if not path.exists() and path.parent == Path("samples"):
        path = SAMPLES / path.name
        if not path.is_dir():
            there = ", ".join(sorted(f"samples/{entry.name}" for entry in SAMPLES.glob("[!_.]*") if entry.is_dir()))
            raise UserError(
                f"dataset {name!r} is no sample, expected one of {there or 'none here'}; correct --dataset"
            )
    if path.is_file():
        return {file_split: lambda: read_file(path, encoding=arguments.encoding)}
    if path.is_dir():
        saved = (path / "dataset_dict.json").exists() or (path / "state.json").exists()
        return _saved_splits(path, file_split, further) if saved else _folder_splits(path, arguments.encoding, further)
    if path.suffix.lower() in (*SUFFIXES, ".txt") or not HUB_ID.fullmatch(name):
        raise UserError(
            f"dataset {name!r} does not exist, expected a file, a folder, samples/NAME or a Hub id OWNER/NAME; "
            "correct --dataset"
        )
    return _hub_splits(name, arguments.dataset_config, further)


def read_file(path: Path, *, encoding: str) -> RawSplit:
    """Read one file: parquet straight into Arrow, the others row by row."""
    kind = file_format(path)
    if kind != "parquet":
        return RawSplit.from_rows(list(read_rows(path, encoding=encoding)), untyped=kind in ("csv", "tsv"))
    try:
        check_columns(pq.read_schema(path).names, name=str(path))
        # Dataset reads the features that `datasets` wrote into the schema, so ClassLabel survives
        dataset = datasets.Dataset(pq.read_table(path))
    except (pa.ArrowException, OSError) as error:
        raise damaged_parquet(error, name=str(path)) from None
    if not len(dataset):
        raise UserError(f"{path}: no rows, expected at least one; check the file")
    return RawSplit.from_dataset(dataset)


def _folder_splits(folder: Path, encoding: str, further: Sequence[str]) -> dict[str, Callable[[], RawSplit]]:
    """Find the files whose stem is the name of a split; other files (README, unsupervised) are left alone."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
    found: dict[str, Path] = {}
    for path in files:
        split = canonical_split(path.stem, further)
        if split in found:
            raise UserError(f"{found[split]} and {path.name} are both {split}, expected one file; remove one")
        if split is not None:
            found[split] = path
    if not found:
        there = ", ".join(path.name for path in files[:10]) or "none"
        raise UserError(
            f"dataset {str(folder)!r} holds no split (data files there: {there}), expected train, validation or test "
            f"with {', '.join(SUFFIXES)}; rename a file, or name it as --dataset"
        )
    return {
        split: lambda path=found[split]: read_file(path, encoding=encoding)  # type: ignore[misc]
        for split in dict.fromkeys((*SPLITS, *further))
        if split in found
    }


def _saved_splits(folder: Path, file_split: str, further: Sequence[str]) -> dict[str, Callable[[], RawSplit]]:
    try:
        saved = datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise UserError(
            f"dataset {str(folder)!r} is damaged ({first_line(error)}), expected what save_to_disk wrote; "
            "save it again"
        ) from None
    return _from_datasets(saved if isinstance(saved, dict) else {file_split: saved}, further, name=str(folder))


def _hub_splits(name: str, config: str | None, further: Sequence[str]) -> dict[str, Callable[[], RawSplit]]:
    try:
        loaded = datasets.load_dataset(name, config)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise UserError(
            f"dataset {name!r} is no local path and the Hub did not give it ({first_line(error)}), "
            "expected a reachable Hub id; check id, --dataset_config and network, or pass a copy by --dataset DIR"
        ) from None
    return _from_datasets(loaded, further, name=name)


def _from_datasets(
    loaded: dict[str, datasets.Dataset], further: Sequence[str], *, name: str
) -> dict[str, Callable[[], RawSplit]]:
    found: dict[str, datasets.Dataset] = {}
    for split, dataset in loaded.items():
        canonical = canonical_split(str(split), further)
        if canonical in found:
            raise UserError(f"dataset {name!r} has two {canonical} splits, expected one; remove or rename one")
        if canonical is not None and len(dataset):
            found[canonical] = dataset
    if not found:
        there = ", ".join(map(str, loaded)) or "none"
        raise UserError(f"dataset {name!r} has no train, validation or test (splits there: {there}); rename a split")
    return {
        split: lambda dataset=found[split]: RawSplit.from_dataset(dataset)  # type: ignore[misc]
        for split in dict.fromkeys((*SPLITS, *further))
        if split in found
    }
