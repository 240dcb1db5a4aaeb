"""Are the best two systems apart by more than chance? Both answered the same rows, so everything here is paired."""

from typing import Any

import numpy as np
from scipy.stats import binomtest, chi2, wilcoxon

from ..metrics import LOWER_IS_BETTER
from .answers import Answers
from .bootstrap import METRICS, intervals

# with fewer texts that only one of the two gets right, the chi-square approximation is poor
FEW = 25


def best_two(metrics: dict[str, dict[str, Any]], *, problem_type: str) -> list[str]:
    """The names of the best two systems by the first of their metrics; fewer where no two have it."""
    metric = METRICS[problem_type][0]
    sign = 1 if metric in LOWER_IS_BETTER else -1
    defined = [name for name in metrics if metrics[name][metric] is not None]
    return sorted(defined, key=lambda name: sign * metrics[name][metric])[:2]


def difference_of_best(
    answers: dict[str, Answers],
    labels: np.ndarray,
    metrics: dict[str, dict[str, Any]],
    resampled: np.ndarray,
    *,
    problem_type: str,
) -> dict[str, Any] | None:
    """Test the best two systems against each other; None where there are no two.

    labels: as `compute_metrics` takes them; resampled: (samples, systems, metrics). A text of many labels counts as
    right where all of them are. Returns the names, the test, and each metric's difference with its interval.
    """
    best = best_two(metrics, problem_type=problem_type)
    if len(best) < 2:
        return None
    errors = [(answers[name].predicted - labels).reshape(len(labels), -1) for name in best]
    if problem_type == "regression":
        test = wilcoxon_signed_rank(*(np.abs(error[:, 0]) for error in errors))
        better = "closer"
    else:
        test = mcnemar(*(~error.any(axis=1) for error in errors))
        better = "right" if labels.ndim == 1 else "right in all labels"
    first, second = (list(answers).index(name) for name in best)
    gaps = {}
    for name in METRICS[problem_type]:
        one, other = (metrics[system][name] for system in best)
        gaps[name] = None if one is None or other is None else one - other
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
    return {
        "test": "Wilcoxon, signed ranks",
        "only_first": int((first < second).sum()),
        "only_second": int((second < first).sum()),
        "p_value": float(p_value),
    }


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
