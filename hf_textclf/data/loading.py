"""From `DataArguments` to `TextData`: what every command knows about its data.

`load_data` is for training (labels are found, splits made), `load_split` for judging a saved model on one split.
"""

from dataclasses import dataclass

import datasets
import numpy as np
import pyarrow as pa

from ..errors import UserError
from .arguments import DataArguments, ProblemType
from .examples import LabelledRows, collect_rows
from .labels import MULTI, REGRESSION
from .sources import read_splits
from .splits import choose_subset, choose_validation
from .targets import Targets, check_learnable, encode_labels, one_against_rest


@dataclass(frozen=True)
class TextData:
    """Texts with encoded labels.

    splits: columns `text` (string) and `labels`: int id, list of float zeros and ones (one per label), or float.
    label_names: in id order; for regression the name of the label column. made_validation: there was no validation
    split, it was set aside from train. unlabelled, dropped: rows left out per split (label -1; text or label missing).
    """

    splits: datasets.DatasetDict
    problem_type: ProblemType
    label_names: list[str]
    text_column: str
    label_column: list[str]
    made_validation: bool
    unlabelled: dict[str, int]
    dropped: dict[str, int]


def load_data(arguments: DataArguments) -> TextData:
    """Load the data of a training run: train, validation (set aside from train where there is none), test if there.

    Raises UserError for whatever in the data would make the run wrong.
    """
    sources = read_splits(arguments)
    if "train" not in sources:
        raise UserError(
            f"dataset {arguments.dataset!r} has {', '.join(sources)} only, expected train; add a train split"
        )
    rows = collect_rows(
        {name: read() for name, read in sources.items()}, arguments, problem_type=arguments.problem_type
    )
    _require(rows, "train")
    targets = _encode(rows, arguments, problem_type=arguments.problem_type, known=None)
    positive = arguments.positive_label
    learnt = targets if positive is None else one_against_rest(targets, positive)
    check_learnable(learnt)
    made = "validation" not in rows.texts
    # rows are chosen by all the labels, so that the models of each of them learn from the same ones
    chosen = _choose_rows(rows, targets, arguments, make_validation=made)
    return _text_data(rows, learnt, chosen, made_validation=made)


def load_split(
    arguments: DataArguments,
    *,
    label_names: list[str],
    problem_type: ProblemType,
    split: str | None = None,
    seen: bool = False,
) -> TextData:
    """Load one split, encoded as a saved model expects; `splits` of the result holds it alone, under its name.

    label_names, problem_type: of the model (for regression the names are not used). split: train, validation or test;
    None takes the whole of a single file, else test, else validation. Where there is no validation split, train and
    validation are the parts that `load_data` makes with the same arguments, so that no model is judged on rows it
    learnt from. seen: a single file is what the model was trained on, so that it holds train and validation but no
    test. Raises UserError for labels unknown to the model.
    """
    sources = read_splits(arguments, file_split="train" if seen or split in ("train", "validation") else "test")
    if seen and split == "test" and "test" not in sources:
        raise UserError(
            f"split 'test' of {arguments.dataset!r} is what the model was trained on, expected texts that it has not "
            "seen; judge it on --split validation, or name other data by --dataset"
        )
    wanted = split or ("test" if "test" in sources else "validation")
    make_validation = "validation" not in sources
    source = "train" if wanted == "validation" and make_validation else wanted
    if source not in sources:
        raise UserError(f"split {wanted!r} is not there, expected one of {', '.join(sources)}; name one of them")
    positive = arguments.positive_label
    # the model knows two classes, of labels that may be of another kind
    asked = arguments.problem_type if positive is not None else problem_type
    rows = collect_rows({source: sources[source]()}, arguments, problem_type=asked)
    _require(rows, source)
    known = None if problem_type == REGRESSION or positive is not None else label_names
    targets = _encode(rows, arguments, problem_type=asked, known=known)
    chosen = _choose_rows(rows, targets, arguments, make_validation=make_validation and source == "train")
    learnt = targets if positive is None else one_against_rest(targets, positive, known=label_names)
    return _text_data(rows, learnt, {wanted: chosen[wanted]}, made_validation=source != wanted)


def _require(rows: LabelledRows, split: str) -> None:
    if split not in rows.texts:
        raise UserError(
            f"{split} has no row left ({rows.dropped.get(split, 0):,} dropped, {rows.unlabelled.get(split, 0):,} with "
            "label -1, which means unlabelled), expected labelled texts; add labels"
        )


def _encode(
    rows: LabelledRows, arguments: DataArguments, *, problem_type: ProblemType | None, known: list[str] | None
) -> Targets:
    return encode_labels(
        rows.labels,
        problem_type=problem_type,
        label_names=arguments.label_names,
        class_names=rows.class_names,
        known=known,
    )


def _choose_rows(
    rows: LabelledRows, targets: Targets, arguments: DataArguments, *, make_validation: bool
) -> dict[str, tuple[str, np.ndarray]]:
    """Say for each split to come which rows, (rows,) bool, of which split there is it takes."""
    chosen = {name: (name, np.ones(len(texts), bool)) for name, texts in rows.texts.items()}
    if "train" not in chosen:
        return chosen
    train = targets.arrays["train"]
    kept = np.ones(len(train), bool)
    if make_validation:
        validation = choose_validation(
            rows.texts["train"],
            train,
            problem_type=targets.problem_type,
            size=arguments.validation_size,
            seed=arguments.split_seed,
        )
        chosen["validation"] = ("train", validation)
        kept = ~validation
    if arguments.max_train_samples is not None:
        kept[kept] = choose_subset(
            train[kept],
            arguments.max_train_samples,
            problem_type=targets.problem_type,
            seed=arguments.split_seed,
        )
    return chosen | {"train": ("train", kept)}


def _text_data(
    rows: LabelledRows, targets: Targets, chosen: dict[str, tuple[str, np.ndarray]], *, made_validation: bool
) -> TextData:
    order = [name for name in ("train", "validation", "test") if name in chosen]
    splits = {name: _dataset(rows, targets, *chosen[name]) for name in order}
    return TextData(
        splits=datasets.DatasetDict(splits),
        problem_type=targets.problem_type,
        label_names=targets.label_names or rows.label_column,
        text_column=rows.text_column,
        label_column=rows.label_column,
        made_validation=made_validation,
        unlabelled=rows.unlabelled,
        dropped=rows.dropped,
    )


def _dataset(rows: LabelledRows, targets: Targets, source: str, mask: np.ndarray) -> datasets.Dataset:
    """Join texts and targets in Arrow, without a row ever becoming a Python object."""
    array = targets.arrays[source][mask]
    label: datasets.Value | datasets.List = datasets.Value("int64")
    labels = pa.array(array.reshape(-1))
    if targets.problem_type == MULTI:
        label = datasets.List(datasets.Value("float32"))
        labels = pa.FixedSizeListArray.from_arrays(labels, array.shape[1]).cast(pa.list_(pa.float32()))
    elif targets.problem_type == REGRESSION:
        label = datasets.Value("float64")
    features = datasets.Features({"text": datasets.Value("string"), "labels": label})
    texts = rows.texts[source].filter(pa.array(mask)).cast(pa.string())
    return datasets.Dataset(pa.table({"text": texts, "labels": labels}).cast(features.arrow_schema))
