"""How sure: intervals by resampling, and whether the best two systems are apart by more than chance.

Intervals are those of the percentile bootstrap over rows (Efron & Tibshirani 1993, chapter 13). A resample is
`counts`, (rows,): how often each row was drawn, the same for every system, so that two can be compared row for row;
`scipy.stats.bootstrap` draws anew for each. A `Measure` is prepared once for a system and then asked a thousand times;
with every count 1 it gives the numbers of `hf_textclf.evaluation.metrics`, which would take minutes.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array, hstack
from scipy.stats import binomtest, chi2, wilcoxon
from tqdm.auto import tqdm

from .metrics import LOWER_IS_BETTER
from .metrics.common import MAX_RANKED_LABELS, mean_of_defined, rates
from .scoring import Predictions

Measure = Callable[[np.ndarray], list[float]]

# with fewer texts that only one of the two gets right, the chi-square approximation is poor
FEW = 25
# what a measure returns, in its order; systems are ranked by the first
METRICS = {
    "single_label_classification": ("accuracy", "macro_f1", "roc_auc"),
    "multi_label_classification": ("macro_f1", "micro_f1", "subset_accuracy", "macro_roc_auc"),
    "regression": ("mae", "mse", "pearson"),
}


def measure_of(predictions: Predictions, labels: np.ndarray, *, problem_type: str) -> Measure:
    """Prepare the measure of one system. labels: as `compute_metrics` takes them."""
    scores, predicted = predictions.scores, predictions.predicted
    if problem_type == "regression":
        return _regression(scores, labels)
    rows, size = scores.shape
    if labels.ndim == 2:
        matrices = [csr_array(side > 0.5, dtype=float) for side in (labels, predicted)]
    else:
        matrices = [csr_array((np.ones(rows), (range(rows), ids)), shape=(rows, size)) for ids in (labels, predicted)]
    truth, answered = matrices
    # few texts have many labels: what is counted fits into little memory
    counted = hstack([truth * answered, answered, truth]).T.tocsr()  # (3 labels, rows)
    exact = (predicted == labels).reshape(rows, -1).all(axis=1)
    # as in the metrics: of two exclusive labels the second
    ranked = [1] if labels.ndim == 1 and size == 2 else range(size if size <= MAX_RANKED_LABELS else 0)
    areas = [roc_auc(scores[:, i], labels == i if labels.ndim == 1 else labels[:, i] > 0.5) for i in ranked]

    def measure(counts: np.ndarray) -> list[float]:
        columns = (counted @ counts).reshape(3, size)
        accuracy, area = counts @ exact / counts.sum(), mean_of_defined(np.array([area(counts) for area in areas]))
        macro_f1 = mean_of_defined(rates(*columns)["f1"])
        if labels.ndim == 1:
            return [accuracy, macro_f1, area]
        return [macro_f1, float(rates(*columns.sum(axis=1))["f1"]), accuracy, area]

    return measure


def _regression(predictions: np.ndarray, labels: np.ndarray) -> Measure:
    errors = predictions - labels

    def measure(counts: np.ndarray) -> list[float]:
        covariance = np.cov(predictions, labels, aweights=counts)
        spread = math.sqrt(covariance[0, 0] * covariance[1, 1])
        pearson = covariance[0, 1] / spread if spread else math.nan
        return [np.average(np.abs(errors), weights=counts), np.average(errors**2, weights=counts), pearson]

    return measure


def roc_auc(scores: np.ndarray, occurs: np.ndarray) -> Callable[[np.ndarray], float]:
    """Prepare the area under the ROC curve of one label: sort once, then sum ranks (Mann & Whitney 1947).

    scores: (rows,); occurs: (rows,) bool. The result is NaN where all rows drawn agree on the label.
    """
    order = np.argsort(scores, kind="stable")
    # equal scores form one step, where a pair counts half
    starts, positive = np.flatnonzero(np.diff(scores[order], prepend=-np.inf)), occurs[order]

    def area(counts: np.ndarray) -> float:
        drawn = counts[order]
        positives = np.add.reduceat(drawn * positive, starts)
        negatives = np.add.reduceat(drawn, starts) - positives
        pairs = positives.sum() * negatives.sum()
        return float(positives @ (np.cumsum(negatives) - negatives / 2) / pairs) if pairs else math.nan

    return area


def resample(measures: Sequence[Measure], rows: int, *, samples: int, seed: int = 0) -> np.ndarray:
    """Return (samples, systems, metrics): what each measure gives on each resample of that many rows."""
    generator = np.random.default_rng(seed)
    draws = (generator.integers(rows, size=rows) for _ in tqdm(range(samples), desc="resampling", unit="resample"))
    resamples = (np.bincount(drawn, minlength=rows).astype(float) for drawn in draws)
    return np.array([[measure(counts) for measure in measures] for counts in resamples])


def intervals(resampled: np.ndarray, *, problem_type: str) -> dict[str, list[float] | None]:
    """The middle 95 % of each metric's values, (samples, metrics), as [low, high]; None where it was never defined."""
    limits: dict[str, list[float] | None] = {}
    for name, values in zip(METRICS[problem_type], resampled.T, strict=True):
        defined = values[~np.isnan(values)]
        limits[name] = np.quantile(defined, [0.025, 0.975]).tolist() if len(defined) else None
    return limits


