"""Metrics per problem type: the same numbers for the stock Trainer and for our own evaluation.

Each of single_label.py, multi_label.py and regression.py is also a local `evaluate` module: `evaluate.load` of its
path works offline, where `evaluate.load("accuracy")` does not.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from transformers import EvalPrediction
from transformers.trainer_utils import PredictionOutput

from ...errors import Diverged
from ...inference.predictor import to_probabilities
from .multi_label import multi_label_metrics
from .regression import regression_metrics
from .single_label import single_label_metrics

# of all others more is better
LOWER_IS_BETTER = {"expected_calibration_error", "log_loss", "mae", "mse"}


def compute_metrics(
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    problem_type: str,
    label_names: list[str] | None = None,
    thresholds: float | list[float] = 0.5,
) -> dict[str, Any]:
    """Every metric of a problem type, ready for JSON.

    probabilities: (rows, labels), see `to_probabilities`; regression: (rows,), the predicted numbers.
    labels: (rows,) ids; multi-label: (rows, labels) of 0 and 1; regression: (rows,) numbers.
    thresholds: multi-label only; from which probability on a label is predicted, one number or one per label.

    Returns flat numbers and, for the classifications, `per_label`: name -> precision, recall, f1, roc_auc,
    average_precision, support. None stands for what is undefined on these rows.

    Raises:
        Diverged: the model's output holds NaN or infinity.
        ValueError: no rows, shapes or label ids that do not fit each other, logits given as probabilities.
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    _check(probabilities, labels, problem_type, label_names)
    match problem_type:
        case "single_label_classification":
            return single_label_metrics(probabilities, labels, label_names)
        case "multi_label_classification":
            return multi_label_metrics(probabilities, labels, label_names, thresholds=thresholds)
        case _:
            return regression_metrics(probabilities, labels)


def measure(
    probabilities: np.ndarray, labels: np.ndarray, *, thresholds: np.ndarray | None, **options: Any
) -> dict[str, dict[str, Any]]:
    """The metrics of a result file: `metrics`, and where labels have thresholds of their own, `metrics_at_0.5` without
    its per-label table beside them.

    thresholds: (labels,), or None for 0.5; the other arguments as in `compute_metrics`.
    """
    at_half = compute_metrics(probabilities, labels, **options)
    if thresholds is None or (thresholds == 0.5).all():
        return {"metrics": at_half}
    del at_half["per_label"]
    metrics = compute_metrics(probabilities, labels, thresholds=thresholds.tolist(), **options)
    return {"metrics": metrics, "metrics_at_0.5": at_half}


def evaluated_metrics(
    evaluated: EvalPrediction | PredictionOutput, problem_type: str, label_names: list[str] | None = None
) -> dict[str, Any]:
    """`compute_metrics` of what the stock Trainer evaluated or predicted: logits and labels."""
    scores = to_probabilities(first_output(evaluated), problem_type)
    return compute_metrics(scores, evaluated.label_ids, problem_type=problem_type, label_names=label_names)


def first_output(evaluated: EvalPrediction | PredictionOutput) -> np.ndarray:
    """The logits: models that also return hidden states or attentions put them first."""
    outputs = evaluated.predictions
    return outputs[0] if isinstance(outputs, tuple) else outputs


def metrics_for(
    problem_type: str, label_names: list[str] | None = None
) -> Callable[[EvalPrediction], dict[str, float]]:
    """The `compute_metrics` argument of the stock Trainer: logits and labels in, flat numbers out.

    The per-label table and undefined values are left out: the first would flood the log, the second the Trainer
    cannot format.
    """

    def metrics(evaluated: EvalPrediction) -> dict[str, float]:
        values = evaluated_metrics(evaluated, problem_type, label_names)
        return {name: value for name, value in values.items() if isinstance(value, float)}

    return metrics


def metric_names(*problem_types: str) -> list[str]:
    """The metrics that a best model can be chosen by, of some problem types: flat numbers."""
    scores, labels = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1])
    rows = {
        "single_label_classification": (scores, labels),
        "multi_label_classification": (scores, np.eye(2)[labels]),
        "regression": (scores[:, 0], labels + 0.5),
    }
    names = [name for kind in problem_types for name, value in compute_metrics(*rows[kind], problem_type=kind).items()
             if isinstance(value, float)]  # fmt: skip
    return list(dict.fromkeys(names))


def _check(probabilities: np.ndarray, labels: np.ndarray, problem_type: str, label_names: list[str] | None) -> None:
    # dimensions of probabilities and labels
    dimensions = {"single_label_classification": (2, 1), "multi_label_classification": (2, 2), "regression": (1, 1)}
    if problem_type not in dimensions:
        raise ValueError(f"problem_type {problem_type!r} is none of {', '.join(dimensions)}")
    if probabilities.size == 0:
        raise ValueError("there is nothing to measure: the predictions have no rows")
    sizes = probabilities.ndim, labels.ndim
    if sizes != dimensions[problem_type] or labels.shape != probabilities.shape[: labels.ndim]:
        raise ValueError(f"predictions {probabilities.shape} and labels {labels.shape} do not fit {problem_type}")
    if broken := int((~np.isfinite(probabilities)).reshape(len(labels), -1).any(axis=1).sum()):
        raise Diverged(
            f"the model's output is not a number for {broken} of {len(labels)} texts; "
            "its training has diverged: train again with a lower learning_rate"
        )
    if problem_type == "regression":
        return
    if label_names is not None and len(label_names) != probabilities.shape[1]:
        raise ValueError(f"{len(label_names)} label_names for predictions of {probabilities.shape[1]} labels")
    # rounding may carry a probability a little over the edge
    if probabilities.min() < -1e-6 or probabilities.max() > 1 + 1e-6:
        raise ValueError("probabilities lie in [0, 1]; pass logits through to_probabilities first")
    highest = probabilities.shape[1] - 1 if labels.ndim == 1 else 1
    if labels.min() < 0 or labels.max() > highest:
        raise ValueError(f"labels from {labels.min()} to {labels.max()} do not fit the expected 0 to {highest}")
