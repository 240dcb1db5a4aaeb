"""Splits made here: seeded, stratified, and never with one text on both sides."""

import math

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import UserError
from .labels import MULTI, REGRESSION
from .sources import ProblemType, TextArguments

# 95 % of a normal distribution lie within so many standard deviations; and the widest interval that says something
Z, WIDEST = 1.96, 0.15


def strata_of(targets: np.ndarray, *, problem_type: ProblemType) -> np.ndarray:
    """Return (rows,) the group of each row: its class, its rarest label (-1: none), or 0 for regression."""
    if problem_type == REGRESSION:
        return np.zeros(len(targets), np.int64)
    if problem_type != MULTI:
        return targets
    rarity = np.where(targets > 0, targets.sum(0), np.inf)  # (rows, labels)
    return np.where(targets.any(1), rarity.argmin(1), -1)


def draw(strata: np.ndarray, count: int, *, generator: np.random.Generator) -> np.ndarray:
    """Return (count,) random positions, every stratum in proportion to within one row.

    Systematic sampling: shuffle, sort by stratum, take evenly spaced rows. Unlike scikit-learn's stratified
    splitters it works with any number of strata of any size.
    """
    order = generator.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    return order[((np.arange(count) + generator.random()) * (len(strata) / count)).astype(np.int64)]


def divide_train(
    texts: pa.ChunkedArray,
    targets: np.ndarray,
    arguments: TextArguments,
    *,
    problem_type: ProblemType,
    make_validation: bool,
) -> dict[str, np.ndarray]:
    """Return which rows of train are kept as `train` and, if asked, set aside as `validation`, both (rows,) bool."""
    parts = {"train": np.ones(len(texts), bool)}
    if make_validation:
        validation = choose_validation(
            texts, targets, problem_type=problem_type, size=arguments.validation_size, seed=arguments.split_seed
        )
        parts = {"train": ~validation, "validation": validation}
    if (count := arguments.max_train_samples) is not None:
        train = parts["train"]
        train[train] = choose_subset(targets[train], count, problem_type=problem_type, seed=arguments.split_seed)
    return parts


def choose_validation(
    texts: pa.ChunkedArray, targets: np.ndarray, *, problem_type: ProblemType, size: float, seed: int
) -> np.ndarray:
    """Return (rows,) bool: the rows of train set aside for validation.

    Copies of a text go to the same side, and every class keeps a row in train, unless no class has one to spare.
    size: share of the distinct texts. Raises UserError for sizes outside (0, 1) and fewer than two texts.
    """
    if not 0 < size < 1:
        raise UserError(f"validation_size {size}, expected a share between 0 and 1; pass e.g. --validation_size 0.1")
    codes = pc.dictionary_encode(texts).combine_chunks().indices.to_numpy()
    first = np.unique(codes, return_index=True)[1]  # (distinct texts,)
    if len(first) < 2:
        raise UserError("train has one distinct text, expected two to set one aside for validation; add rows")
    strata = strata_of(targets, problem_type=problem_type)[first]
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(first))
    spare = np.ones(len(first), bool)
    spare[order[np.unique(strata[order], return_index=True)[1]]] = False
    candidates = np.flatnonzero(spare)
    if not len(candidates):
        candidates = np.arange(len(first))
    count = min(max(1, round(size * len(first))), len(candidates), len(first) - 1)
    return np.isin(codes, candidates[draw(strata[candidates], count, generator=generator)])


def choose_subset(targets: np.ndarray, count: int, *, problem_type: ProblemType, seed: int) -> np.ndarray:
    """Return (rows,) bool: a stratified subset of `count` rows, or all rows where there are no more."""
    if count < 1:
        raise UserError(f"max_train_samples {count}, expected at least 1; pass a positive number or leave it out")
    subset = np.zeros(len(targets), bool)
    strata = strata_of(targets, problem_type=problem_type)
    subset[draw(strata, min(count, len(targets)), generator=np.random.default_rng(seed))] = True
    return subset


def count_overlap(texts: pa.ChunkedArray, *, train: pa.ChunkedArray) -> int:
    """Return how many rows have a text that also stands in train."""
    return pc.sum(pc.is_in(texts, value_set=pc.unique(train))).as_py() or 0


def too_small(name: str, rows: int) -> str | None:
    """A line on a split whose figures mean little: of an accuracy of one half, a 95 % interval (Wilson 1927) reaches
    further than `WIDEST` to each side; None for a larger split."""
    reach = Z / (2 * math.sqrt(rows + Z**2))
    if reach <= WIDEST:
        return None
    known = f"an accuracy is known to {100 * reach:.0f} points up or down at best (95 %)"
    return f"warning: {name} has {rows:,} text{'s' * (rows != 1)}, too few for figures that mean much: {known}"
