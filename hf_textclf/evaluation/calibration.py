"""Calibration: probabilities that mean something, and the thresholds to read labels from them.

The temperature goes into the last linear layer, so that a stock pipeline, an export and `predict` all give the same
probabilities without knowing of it.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from ..arguments import option
from ..card import is_ours, write_card
from ..data import DataArguments
from ..errors import UserError
from ..files import read_json, write_json
from ..inference import Classifier
from ..inference.predictor import to_probabilities
from ..models.loading import calibration_of, classification_head, problem_type_of
from ..plots.charts import confidences, plot_reliability
from ..provenance import describe_hardware, describe_versions, public_name
from ..saved_model.layout import CARD, EVAL_RESULTS, RELIABILITY_DIAGRAM, move_files
from .fitting import fit_temperature, fit_thresholds, held_out_labels
from .metrics import compute_metrics, measure
from .metrics.common import expected_calibration_error
from .scoring import check_counts, load_rows, outputs_of

# so many show whether a model can be calibrated
CHECKED_TEXTS = 16


@dataclass
class CalibrationArguments:
    """Which texts a saved model is calibrated on."""

    split: str = option(
        "validation", "Texts the model has not learnt from; test takes all rows of a file of their own."
    )
    batch_size: int = option(64, "Texts in one batch.")

    def __post_init__(self) -> None:
        check_counts(self, "batch_size")


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
        del before["per_label"]
        described: dict[str, Any] = {"temperature": self.temperature, "before": before}
        if self.thresholds is not None:
            described["thresholds"] = dict(zip(label_names, self.thresholds.tolist(), strict=True))
            held_out = compute_metrics(held_out_labels(self.after, self.labels), self.labels, **options)
            described["held_out"] = {name: held_out[name] for name in ("macro_f1", "micro_f1")}
        return measure(self.after, self.labels, thresholds=self.thresholds, **options) | {"calibration": described}

    def plot(self, path: Path) -> None:
        """Write a reliability diagram, before and after (Guo et al. 2017, figure 4)."""
        scores = {"before": self.before, "calibrated": self.after}
        shown = {name: confidences(probabilities, self.labels) for name, probabilities in scores.items()}
        errors = {name: expected_calibration_error(*pair) for name, pair in shown.items()}
        what = "confidence" if self.labels.ndim == 1 else "probability of a label"
        plot_reliability(path, shown, errors, title=f"calibration, {len(self.labels):,} texts", what=what)


def calibrate(folder: str, data_arguments: DataArguments, arguments: CalibrationArguments) -> dict[str, Any]:
    """Calibrate a saved folder: new weights and config.json, and with them new results, card and a diagram.

    Returns what `eval_results.json` holds.

    Raises:
        UserError: no local folder, a model that cannot be calibrated, unreadable data, labels unknown to the model.
    """
    if not Path(folder).is_dir():
        raise UserError(f"{folder!r} is no folder, expected a trained model to rewrite; download it first")
    classifier = Classifier(folder)
    if classifier.predictor.network is None:
        raise UserError(f"{folder!r} holds no neural network, expected one to calibrate; calibrate another model")
    model = classifier.predictor.network.model
    check_calibration(model)
    data, split, rows = load_rows(data_arguments, classifier, folders=[folder], split=arguments.split)
    checked_texts = rows[:CHECKED_TEXTS]["text"]
    calibration = calibrate_model(
        model,
        outputs_of(classifier.logits, rows, batch_size=arguments.batch_size, progress="calibrating"),
        np.asarray(rows["labels"]),
        logits_of=lambda: classifier.logits(checked_texts),
    )
    results = {"num_parameters": classifier.predictor.num_parameters, "hardware": describe_hardware()}
    results |= {"versions": describe_versions()} | read_json(Path(folder) / EVAL_RESULTS)
    results |= {"dataset": public_name(data_arguments.dataset), "split": split, "rows": len(rows)}
    results |= calibration.results(data.label_names)

    partial = Path(folder) / ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    model.save_pretrained(partial)
    calibration.plot(partial / RELIABILITY_DIAGRAM)
    write_json(partial / EVAL_RESULTS, results)
    move_files(partial, Path(folder))
    # a card of somebody else's is none of our business
    if is_ours(Path(folder) / CARD):
        write_card(Path(folder))
    return results


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

    model: one that `check_calibration` lets pass. logits: (rows, labels), what it says of the rows; labels: (rows,)
    ids, or (rows, labels) zeros and ones. logits_of, errors: as of `fold_temperature`.

    Calibrated again, a model starts from what it is: the temperature noted is the product of all.
    """
    problem_type = problem_type_of(model.config)
    temperature = fit_temperature(logits, labels, problem_type=problem_type)
    fold_temperature(model, temperature, logits_of=logits_of)
    before, after = (to_probabilities(values, problem_type) for values in (logits, logits / temperature))
    thresholds = fit_thresholds(after, labels) if problem_type == "multi_label_classification" else None
    total = temperature * calibration_of(model.config)["temperature"]
    written = None if thresholds is None else thresholds.tolist()
    model.config.calibration = {"temperature": total, "thresholds": written}
    return Calibration(problem_type, total, thresholds, before, after, np.asarray(labels))


def fold_temperature(model: PreTrainedModel, temperature: float, *, logits_of: Callable[[], np.ndarray]) -> None:
    """Divide weight and bias of the head by a temperature, in place.

    logits_of: computes the model's logits of a few texts, the same at each call. They show beforehand whether the head
    is what decides them; by halving it, since that rounds nothing, in whatever precision the model computes.

    Raises:
        UserError: half the head does not give half the logits; the model is left as it was.
    """
    head = classification_head(model)
    whole = logits_of()
    _divide(head, 2)
    half = logits_of()
    _divide(head, 0.5)
    if not np.allclose(2 * half, whole, rtol=1e-4, atol=1e-6):
        raise UserError(
            f"the logits of {type(model).__name__} are not what its last linear layer puts out, expected that for "
            "calibration; calibrate another model"
        )
    _divide(head, temperature)


@torch.no_grad()
def _divide(head: nn.Linear, divisor: float) -> None:
    for parameter in head.parameters():
        parameter.div_(divisor)
