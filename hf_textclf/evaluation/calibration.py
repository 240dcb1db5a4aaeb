"""Calibration: probabilities that mean something, and the thresholds to read labels from them.

Fitted on validation are a temperature for the logits and for multi-label data a threshold for each label. The
temperature goes into the last linear layer, so that a stock pipeline, an export and `predict` all give the same
probabilities without knowing of it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, log_softmax, logit
from transformers import PreTrainedModel

from ..arguments import option
from ..card import is_ours, write_card
from ..data import DataArguments
from ..errors import UserError
from ..files import PARTIAL, hold_folder, read_json, write_json
from ..inference import Classifier
from ..inference.predictor import to_probabilities
from ..models.loading import calibration_of, classification_head, problem_type_of
from ..plots.charts import confidences, plot_reliability
from ..provenance import describe_hardware, describe_versions, public_name
from ..saved_model.check import file_digests
from ..saved_model.layout import CARD, EVAL_RESULTS, RELIABILITY_DIAGRAM, model_digest, move_files
from .metrics import compute_metrics, measure
from .metrics.common import expected_calibration_error
from .scoring import Counts, load_rows, outputs_of

logger = logging.getLogger(__name__)
# so many show whether a model can be calibrated
CHECKED_TEXTS = 16
# far beyond what a trained network needs; the search stays between this and its inverse
MAX_TEMPERATURE = 100.0


@dataclass
class CalibrationArguments(Counts):
    """Which texts a saved model is calibrated on."""

    split: str = option(
        "validation", "Texts the model has not learnt from; test takes all rows of a file of their own."
    )
    batch_size: int = option(64, "Texts in one batch.")


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
        shown = {"before": confidences(self.before, self.labels), "calibrated": confidences(self.after, self.labels)}
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
    with hold_folder(Path(folder)):
        return _calibrate(folder, data_arguments, arguments)


def _calibrate(folder: str, data_arguments: DataArguments, arguments: CalibrationArguments) -> dict[str, Any]:
    classifier = Classifier(folder)
    if classifier.predictor.network is None:
        raise UserError(f"{folder!r} holds no neural network, expected one to calibrate; calibrate another model")
    model = classifier.predictor.network.model
    check_calibration(model)
    data, split, rows, [seen] = load_rows(
        data_arguments, classifier, folders=[folder], split=arguments.split, max_samples=None
    )
    labels = np.asarray(rows["labels"])
    check_calibration(model, labels)
    calibration = calibrate_model(
        model,
        outputs_of(classifier.logits, rows, batch_size=arguments.batch_size, progress="calibrating"),
        labels,
        logits_of=lambda: classifier.logits(rows[:CHECKED_TEXTS]["text"]),
    )
    results = {"num_parameters": classifier.predictor.num_parameters, "hardware": describe_hardware()}
    results |= {"versions": describe_versions()} | read_json(Path(folder) / EVAL_RESULTS)
    results |= {"dataset": public_name(data_arguments.dataset), "split": split, "rows": len(rows)}
    results["seen_texts"] = seen
    results |= calibration.results(data.label_names)

    with TemporaryDirectory(dir=folder, prefix=PARTIAL) as partial:
        model.save_pretrained(partial)
        calibration.plot(Path(partial) / RELIABILITY_DIAGRAM)
        move_files(Path(partial), Path(folder))
    # last: those there say that they are of other weights
    results |= {"model_digest": model_digest(Path(folder)), "digests": file_digests(Path(folder))}
    write_json(Path(folder) / EVAL_RESULTS, results)
    # a card of somebody else's is none of our business
    if is_ours(Path(folder) / CARD):
        write_card(Path(folder))
    return results


def check_calibration(model: PreTrainedModel, labels: np.ndarray | None = None) -> None:
    """Raise UserError for a regression model or one without a linear layer at its end, before anything is spent; and
    for texts none of which has a label. labels: as in `calibrate_model`."""
    if problem_type_of(model.config) == "regression":
        raise UserError("calibration needs probabilities, found regression; train a classifier or leave it as it is")
    classification_head(model)
    if labels is not None and labels.ndim == 2 and not labels.any():
        raise UserError(
            f"none of the {len(labels):,} texts to calibrate on has a label, from which no threshold can be told, "
            "expected some that have; name other data"
        )


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
    earlier, thresholds = calibration_of(model.config), None
    if problem_type == "multi_label_classification":
        kept = earlier["thresholds"] or [0.5] * labels.shape[1]
        # the same texts reach it as before the temperature
        thresholds = fit_thresholds(after, labels, kept=expit(logit(kept) / temperature))
        if unheld := [model.config.id2label[label] for label in np.flatnonzero(~(labels > 0.5).any(axis=0))]:
            logger.warning("no text to calibrate on has the labels %s: their thresholds stay", ", ".join(unheld))
    total = temperature * earlier["temperature"]
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

    @torch.no_grad()
    def divide(divisor: float) -> None:
        for parameter in head.parameters():
            parameter.div_(divisor)

    whole = logits_of()
    divide(2)
    half = logits_of()
    divide(0.5)
    if not np.allclose(2 * half, whole, rtol=1e-4, atol=1e-6):
        raise UserError(
            f"the logits of {type(model).__name__} are not what its last linear layer puts out, expected that for "
            "calibration; calibrate another model"
        )
    divide(temperature)


def fit_temperature(logits: np.ndarray, labels: np.ndarray, *, problem_type: str) -> float:
    """The temperature T at which the probabilities of logits / T have the lowest log loss (Guo et al. 2017, "On
    Calibration of Modern Neural Networks"); for multi-label data one T for the sigmoids of all labels.

    logits: (rows, labels); labels: (rows,) ids, or for multi-label data (rows, labels) zeros and ones.

    T > 1 makes an overconfident model less sure. It changes neither which label comes first nor which probabilities
    reach 0.5. Where every prediction is right, the loss falls for ever as T falls, which says nothing: then T is 1.
    """
    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    multi_label = problem_type == "multi_label_classification"
    right = (logits > 0) == (labels > 0.5) if multi_label else logits.argmax(axis=1) == labels
    if right.all():
        return 1.0

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        if multi_label:
            return -log_expit(scaled * (2 * labels - 1)).mean()
        return -log_softmax(scaled, axis=1)[np.arange(len(labels)), labels].mean()

    # convex in 1 / T, so there is one minimum; over log T the steps are as fine below 1 as above
    edge = np.log(MAX_TEMPERATURE)
    minimum = minimize_scalar(loss, bounds=(-edge, edge), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(minimum.x))


def fit_thresholds(
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    kept: np.ndarray | None = None,
    samples: int = 100,
    seed: int = 0,
) -> np.ndarray:
    """For each label the probability from which on it is predicted, for a high F1 (Lipton et al. 2014, "Optimal
    Thresholding of Classifiers to Maximize F1 Measure"; each label on its own is the SCut of Yang 2001).

    The best threshold on these rows fits their chance too, above all for a rare label. So it is the mean, as a logit,
    of the best thresholds on bootstrap samples of the rows (bagging, Breiman 1996).

    probabilities, labels: (rows, labels). kept: (labels,), for labels that no row has; 0.5. Returns (labels,).
    """
    generator, rows = np.random.default_rng(seed), len(labels)
    thresholds = np.full(labels.shape[1], 0.5) if kept is None else np.array(kept)
    for label in np.flatnonzero((labels > 0.5).any(axis=0)):
        order = np.argsort(-probabilities[:, label], kind="stable")
        scores, occurs = probabilities[order, label], labels[order, label] > 0.5
        resamples = (np.bincount(generator.integers(rows, size=rows), minlength=rows) for _ in range(samples))
        best = [best_threshold(scores, occurs, drawn) for drawn in resamples if drawn[occurs].any()]
        if best:
            thresholds[label] = expit(logit(best).mean())
    return thresholds


def best_threshold(scores: np.ndarray, occurs: np.ndarray, weights: np.ndarray) -> float:
    """The threshold of the highest F1: halfway between the last score that reaches it and the next one.

    scores: (rows,), falling; occurs: (rows,) bool; weights: (rows,), how often each row counts.
    """
    hits, predicted = np.cumsum(weights * occurs), np.cumsum(weights)
    f1 = 2 * hits / np.maximum(predicted + hits[-1], 1)
    following = np.append(scores[1:], 0)
    # equal scores are predicted together
    f1[scores == following] = -1
    best = int(f1.argmax())
    return (scores[best] + following[best]) / 2


def held_out_labels(probabilities: np.ndarray, labels: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """What thresholds predict that were fitted on the other half of the rows: no row is evaluated by its own label.

    probabilities, labels: (rows, labels). Returns (rows, labels) bool.
    """
    half = np.random.default_rng(seed).permutation(len(labels)) % 2 == 0
    predicted = np.zeros(labels.shape, bool)
    for fitted in (half, ~half):
        predicted[~fitted] = probabilities[~fitted] >= fit_thresholds(probabilities[fitted], labels[fitted])
    return predicted
