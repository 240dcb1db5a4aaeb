"""Predict a whole file, streaming: every column kept, label, score and all probabilities added."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import chain, tee
from typing import Any

from tqdm.auto import tqdm

from ..arguments import MOST, option
from ..data import output_format, read_rows, write_rows
from ..data.examples import TEXT_NAMES
from ..errors import UserError
from ..files import hold_file, new_file
from .classifier import Classifier, Prediction

logger = logging.getLogger(__name__)


@dataclass
class PredictionArguments:
    """How a file is read and predicted."""

    output: str = option("-", "New file, csv, tsv, json or jsonl; - is standard output, in UTF-8.")
    text_column: str | None = option(None, "Column that holds the text; found if not named.")
    encoding: str = option("utf-8", "Encoding of the input, e.g. gb18030 (Chinese Excel).")
    input_format: str | None = option(
        None, "Format of standard input (-): txt, csv, tsv, json or jsonl; txt if not named."
    )
    output_format: str | None = option(None, "Format of standard output (-): jsonl, csv or tsv; jsonl if not named.")
    batch_size: int = option(64, "Texts in one batch.")
    parts: bool | None = option(
        None,
        "Write the chunks of long texts with their weights, where the model reads in chunks; by default into json and "
        "jsonl only; in a table they are one cell of JSON.",
    )
    notices: bool = option(False, "Add a column that says where a text was cut or its language is unknown.")
    revision: str = option("main", "Commit, tag or branch of a Hub model.")
    thresholds: float | None = option(
        None, "Multi-label: predict labels from this probability on; by default those fitted, else 0.5."
    )

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= MOST:
            raise UserError(
                f"batch_size={self.batch_size}, expected a number from 1 to {MOST:,}; correct --batch_size"
            )


def predict(folder: str, source: str, arguments: PredictionArguments) -> int:
    """Predict every row of a file (or `-`, standard input) into `arguments.output`, and return the number of rows.

    Raises:
        UserError: unreadable model or file, unknown column, a target that exists or cannot be written.
    """
    target = arguments.output
    kind = output_format(target, format=arguments.output_format)
    with nullcontext() if target == "-" else hold_file(new_file(target)):
        return _predict(folder, source, arguments, kind)


def _predict(folder: str, source: str, arguments: PredictionArguments, kind: str) -> int:
    """kind: the format of the output."""
    rows = read_rows(source, encoding=arguments.encoding, format=arguments.input_format)
    first = next(rows)
    column = _text_column(first, arguments.text_column)
    classifier = Classifier(folder, revision=arguments.revision, thresholds=arguments.thresholds)
    reads_chunks = classifier.predictor.document_strategy is not None
    if arguments.parts and not reads_chunks:
        raise UserError(
            f"parts=true, but {folder!r} reads texts whole, expected a model trained with --document_strategy "
            "windows, sentences or key_sentences; drop --parts"
        )
    with_parts = reads_chunks and (kind in ("json", "jsonl") if arguments.parts is None else arguments.parts)
    names = ["label", "score", *(f"probability_{name}" for name in classifier.label_names)]
    names += ["parts"] * with_parts + ["notices"] * arguments.notices
    named = {name: _free_name(name, first) for name in names}
    counts: Counter[str] = Counter()

    def predicted() -> Iterator[dict[str, Any]]:
        for_texts, for_rows = tee(chain([first], rows))
        texts = ("" if row.get(column) is None else str(row[column]) for row in for_texts)
        predictions = classifier.stream(texts, batch_size=arguments.batch_size)
        for row, prediction in zip(for_rows, predictions, strict=True):
            # rows of JSON may differ in their keys
            if taken := row.keys() & set(named.values()):
                raise UserError(
                    f"column {sorted(taken)[0]!r} stands in a later row but not in the first, expected a free name "
                    "for what is added; rename it or give it to the first row too"
                )
            counts.update(notice.kind for notice in prediction.notices)
            yield row | _added(prediction, named)

    # progress goes to standard error, so that standard output stays data
    with tqdm(predicted(), desc="predicting", unit="text") as bar:
        number = write_rows(arguments.output, bar, format=arguments.output_format, new=True)
    if counts:
        unknown = counts.pop("unknown_script", 0)
        logger.warning(
            "of %s texts %s are longer than the model reads and were cut; %s are in a language that its vocabulary "
            "lacks, so their labels mean nothing",
            *(f"{count:,}" for count in (number, counts.total(), unknown)),
        )
    return number


def _added(prediction: Prediction, named: dict[str, str]) -> dict[str, Any]:
    label = prediction.label if isinstance(prediction.label, str) else ";".join(prediction.label)
    added = {named["label"]: label, named["score"]: round(prediction.score, 6)}
    if "parts" in named:
        added[named["parts"]] = [asdict(chunk) for chunk in prediction.chunks]
    if "notices" in named:
        added[named["notices"]] = " ".join(map(str, prediction.notices))
    return added | {named[f"probability_{name}"]: round(value, 6) for name, value in prediction.probabilities.items()}


def _free_name(name: str, row: dict[str, Any]) -> str:
    """The name of a column that is added: `predicted_` comes in front of one that the input has already."""
    return _free_name(f"predicted_{name}", row) if name in row else name


def _text_column(row: dict[str, Any], requested: str | None) -> str:
    if requested is not None:
        if requested in row:
            return requested
        raise UserError(f"text_column {requested!r} is not there, expected one of: {', '.join(row)}; name one of them")
    # as `train` reads the names
    usual = {name.strip().lower(): name for name in reversed(row)}
    named = [usual[name] for name in TEXT_NAMES if name in usual]
    texts = [name for name in row if isinstance(row[name], str)]
    if not named and len(texts) != 1:
        raise UserError(f"no text column found among: {', '.join(row)}; name it with --text_column")
    return (named or texts)[0]