def difference_of_best(
    predictions: dict[str, Predictions],
    labels: np.ndarray,
    metrics: dict[str, dict[str, Any]],
    resampled: np.ndarray,
    *,
    problem_type: str,
) -> dict[str, Any] | None:
    """Test the best two systems by the first metric against each other; None where no two have it.

    labels: as `compute_metrics` takes them; resampled: (samples, systems, metrics). A text of many labels counts as
    right where all of them are. Returns the names, the test, and each metric's difference with its interval.
    """
    metric = METRICS[problem_type][0]
    sign = 1 if metric in LOWER_IS_BETTER else -1
    defined = [name for name in metrics if metrics[name][metric] is not None]
    best = sorted(defined, key=lambda name: sign * metrics[name][metric])[:2]
    if len(best) < 2:
        return None
    errors = [(predictions[name].predicted - labels).reshape(len(labels), -1) for name in best]
    if problem_type == "regression":
        test, better = wilcoxon_signed_rank(*(np.abs(error[:, 0]) for error in errors)), "closer"
    else:
        test = mcnemar(*(~error.any(axis=1) for error in errors))
        better = "right" if labels.ndim == 1 else "right in all labels"
    first, second = (list(predictions).index(name) for name in best)
    pairs = {name: (metrics[best[0]][name], metrics[best[1]][name]) for name in METRICS[problem_type]}
    gaps = {name: None if None in pair else pair[0] - pair[1] for name, pair in pairs.items()}
    limits = intervals(resampled[:, first] - resampled[:, second], problem_type=problem_type)
    return {"systems": best, "better": better, **test, "metrics": gaps, "intervals": limits}


def mcnemar(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """McNemar's test (1947): of the texts that only one system gets right, does either get more?

    first, second: (rows,) bool, whether each system is right. Exact (binomial) below 25 such texts, else chi-square
    with continuity correction (Edwards 1948).
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    discordant = only_first + only_second
    if discordant < FEW:
        name, p_value = "McNemar, exact", binomtest(only_first, discordant).pvalue if discordant else 1.0
    else:
        # the correction stops at 0: equal numbers are no evidence at all
        distance = max(abs(only_first - only_second) - 1, 0)
        name, p_value = "McNemar, chi-square", chi2.sf(distance**2 / discordant, df=1)
    return {"test": name, "only_first": only_first, "only_second": only_second, "p_value": float(p_value)}


def wilcoxon_signed_rank(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Wilcoxon's signed-rank test (1945) of the absolute errors of two regressions, (rows,) each."""
    p_value = 1.0 if np.array_equal(first, second) else wilcoxon(first, second).pvalue
    counts = {"only_first": int((first < second).sum()), "only_second": int((second < first).sum())}
    return {"test": "Wilcoxon, signed ranks", **counts, "p_value": float(p_value)}


def sentence(difference: dict[str, Any], *, metric: str) -> str:
    """The outcome in words: how often each is better, how sure that is, and by how much a metric differs."""
    first, second = difference["systems"]
    p_value = difference["p_value"]
    text = (
        f"{first} against {second}: {difference['only_first']:,} texts where only {first} is {difference['better']}, "
        f"{difference['only_second']:,} where only {second} is ({difference['test']}: "
        f"p {'< 0.001' if p_value < 0.001 else f'= {p_value:.3f}'})"
    )
    gap, limits = difference["metrics"][metric], difference["intervals"][metric]
    if gap is None or limits is None:
        return text
    return f"{text}; {metric} {gap:+.4f} (95 % interval {limits[0]:+.4f} to {limits[1]:+.4f})"
