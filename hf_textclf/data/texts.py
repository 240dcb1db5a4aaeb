"""Texts alone, for a model that learns from them without labels."""

from collections.abc import Sequence

import datasets
import numpy as np
import pyarrow as pa

from ..errors import UserError
from .arguments import TextArguments
from .columns import find_text_column, missing_texts
from .labels import REGRESSION
from .sources import read_splits
from .splits import choose_subset, choose_validation


def load_texts(arguments: TextArguments, splits: Sequence[str]) -> datasets.DatasetDict:
    """Load the texts of some splits, whose labels are not read, and set a seeded share of them aside.

    Returns `train` and `validation` with one column, `text`; blank texts are left out, copies of a text go to the same
    side. Raises UserError for splits that are not there and data without texts.
    """
    sources = read_splits(arguments, further=splits)
    chunks: list[pa.Array] = []
    for name in splits:
        if name not in sources:
            raise UserError(f"split {name!r} is not there, expected some of {', '.join(sources)}; correct --splits")
        split = sources[name]()
        column = split.texts(find_text_column(split, text=arguments.text_column)).cast(pa.large_string())
        chunks += column.filter(pa.array(~missing_texts(column))).chunks
    texts = pa.chunked_array(chunks, pa.large_string())
    # no labels: all texts are of one kind
    kinds = np.zeros(len(texts), np.int64)
    validation = choose_validation(
        texts, kinds, problem_type=REGRESSION, size=arguments.validation_size, seed=arguments.split_seed
    )
    train = ~validation
    if (count := arguments.max_train_samples) is not None:
        train[train] = choose_subset(kinds[train], count, problem_type=REGRESSION, seed=arguments.split_seed)
    parts = {"train": train, "validation": validation}
    return datasets.DatasetDict(
        {name: datasets.Dataset(pa.table({"text": texts.filter(pa.array(rows))})) for name, rows in parts.items()}
    )
