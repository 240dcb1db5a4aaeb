"""What is fitted on validation: a temperature for the logits, and for multi-label data a threshold for each label."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, log_softmax, logit

# far beyond what a trained network needs; the search stays between this and its inverse
MAX_TEMPERATURE = 100.0


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


def fit_thresholds(probabilities: np.ndarray, labels: np.ndarray, *, samples: int = 100, seed: int = 0) -> np.ndarray:
    """For each label the probability from which on it is predicted, for a high F1 (Lipton et al. 2014, "Optimal
    Thresholding of Classifiers to Maximize F1 Measure"; each label on its own is the SCut of Yang 2001).

    The best threshold on these rows fits their chance too, above all for a rare label. So it is the mean, as a logit,
    of the best thresholds on bootstrap samples of the rows (bagging, Breiman 1996). A label that no row has keeps 0.5.

    probabilities, labels: (rows, labels). Returns (labels,).
    """
    generator, rows = np.random.default_rng(seed), len(labels)
    thresholds = np.full(labels.shape[1], 0.5)
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
