"""What the metric modules share.

Inside these functions an undefined value is NaN; `plain` turns it into None before anything leaves the folder.
This file imports nothing of ours: `evaluate.load` copies it beside the metric file that it loads.
"""

import math
from collections.abc import Callable
from typing import Any

import datasets
import evaluate
import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

# Ranking metrics sort all rows once per label. Above this many labels that takes minutes, so they are undefined there.
MAX_RANKED_LABELS = 500


def rates(true_positives: np.ndarray, predicted: np.ndarray, support: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 from counts of one shape, for instance one count per label.

    Recall is undefined for a label that never occurs. Precision is undefined for a label that neither occurs nor is
    predicted, and 0 for one that occurs and is never predicted, so that ignoring a label does not pay. Where every
    label occurs, this is scikit-learn with `zero_division=0`; of counts, because resampling asks a thousand times.
    """
    seen = predicted + support
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN
        precision = true_positives / np.where(seen > 0, np.maximum(predicted, 1), 0)
        return {"precision": precision, "recall": true_positives / support, "f1": 2 * true_positives / seen}


def ranking(probabilities: np.ndarray, occurs: np.ndarray, *, size: int) -> dict[str, float]:
    """Area under the ROC curve and average precision of one label of so many.

    probabilities: (rows,); occurs: (rows,) bool. Both are undefined where there are too many labels or this one never
    occurs, the area also where it always does.
    """
    if size > MAX_RANKED_LABELS or not occurs.any():
        return {"roc_auc": math.nan, "average_precision": math.nan}
    area = math.nan if occurs.all() else float(roc_auc_score(occurs, probabilities))
    return {"roc_auc": area, "average_precision": float(average_precision_score(occurs, probabilities))}


def rankings(probabilities: np.ndarray, occurs: Callable[[int], np.ndarray]) -> dict[str, np.ndarray]:
    """`ranking` of every label, (labels,) each. probabilities: (rows, labels); occurs: label -> (rows,) bool."""
    size = probabilities.shape[1]
    ranks = [ranking(probabilities[:, i], occurs(i), size=size) for i in range(size)]
    return {name: np.array([rank[name] for rank in ranks]) for name in ranks[0]}


def expected_calibration_error(confidences: np.ndarray, correct: np.ndarray, *, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equal-width bins, weighted by their size (Guo et al. 2017).

    confidences: (n,) in [0, 1]; correct: (n,), whether what was predicted with that confidence came true.
    """
    # side="left" closes each bin on the right, as in the paper
    bin_of = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidences, side="left")
    gaps = np.bincount(bin_of, weights=confidences - np.asarray(correct, dtype=float), minlength=bins)
    return float(np.abs(gaps).sum() / len(confidences))


def log_loss(probabilities: np.ndarray) -> float:
    """Mean negative logarithm of the probabilities given to what came true, clipped as in scikit-learn."""
    floor = np.finfo(np.float64).eps
    return float(-np.log(np.clip(np.asarray(probabilities, dtype=np.float64), floor, 1)).mean())


def mean_of_defined(values: np.ndarray) -> float:
    """The mean without the undefined values; undefined if all are."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else math.nan


def plain(value: Any) -> Any:
    """Python numbers for JSON, in dicts as deep as they go; None for what is undefined."""
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    number = value.item() if isinstance(value, np.generic | np.ndarray) else value
    return None if isinstance(number, float) and not math.isfinite(number) else number


def table(columns: dict[str, np.ndarray], label_names: list[str] | None) -> dict[str, dict[str, float]]:
    """One row of the per-label table for each label, by its name or else its number. Every column: (labels,)."""
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return {
        label_names[i] if label_names else str(i): dict(zip(columns, row, strict=True)) for i, row in enumerate(rows)
    }


def info(measure: Callable, **features: Any) -> evaluate.MetricInfo:
    """What an `evaluate` module says of itself: the docstring of its function, and the features of one text."""
    head, _, rest = (measure.__doc__ or "").partition("\n")
    features = datasets.Features(features)
    return evaluate.MetricInfo(description=head, citation="", inputs_description=rest, features=features)
