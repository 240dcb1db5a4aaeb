"""Calibrate a model in memory, and say what that changed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from ...errors import UserError
from ...inference.predictor import to_probabilities
from ...models.loading import calibration_of, problem_type_of
from ...plots import confidences, plot_reliability
from ..metrics import compute_metrics, measure
from ..metrics.common import expected_calibration_error
from .fitting import fit_temperature, fit_thresholds, held_out_labels
from .folding import classification_head, fold_temperature

# beside the model
# so many show whether a model can be calibrated
CHECKED_TEXTS = 16


@dataclass(frozen=True)
class Calibration:
    """What was fitted on some rows, and the probabilities of these rows.

    temperature: all that the head was ever divided by; thresholds: (labels,), for multi-label data only; before,
    after: (rows, labels) probabilities; labels: (rows,) or (rows, labels).
    """

    problem_type: str
    temperature: float
    thresholds: np.ndarray | None
    before: np.ndarray
    after: np.ndarray
    labels: np.ndarray

    def results(self, label_names: list[str]) -> dict[str, Any]:
        """The part of `eval_results.json` that depends on calibration.

        `metrics` of the thresholds are those of the rows that they were fitted on, so a little too good;
        `calibration.held_out` has the F1 of thresholds fitted on the other half of the rows.
        """
        options: dict[str, Any] = {"problem_type": self.problem_type, "label_names": label_names}
        before = compute_metrics(self.before, self.labels, **options)
        described: dict[str, Any] = {
            "temperature": self.temperature,
            "before": {name: value for name, value in before.items() if name != "per_label"},
        }
        if self.thresholds is not None:
            described["thresholds"] = dict(zip(label_names, self.thresholds.tolist(), strict=True))
            held_out = compute_metrics(held_out_labels(self.after, self.labels), self.labels, **options)
            described["held_out"] = {name: held_out[name] for name in ("macro_f1", "micro_f1")}
        return measure(self.after, self.labels, thresholds=self.thresholds, **options) | {"calibration": described}

    def plot(self, path: Path) -> None:
        """Write a reliability diagram, before and after (Guo et al. 2017, figure 4)."""
        probabilities = {"before": self.before, "calibrated": self.after}
        shown = {name: confidences(scores, self.labels) for name, scores in probabilities.items()}
        multi = self.problem_type == "multi_label_classification"
        plot_reliability(
            path,
            shown,
            {name: expected_calibration_error(*pair) for name, pair in shown.items()},
            title=f"calibration, {len(self.labels):,} texts",
            what="probability of a label" if multi else "confidence",
        )


def check_calibration(model: PreTrainedModel) -> None:
    """Make sure that a model can be calibrated, before anything is spent on it.

    Raises:
        UserError: a regression model, or one without a linear layer at its end.
    """
    if problem_type_of(model.config) == "regression":
        raise UserError("calibration needs probabilities, found regression; train a classifier or leave it as it is")
    classification_head(model)


def calibrate_model(
    model: PreTrainedModel, logits: np.ndarray, labels: np.ndarray, *, logits_of: Callable[[], np.ndarray]
) -> Calibration:
    """Fit temperature and thresholds, fold the temperature into the head, and note both in `model.config.calibration`.

    logits: (rows, labels), what the model says of the rows; labels: (rows,) ids, or (rows, labels) zeros and ones.
    logits_of: computes the logits of a few texts, the same at each call.

    Calibrated again, a model starts from what it is: the temperature noted is the product of all.

    Raises:
        UserError: as `check_calibration`; the last linear layer does not put out the logits.
    """
    check_calibration(model)
    problem_type = problem_type_of(model.config)
    temperature = fit_temperature(logits, labels, problem_type=problem_type)
    fold_temperature(model, temperature, logits_of=logits_of)
    after = to_probabilities(logits / temperature, problem_type)
    thresholds = fit_thresholds(after, labels) if problem_type == "multi_label_classification" else None
    total = temperature * calibration_of(model.config)["temperature"]
    model.config.calibration = {
        "temperature": total,
        "thresholds": None if thresholds is None else thresholds.tolist(),
    }
    before = to_probabilities(logits, problem_type)
    return Calibration(problem_type, total, thresholds, before, after, np.asarray(labels))
