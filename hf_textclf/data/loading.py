"""From `DataArguments` to `TextData`, what every command knows about its data, and what a person is told of it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import UserError
from ..saved_model.layout import SPLITS
from ..saved_model.seen_texts import SeenTexts, digest_texts, held_out
from .examples import collect_rows, find_columns, find_text_column, missing_texts
from .labels import MULTI, REGRESSION, check_learnable, encode_labels, label_counts, one_against_rest
from .sources import DataArguments, ProblemType, Readers, TextArguments, read_splits
from .splits import count_overlap, divide_train, too_small

logger = logging.getLogger(__name__)
# classes that the summary lists
MAX_CLASSES = 10
# what a file is called that names no split
UNNAMED = "a whole file"


@dataclass(frozen=True)
class TextData:
    """Texts with encoded labels.

    splits: columns `text` (string) and `labels`: int id, list of float zeros and ones (one per label), or float.
    label_names: in id order; for regression the name of the label column. made_validation: there was no validation
    split, it was set aside from train. unlabelled, dropped: rows left out per split (label -1; text or label missing).
    summary: what `summarize` says of them, once that is known.
    """

    splits: datasets.DatasetDict
    problem_type: ProblemType
    label_names: list[str]
    text_column: str
    label_column: list[str]
    made_validation: bool
    unlabelled: dict[str, int]
    dropped: dict[str, int]
    summary: tuple[str, ...] = ()


def load_data(arguments: DataArguments) -> TextData:
    """Load the data of a training run: train, validation (set aside from train where there is none), test if there.

    Raises UserError for whatever in the data would make the run wrong.
    """
    readers = read_splits(arguments)
    if "train" not in readers:
        raise UserError(f"dataset {arguments.dataset!r} has {', '.join(readers)} only, expected train; add it")
    return _load(readers, arguments, "train", problem_type=arguments.problem_type)


def load_split(
    arguments: DataArguments,
    *,
    label_names: list[str],
    problem_type: ProblemType,
    split: str | None = None,
    seen: Sequence[SeenTexts] = (),
    trained_on: bool = False,
) -> TextData:
    """Load one split, encoded as a saved model expects; `splits` of the result holds it alone, under its name.

    label_names, problem_type: of the model (for regression the names are not used). split: train, validation or test;
    None takes the whole of a single file, else test, else validation. seen: what the models have seen that are
    evaluated. Of their own data, whatever the file is called, they get what they have held out, and no test. Where
    nothing was recorded (trained_on: but that this file was it) or of other data, a missing validation split is the
    part that `load_data` makes with the same arguments. Raises UserError for labels unknown to the model, and for data
    of which nothing was held out.
    """
    readers = read_splits(arguments, file_split=UNNAMED, further=[UNNAMED])
    if (read := readers.pop(UNNAMED, None)) is not None:
        raw = read()
        texts = raw.texts(find_columns(raw, text=arguments.text_column, label=arguments.label_column)[0])
        digests = digest_texts(texts.filter(pa.array(~missing_texts(texts))))
        own = [each for each in seen if each.is_own(digests)]
        if split == "test" and (trained_on or any(each.count(digests)["train"] for each in own)):
            raise UserError(
                f"split 'test' of {arguments.dataset!r} is what the model was trained on, expected texts that it has "
                "not seen; evaluate it on --split validation, or name other data by --dataset"
            )
        is_train = split in ("train", "validation") or split is None and (trained_on or own)
        readers = {"train" if is_train else "test": lambda: raw}
    if split is None:
        split = "test" if "test" in readers else "validation"
    source = "train" if split == "validation" and "validation" not in readers else split
    if source not in readers:
        raise UserError(f"split {split!r} is not there, expected one of {', '.join(readers)}; name one of them")
    return _load(
        {source: readers[source]},
        arguments,
        source,
        # a model of one label knows two classes, of labels that may be of another kind
        problem_type=problem_type if arguments.positive_label is None else arguments.problem_type,
        known=label_names,
        split=split,
        make_validation=source == "train" and "validation" not in readers,
        seen=seen,
    )


def load_texts(arguments: TextArguments, splits: Sequence[str]) -> datasets.DatasetDict:
    """Load the texts of some splits, for a model that learns without labels, and set a seeded share of them aside.

    Returns `train` and `validation` with one column, `text`; blank texts are left out, copies of a text go to the same
    side. Raises UserError for splits that are not there and data without texts.
    """
    readers = read_splits(arguments, further=splits)
    chunks: list[pa.Array] = []
    for name in splits:
        if name not in readers:
            raise UserError(f"split {name!r} is not there, expected some of {', '.join(readers)}; correct --splits")
        raw = readers[name]()
        column = raw.texts(find_text_column(raw, text=arguments.text_column))
        chunks += column.filter(pa.array(~missing_texts(column))).chunks
    texts = pa.chunked_array(chunks, pa.large_string())
    # without labels all texts are of one kind
    parts = divide_train(texts, np.zeros(len(texts)), arguments, problem_type=REGRESSION, make_validation=True)
    return datasets.DatasetDict(
        {name: datasets.Dataset(pa.table({"text": texts.filter(pa.array(mask))})) for name, mask in parts.items()}
    )


def _load(
    readers: Readers,
    arguments: DataArguments,
    source: str,
    *,
    problem_type: ProblemType | None,
    known: list[str] | None = None,
    split: str | None = None,
    make_validation: bool | None = None,
    seen: Sequence[SeenTexts] = (),
) -> TextData:
    """Read splits, of which `source` must have rows, encode their labels and join them with the texts.

    known: the label names of a saved model, of whose data `split` alone is returned. make_validation: whether a part
    of train is set aside; None where no validation row is left. seen: as in `load_split`.
    """
    rows = collect_rows({name: read() for name, read in readers.items()}, arguments, problem_type=problem_type)
    if source not in rows.splits:
        raise UserError(
            f"{source} has no row left ({rows.dropped.get(source, 0):,} dropped, {rows.unlabelled.get(source, 0):,} "
            "with label -1, which means unlabelled), expected labelled texts; add labels"
        )
    positive = arguments.positive_label
    targets = encode_labels(
        rows.labels,
        problem_type=problem_type,
        label_names=arguments.label_names,
        class_names=rows.class_names,
        known=known if positive is None else None,
    )
    learnt = targets if positive is None else one_against_rest(targets, positive, known=known)
    if known is None:
        check_learnable(learnt, rows.splits)
    if make_validation is None:
        make_validation = "validation" not in rows.splits
    masks = {name: rows.splits == name for name in SPLITS if name in rows.splits}
    if (train := masks.get("train")) is not None:
        texts = rows.texts.filter(pa.array(train))
        # rows are chosen by all the labels, so that the models of each of them learn from the same ones
        kept, kind = targets.array[train], targets.problem_type
        parts = _held_out(texts, arguments, split, seen) if seen else None
        parts = parts or divide_train(texts, kept, arguments, problem_type=kind, make_validation=make_validation)
        for name, part in parts.items():
            masks[name] = train.copy()
            masks[name][train] = part
    labels = {MULTI: datasets.List(datasets.Value("float32")), REGRESSION: datasets.Value("float64")}
    label = labels.get(learnt.problem_type, datasets.Value("int64"))
    features = datasets.Features({"text": datasets.Value("string"), "labels": label})
    splits = datasets.DatasetDict()
    for name in (name for name in SPLITS if name in masks and split in (None, name)):
        # in Arrow, without a row ever becoming a Python object
        texts = rows.texts.filter(pa.array(masks[name])).cast(pa.string())
        splits[name] = datasets.Dataset.from_dict({"text": texts, "labels": learnt.array[masks[name]]}, features)
    return TextData(
        splits,
        learnt.problem_type,
        learnt.label_names or rows.label_column,
        rows.text_column,
        rows.label_column,
        made_validation=make_validation and split != "train",
        unlabelled=rows.unlabelled,
        dropped=rows.dropped,
    )


def _held_out(
    texts: pa.ChunkedArray, arguments: DataArguments, split: str | None, seen: Sequence[SeenTexts]
) -> dict[str, np.ndarray] | None:
    """The parts of what models were trained on, (rows,) bool each; None for other data.
    Raises UserError: nothing is left of the split that is asked for.
    """
    digests = digest_texts(texts)
    if not (own := [each for each in seen if each.is_own(digests)]):
        return None
    parts = held_out(own, digests)
    count, what = int(parts[str(split)].sum()), "were held out" if split == "validation" else "were learnt from"
    if not count:
        raise UserError(
            f"of the {len(texts):,} texts of {arguments.dataset!r}, which the model was trained on, none {what}, "
            "expected some; name other data by --dataset"
        )
    logger.info(
        "%s is what the model was trained on: taken are the %d of its %d texts that %s",
        arguments.dataset,
        count,
        len(texts),
        what,
    )
    return parts


def texts_of(rows: datasets.Dataset) -> pa.ChunkedArray:
    """The texts of a split, (rows,), as they lie in Arrow."""
    return rows.with_format("arrow")[:]["text"]


def summarize(
    data: TextData, *, token_lengths: Sequence[int] | None = None, max_length: int | None = None
) -> list[str]:
    """Return the lines that `train` prints first: columns, rows, balance, lengths, duplicates, texts shared by splits.

    token_lengths: of the train texts before truncation to max_length tokens; both or neither.
    """
    first = next(iter(data.splits))
    texts = {name: texts_of(split) for name, split in data.splits.items()}
    origin = " (validation set aside from train)" if data.made_validation else ""
    lines = [
        f"columns: text {data.text_column!r}, label {', '.join(map(repr, data.label_column))} · {data.problem_type}",
        "rows: " + " · ".join(f"{name} {len(column):,}" for name, column in texts.items()) + origin,
    ]
    for what, counts in (("unlabelled (label -1)", data.unlabelled), ("without text or label", data.dropped)):
        if counts:
            lines.append(f"left out, {what}: " + " · ".join(f"{name} {count:,}" for name, count in counts.items()))
    lines.append(_balance(data, first))
    lines.append(f"characters ({first}): {_quantiles(pc.utf8_length(texts[first]).to_numpy())}")
    if token_lengths is not None and max_length is not None:
        lengths = np.asarray(token_lengths)
        share = 100 * np.mean(lengths > max_length)
        lines.append(f"tokens ({first}): {_quantiles(lengths)}; {share:.1f} % of texts truncated to {max_length}")
    repeated = len(texts[first]) - len(pc.unique(texts[first]))
    lines.append(f"duplicates ({first}): {repeated:,} rows repeat an earlier text")
    for name in [name for name in texts if name != "train" and "train" in texts]:
        train = texts["train"].chunks
        # a validation set made here is a part of train
        train += texts["validation"].chunks if data.made_validation and name != "validation" else []
        if overlap := count_overlap(texts[name], train=pa.chunked_array(train)):
            lines.append(f"warning: {overlap:,} of {len(texts[name]):,} {name} texts also stand in train")
    small = [too_small(name, len(column)) for name, column in texts.items() if name != "train"]
    return lines + [line for line in small if line]


def _quantiles(lengths: np.ndarray) -> str:
    half, most = np.quantile(lengths, [0.5, 0.95])
    return f"median {half:,.0f}, 95 % up to {most:,.0f}, longest {lengths.max():,}"


def _balance(data: TextData, split: str) -> str:
    """Say how the labels of a split are spread; of many classes, the most frequent."""
    targets = data.splits[split].with_format("numpy")[:]["labels"]
    if data.problem_type == REGRESSION:
        return (
            f"target ({split}): mean {targets.mean():.4g}, standard deviation {targets.std():.4g}, "
            f"from {targets.min():.4g} to {targets.max():.4g}"
        )
    counts = label_counts(targets, len(data.label_names))
    order = np.arange(len(counts)) if len(counts) <= MAX_CLASSES else np.argsort(-counts, kind="stable")[:MAX_CLASSES]
    shown = [f"{data.label_names[label]} {counts[label]:,} ({counts[label] / len(targets):.1%})" for label in order]
    line = f"classes ({split}): {len(counts):,} · " + ", ".join(shown)
    if len(counts) > MAX_CLASSES:
        line += f", … and {len(counts) - MAX_CLASSES:,} more, the rarest with {counts.min():,}"
    if data.problem_type == MULTI:
        line += f"; {targets.sum(1).mean():.2f} labels per row, {(~targets.any(1)).sum():,} rows without any"
    return line
