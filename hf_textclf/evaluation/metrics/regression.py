"""Metrics for texts with a number as their label, as a function and as a local `evaluate` module."""

import datasets
import evaluate
import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, mean_squared_error

from .common import info, plain


def regression_metrics(predictions: np.ndarray | list, references: np.ndarray | list) -> dict[str, float | None]:
    """Mean squared and absolute error, Pearson and Spearman correlation.

    predictions, references: (rows,) or (rows, 1), one number per text and the true one.
    Returns flat numbers; the correlations are None where either side is constant.
    """
    true, predicted = (np.asarray(side, dtype=np.float64).reshape(-1) for side in (references, predictions))
    varies = np.ptp(predicted) > 0 and np.ptp(true) > 0
    return plain(
        {
            "mse": mean_squared_error(true, predicted),
            "mae": mean_absolute_error(true, predicted),
            "pearson": pearsonr(true, predicted).statistic if varies else None,
            "spearman": spearmanr(true, predicted).statistic if varies else None,
        }
    )


class RegressionMetrics(evaluate.Metric):
    """`regression_metrics` with the interface of `evaluate`: compute, add, add_batch."""

    _compute = staticmethod(regression_metrics)

    def _info(self) -> evaluate.MetricInfo:
        number = datasets.Value("float64")
        return info(regression_metrics, predictions=number, references=number)
