"""What `train` tells first: the data it found, in a few lines a person reads before the hours of training."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .labels import MULTI, REGRESSION
from .loading import TextData
from .splits import count_overlap
from .targets import label_counts

MAX_CLASSES = 10


def summarize(
    data: TextData, *, token_lengths: Sequence[int] | None = None, max_length: int | None = None
) -> list[str]:
    """Return the lines: columns, rows, balance, lengths, duplicates within train, texts shared between splits.

    token_lengths: of the train texts before truncation to max_length tokens; both or neither.
    """
    first = next(iter(data.splits))
    texts = {name: _texts(data, name) for name in data.splits}
    lines = [
        f"columns: text {data.text_column!r}, label {', '.join(map(repr, data.label_column))} · {data.problem_type}",
        "rows: " + " · ".join(f"{name} {len(column):,}" for name, column in texts.items()) + _origin(data),
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
    for name in data.splits:
        overlap = _overlap(data, texts, name)
        if overlap:
            lines.append(f"warning: {overlap:,} of {len(texts[name]):,} {name} texts also stand in train")
    return lines


def _texts(data: TextData, split: str) -> pa.ChunkedArray:
    return data.splits[split].with_format("arrow")[:]["text"]


def _overlap(data: TextData, texts: dict[str, pa.ChunkedArray], split: str) -> int:
    """Count the texts of a split that stand in train, of which a validation set made here is a part."""
    if split == "train" or "train" not in texts:
        return 0
    train = texts["train"]
    if data.made_validation and split != "validation":
        train = pa.chunked_array([*train.chunks, *texts["validation"].chunks])
    return count_overlap(texts[split], train=train)


def _origin(data: TextData) -> str:
    return " (validation set aside from train)" if data.made_validation else ""


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
    order = np.arange(len(counts)) if len(counts) <= MAX_CLASSES else np.argsort(-counts, kind="stable")
    shown = [f"{data.label_names[label]} {counts[label]:,} ({counts[label] / len(targets):.1%})" for label in order]
    line = f"classes ({split}): {len(counts):,} · " + ", ".join(shown[:MAX_CLASSES])
    if len(shown) > MAX_CLASSES:
        line += f", … and {len(shown) - MAX_CLASSES:,} more, the rarest with {counts.min():,}"
    if data.problem_type == MULTI:
        line += f"; {targets.sum(1).mean():.2f} labels per row, {(~targets.any(1)).sum():,} rows without any"
    return line
