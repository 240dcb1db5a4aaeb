"""Metrics for texts with any number of labels, as a function and as a local `evaluate` module."""

from typing import Any

import datasets
import evaluate
import numpy as np

from .common import expected_calibration_error, info, log_loss, mean_of_defined, plain, ranking, rankings, rates, table


def multi_label_metrics(
    predictions: np.ndarray | list,
    references: np.ndarray | list,
    label_names: list[str] | None = None,
    *,
    thresholds: float | list[float] = 0.5,
) -> dict[str, Any]:
    """Subset accuracy, macro, micro and per-label rates, ranking and calibration of a multi-label classifier.

    A label absent from these rows is left out of the macro means (`rates` in common.py has the details). Log loss and
    calibration error are taken over all (text, label) pairs; the latter compares the probability of a label with how
    often it holds, so it does not depend on the thresholds.

    predictions: (rows, labels) probabilities; references: (rows, labels), 1 for each label that the text has, else 0.
    label_names: for the per-label table; without them, numbers. thresholds: a label is predicted from this probability
    on; scalar or (labels,).
    Returns flat numbers and, last, `per_label`: name -> its row. None stands for what is undefined here.
    """
    # float64: in float32 a confident probability rounds to 1 and its complement to 0
    probabilities, occurs = np.asarray(predictions, dtype=np.float64), np.asarray(references) > 0.5
    predicted = probabilities >= np.asarray(thresholds)
    hits, predictions_of, support = (matrix.sum(axis=0) for matrix in (predicted & occurs, predicted, occurs))
    columns = rates(hits, predictions_of, support) | rankings(probabilities, lambda label: occurs[:, label])
    micro: dict = rates(hits.sum(), predictions_of.sum(), support.sum())
    micro |= ranking(probabilities.ravel(), occurs.ravel(), size=len(support))
    return plain(
        {
            "subset_accuracy": (predicted == occurs).all(axis=1).mean(),
            **{f"macro_{name}": mean_of_defined(values) for name, values in columns.items()},
            **{f"micro_{name}": value for name, value in micro.items()},
            "log_loss": log_loss(np.where(occurs, probabilities, 1 - probabilities)),
            "expected_calibration_error": expected_calibration_error(probabilities.ravel(), occurs.ravel()),
            "per_label": table(columns | {"support": support}, label_names),
        }
    )


class MultiLabelMetrics(evaluate.Metric):
    """`multi_label_metrics` with the interface of `evaluate`: compute, add, add_batch."""

    _compute = staticmethod(multi_label_metrics)

    def _info(self) -> evaluate.MetricInfo:
        probabilities = datasets.Sequence(datasets.Value("float64"))
        return info(multi_label_metrics, predictions=probabilities, references=probabilities)
