"""What is fitted on validation: a temperature for the logits, and for multi-label data a threshold for each label."""

import numpy as np

# far beyond what a trained network needs; the search stays between this and its inverse
MAX_TEMPERATURE = 100.0


def fit_temperature(logits: np.ndarray, labels: np.ndarray, *, problem_type: str) -> float:
    """The temperature T at which the probabilities of logits / T have the lowest log loss (Guo et al. 2017, "On
    Calibration of Modern Neural Networks"); for multi-label data one T for the sigmoids of all labels.

    logits: (rows, labels); labels: (rows,) ids, or for multi-label data (rows, labels) zeros and ones.

    T > 1 makes an overconfident model less sure. It changes neither which label comes first nor which probabilities
    reach 0.5. Where every answer is right, the loss falls for ever as T falls, which says nothing: then T is 1.
    """
    from scipy.optimize import minimize_scalar

    logits, labels = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    multi = problem_type == "multi_label_classification"
    right = (logits > 0) == (labels > 0.5) if multi else logits.argmax(axis=1) == labels
    if right.all():
        return 1.0
    true_logs = _label_logs if multi else _class_logs
    # convex in 1 / T, so there is one minimum; over log T the steps are as fine below 1 as above
    edge = np.log(MAX_TEMPERATURE)
    found = minimize_scalar(
        lambda log_temperature: -true_logs(logits / np.exp(log_temperature), labels).mean(),
        bounds=(-edge, edge), method="bounded", options={"xatol": 1e-6},
    )  # fmt: skip
    return float(np.exp(found.x))


def _class_logs(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(rows, labels) and (rows,) ids to (rows,), the logarithm of the true label's probability."""
    from scipy.special import log_softmax

    return log_softmax(logits, axis=1)[np.arange(len(labels)), labels]


def _label_logs(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Both (rows, labels): the logarithm of the probability given to what is true of each label."""
    from scipy.special import log_expit

    return log_expit(logits * (2 * labels - 1))


def fit_thresholds(probabilities: np.ndarray, labels: np.ndarray, *, samples: int = 100, seed: int = 0) -> np.ndarray:
    """For each label the probability from which on it is predicted, for a high F1 (Lipton et al. 2014, "Optimal
    Thresholding of Classifiers to Maximize F1 Measure"; each label on its own is the SCut of Yang 2001).

    The best threshold on these rows fits their chance too, above all for a rare label. So it is the mean, as a logit,
    of the best thresholds on bootstrap samples of the rows (bagging, Breiman 1996). A label that no row has keeps 0.5.

    probabilities, labels: (rows, labels). Returns (labels,).
    """
    generator = np.random.default_rng(seed)
    return np.array(
        [
            _mean_threshold(scores, occurs, samples, generator)
            for scores, occurs in zip(np.transpose(probabilities), np.transpose(labels) > 0.5, strict=True)
        ]
    )


def _mean_threshold(scores: np.ndarray, occurs: np.ndarray, samples: int, generator: np.random.Generator) -> float:
    """scores: (rows,); occurs: (rows,) bool."""
    from scipy.special import expit, logit

    order = np.argsort(-scores, kind="stable")
    scores, occurs = scores[order], occurs[order]
    rows, found = len(scores), []
    for _ in range(samples if occurs.any() else 0):
        times_drawn = np.bincount(generator.integers(rows, size=rows), minlength=rows)
        if times_drawn[occurs].any():
            found.append(best_threshold(scores, occurs, times_drawn))
    return float(expit(logit(found).mean())) if found else 0.5


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
    """What thresholds say that were fitted on the other half of the rows: no row's label is judged by itself.

    probabilities, labels: (rows, labels). Returns (rows, labels) bool.
    """
    half = np.random.default_rng(seed).permutation(len(labels)) % 2 == 0
    predicted = np.zeros(labels.shape, bool)
    for fitted in (half, ~half):
        predicted[~fitted] = probabilities[~fitted] >= fit_thresholds(probabilities[fitted], labels[fitted])
    return predicted
