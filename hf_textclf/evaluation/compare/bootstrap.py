"""Intervals by the percentile bootstrap over rows (Efron & Tibshirani 1993, chapter 13), paired over the systems.

A resample is `counts`, (rows,): how often each row was drawn. Every system sees the same resamples, so that two
systems can be compared row for row. A `Measure` is prepared once for a system and then asked a thousand times; with
every count 1 it gives the numbers of `hf_textclf.evaluation.metrics`, which would take minutes for all resamples.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.sparse import csr_array
from tqdm.auto import tqdm

from ..metrics.common import MAX_RANKED_LABELS, mean_of_defined, rates

Measure = Callable[[np.ndarray], list[float]]

# what a measure returns, in its order; systems are ranked by the first
METRICS = {
    "single_label_classification": ("accuracy", "macro_f1", "roc_auc"),
    "multi_label_classification": ("macro_f1", "micro_f1", "subset_accuracy", "macro_roc_auc"),
    "regression": ("mae", "mse", "pearson"),
}


def measure_of(scores: np.ndarray, labels: np.ndarray, predicted: np.ndarray, *, problem_type: str) -> Measure:
    """Prepare the measure of one system.

    scores: (rows, labels) probabilities, or (rows,) numbers for regression; labels: as `compute_metrics` takes them;
    predicted: what the system answers, in the shape of the labels.
    """
    if problem_type == "single_label_classification":
        return _single_label(scores, labels, predicted)
    if problem_type == "multi_label_classification":
        return _multi_label(scores, labels > 0.5, predicted)
    return _regression(scores, labels)


def resample(measures: Sequence[Measure], rows: int, *, samples: int, seed: int = 0) -> np.ndarray:
    """Return (samples, systems, metrics): what each measure gives on each resample of that many rows."""
    generator = np.random.default_rng(seed)
    drawn = []
    for _ in tqdm(range(samples), desc="resampling", unit="resample"):
        counts = np.bincount(generator.integers(rows, size=rows), minlength=rows).astype(float)
        drawn.append([measure(counts) for measure in measures])
    return np.array(drawn)


def intervals(resampled: np.ndarray, *, problem_type: str) -> dict[str, list[float] | None]:
    """The middle 95 % of each metric's values, (samples, metrics), as [low, high]; None where it was never defined."""
    limits: dict[str, list[float] | None] = {}
    for name, values in zip(METRICS[problem_type], resampled.T, strict=True):
        defined = values[~np.isnan(values)]
        limits[name] = np.quantile(defined, [0.025, 0.975]).tolist() if len(defined) else None
    return limits


def roc_auc(scores: np.ndarray, occurs: np.ndarray) -> Callable[[np.ndarray], float]:
    """Prepare the area under the ROC curve of one label: sort once, then sum ranks (Mann & Whitney 1947).

    scores: (rows,); occurs: (rows,) bool. The result is NaN where all rows drawn agree on the label.
    """
    order = np.argsort(scores, kind="stable")
    # equal scores form one step, where a pair counts half
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    positive = occurs[order]

    def area(counts: np.ndarray) -> float:
        drawn = counts[order]
        positives = np.add.reduceat(drawn * positive, starts)
        negatives = np.add.reduceat(drawn, starts) - positives
        pairs = positives.sum() * negatives.sum()
        return float(positives @ (np.cumsum(negatives) - negatives / 2) / pairs) if pairs else math.nan

    return area


def _single_label(probabilities: np.ndarray, labels: np.ndarray, predicted: np.ndarray) -> Measure:
    size = probabilities.shape[1]
    correct = predicted == labels
    # as in the metrics: label 1 where there are two, else the mean of one against the rest
    ranked = [1] if size == 2 else range(size if size <= MAX_RANKED_LABELS else 0)
    areas = [roc_auc(probabilities[:, label], labels == label) for label in ranked]

    def measure(counts: np.ndarray) -> list[float]:
        hits = np.bincount(labels[correct], counts[correct], minlength=size)
        f1 = rates(hits, np.bincount(predicted, counts, minlength=size), np.bincount(labels, counts, minlength=size))
        ranks = np.array([area(counts) for area in areas])
        return [hits.sum() / counts.sum(), mean_of_defined(f1["f1"]), mean_of_defined(ranks)]

    return measure


def _multi_label(probabilities: np.ndarray, occurs: np.ndarray, predicted: np.ndarray) -> Measure:
    size = probabilities.shape[1]
    exact = (predicted == occurs).all(axis=1)
    # few texts have many labels: what is counted fits into little memory
    counted = csr_array(np.hstack([predicted & occurs, predicted, occurs]).astype(float).T)  # (3 labels, rows)
    ranked = range(size if size <= MAX_RANKED_LABELS else 0)
    areas = [roc_auc(probabilities[:, label], occurs[:, label]) for label in ranked]

    def measure(counts: np.ndarray) -> list[float]:
        columns = (counted @ counts).reshape(3, size)
        ranks = np.array([area(counts) for area in areas])
        return [
            mean_of_defined(rates(*columns)["f1"]),
            float(rates(*columns.sum(axis=1))["f1"]),
            counts @ exact / counts.sum(),
            mean_of_defined(ranks),
        ]

    return measure


def _regression(predictions: np.ndarray, labels: np.ndarray) -> Measure:
    errors = predictions - labels

    def measure(counts: np.ndarray) -> list[float]:
        share = counts / counts.sum()
        first, second = predictions - share @ predictions, labels - share @ labels
        spread = math.sqrt((share @ first**2) * (share @ second**2))
        pearson = share @ (first * second) / spread if spread else math.nan
        return [share @ np.abs(errors), share @ errors**2, pearson]

    return measure
