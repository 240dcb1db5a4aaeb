"""The fits, each by scikit-learn: every kind of model ends as one matrix of weights and one vector of biases.

What the columns of `matrix @ weights + bias` mean: with two classes one column, the log-odds of the second; with more
classes one per class; with many labels one per label, its log-odds; in regression the number itself.
"""

import re
from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix, diags
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import MultinomialNB
from tqdm.auto import tqdm

from ...errors import UserError

# the scripts of Chinese and Japanese, which put no blanks between words
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
LONGEST = {"word": 2, "char": 3}
MAX_ITER = 1000
# more, and a fit of all classes at once needs more memory than most machines have
MAX_WEIGHTS = 100_000_000


def choose_analyzer(texts: Sequence[str]) -> str:
    """Return `char` where most letters of the first thousand texts are Chinese or Japanese, else `word`."""
    sample = "".join(texts[:1000])
    return "char" if 2 * len(UNSPACED.findall(sample)) > sum(map(str.isalpha, sample)) else "word"


def fit(
    matrix: csr_matrix,
    targets: np.ndarray,
    *,
    model_type: str,
    problem_type: str,
    num_labels: int,
    c: float,
    alpha: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a model; returns weights (features, columns) and bias (columns,).

    matrix: (rows, features); targets: as in `TextData`, (rows,) or (rows, labels). c: inverse strength of the L2
    penalty; alpha: smoothing of counts. A class or label that no row has gets probability 0.

    Raises:
        UserError: more weights than memory can be expected to hold.
    """
    if matrix.shape[1] * num_labels > MAX_WEIGHTS:
        raise UserError(
            f"{matrix.shape[1]:,} n-grams x {num_labels:,} labels are too many weights, expected at most "
            f"{MAX_WEIGHTS:,}; lower --max_features"
        )
    if problem_type == "regression":
        # scikit-learn's own relation between the two strengths
        ridge = Ridge(alpha=1 / (2 * c)).fit(matrix, targets)
        return ridge.coef_[:, None], np.array([ridge.intercept_])
    if problem_type == "multi_label_classification":
        positives = list(targets.T > 0)
    elif num_labels == 2:
        positives = [targets == 1]
    elif model_type == "nb_svm":
        positives = [targets == label for label in range(num_labels)]
    else:
        return _fit_classes(matrix, targets, model_type=model_type, num_labels=num_labels, c=c, alpha=alpha)
    rows = tqdm(positives, desc="fitting", unit="label", disable=len(positives) == 1)
    pairs = [_fit_two(matrix, positive, model_type=model_type, c=c, alpha=alpha) for positive in rows]
    return np.stack([weights for weights, _ in pairs], axis=1), np.array([bias for _, bias in pairs])


def _fit_two(
    matrix: csr_matrix, positive: np.ndarray, *, model_type: str, c: float, alpha: float
) -> tuple[np.ndarray, float]:
    """The log-odds of one class against the rest: weights (features,) and bias.

    positive: (rows,) bool. NB-SVM (Wang and Manning 2012) multiplies the features by the log-count ratio, which is the
    weight vector of Naive Bayes. This is its logistic form: with logistic loss in place of the squared hinge loss its
    outputs are probabilities, and without the paper's interpolation, which gained nothing on imdb's validation.
    """
    if positive.all() or not positive.any():
        return np.zeros(matrix.shape[1]), np.inf if positive.all() else -np.inf
    ratio = np.ones(matrix.shape[1])
    if model_type != "maxent":
        bayes = MultinomialNB(alpha=alpha).fit(matrix, positive)
        ratio = np.diff(bayes.feature_log_prob_, axis=0)[0]
        if model_type == "naive_bayes":
            return ratio, np.diff(bayes.class_log_prior_)[0]
    model = LogisticRegression(C=c, max_iter=MAX_ITER).fit(matrix @ diags(ratio), positive)
    return ratio * model.coef_[0], model.intercept_[0]


def _fit_classes(
    matrix: csr_matrix, targets: np.ndarray, *, model_type: str, num_labels: int, c: float, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """All classes in one fit, whose softmax is the probability; targets: (rows,) ids."""
    if model_type == "naive_bayes":
        bayes = MultinomialNB(alpha=alpha).partial_fit(matrix, targets, classes=np.arange(num_labels))
        # what all classes share cancels in the softmax; without it the rest keeps its digits in float32
        weights = bayes.feature_log_prob_ - bayes.feature_log_prob_.mean(axis=0)
        return weights.T, bayes.class_log_prior_
    model = LogisticRegression(C=c, max_iter=MAX_ITER).fit(matrix, targets)
    # of two classes that have rows, scikit-learn gives the log-odds of the second
    two = len(model.classes_) == 2
    weights, bias = np.zeros((matrix.shape[1], num_labels)), np.full(num_labels, -np.inf)
    weights[:, model.classes_[-1:] if two else model.classes_] = model.coef_.T
    bias[model.classes_] = [0, *model.intercept_] if two else model.intercept_
    return weights, bias
