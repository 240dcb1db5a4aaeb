"""Metrics for texts with exactly one label, as a function and as a local `evaluate` module.

They are computed from counts, not from a confusion matrix: with 50,000 labels that would be 20 GB.
"""

from typing import Any

import datasets
import evaluate
import numpy as np

from .common import expected_calibration_error, info, log_loss, mean_of_defined, plain, rankings, rates, table


def single_label_metrics(
    predictions: np.ndarray | list, references: np.ndarray | list, label_names: list[str] | None = None
) -> dict[str, Any]:
    """Accuracy, macro, micro and per-label rates, ranking and calibration of a single-label classifier.

    A label absent from these rows is left out of the macro means (`rates` in common.py has the details). With two
    labels, `roc_auc` and `average_precision` are those of label 1; with more, the macro mean of one against the rest.
    The micro rates all equal the accuracy.

    predictions: (rows, labels) probabilities; references: (rows,), integer ids. label_names: for the per-label table,
    in the order of the ids; without them, the ids.
    Returns flat numbers and, last, `per_label`: name -> its row. None stands for what is undefined here.
    """
    probabilities, labels = np.asarray(predictions), np.asarray(references).astype(np.int64)
    rows, size = probabilities.shape
    predicted = probabilities.argmax(axis=1)
    correct = predicted == labels
    true_positives = np.bincount(labels[correct], minlength=size)
    predictions_of, support = np.bincount(predicted, minlength=size), np.bincount(labels, minlength=size)

    columns = rates(true_positives, predictions_of, support)
    macro = {f"macro_{name}": mean_of_defined(values) for name, values in columns.items()}
    ranks = rankings(probabilities, lambda label: labels == label)
    return plain(
        {
            "accuracy": correct.mean(),
            "balanced_accuracy": macro["macro_recall"],
            **macro,
            **{f"micro_{name}": correct.mean() for name in columns},
            "mcc": matthews_correlation(int(correct.sum()), predictions_of, support),
            **{name: values[1] if size == 2 else mean_of_defined(values) for name, values in ranks.items()},
            "log_loss": log_loss(probabilities[np.arange(rows), labels]),
            "expected_calibration_error": expected_calibration_error(probabilities.max(axis=1), correct),
            "per_label": table(columns | ranks | {"support": support}, label_names),
        }
    )


def matthews_correlation(correct: int, predictions_of: np.ndarray, support: np.ndarray) -> float:
    """The Matthews correlation for any number of labels (Gorodkin 2004), 0 where either side is constant.

    correct: number of right predictions; predictions_of, support: (labels,), how often each is predicted and occurs.
    """
    # Python integers: the product below outgrows 64 bits at some 50,000 rows
    rows = int(support.sum())
    covariance = correct * rows - int(predictions_of @ support)
    spread = (rows**2 - int(predictions_of @ predictions_of)) * (rows**2 - int(support @ support))
    return covariance / spread**0.5 if spread else 0.0


class SingleLabelMetrics(evaluate.Metric):
    """`single_label_metrics` with the interface of `evaluate`: compute, add, add_batch."""

    _compute = staticmethod(single_label_metrics)

    def _info(self) -> evaluate.MetricInfo:
        probabilities = datasets.Sequence(datasets.Value("float64"))
        return info(single_label_metrics, predictions=probabilities, references=datasets.Value("int64"))
