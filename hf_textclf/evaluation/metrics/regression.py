"""Metrics for texts with a number as their label, as a function and as a local `evaluate` module."""

import datasets
import evaluate
import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, mean_squared_error

from .common import info, plain

DESCRIPTION = "Mean squared and absolute error, Pearson and Spearman correlation."
INPUTS = """
Args:
    predictions: one number per text.
    references: the true number of each text.
"""


def regression_metrics(predictions: np.ndarray, labels: np.ndarray) -> dict[str, float | None]:
    """Measure predictions of a number.

    predictions, labels: (rows,) or (rows, 1).
    Returns flat numbers; the correlations are None where either side is constant.
    """
    predictions, labels = (np.asarray(side, dtype=np.float64).reshape(-1) for side in (predictions, labels))
    varies = np.ptp(predictions) > 0 and np.ptp(labels) > 0
    return plain(
        {
            "mse": mean_squared_error(labels, predictions),
            "mae": mean_absolute_error(labels, predictions),
            "pearson": pearsonr(labels, predictions).statistic if varies else None,
            "spearman": spearmanr(labels, predictions).statistic if varies else None,
        }
    )


class RegressionMetrics(evaluate.Metric):
    """`regression_metrics` with the interface of `evaluate`: compute, add, add_batch."""

    def _info(self) -> evaluate.MetricInfo:
        number = datasets.Value("float64")
        return info(DESCRIPTION, INPUTS, predictions=number, references=number)

    def _compute(self, predictions: list[float], references: list[float]) -> dict[str, float | None]:
        return regression_metrics(np.asarray(predictions), np.asarray(references))
