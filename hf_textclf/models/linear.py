"""Linear models on bags of n-grams, the baselines of every network, each fitted by scikit-learn.

They share the commands, the data and the metrics of the networks, but not the Auto classes: a folder of theirs is for
`evaluate`, `predict` and the `Classifier`, not for the Hub. It holds linear_config.json, which says what the arrays
mean; vocabulary.json, the n-grams in the order of the rows; and linear.safetensors: `weights` (features, columns),
`bias` (columns,) and for tfidf `idf` (features,), in float32.

What the columns of `matrix @ weights + bias` mean: with two classes one column, the log-odds of the second; with more
classes one per class; with many labels one per label, its log-odds; in regression the number itself.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from huggingface_hub.dataclasses import strict
from safetensors.numpy import save_file
from scipy.sparse import csr_matrix, diags
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import MultinomialNB
from tqdm.auto import tqdm

from ..errors import UserError
from ..files import write_json, write_text
from ..saved_model.layout import LINEAR_CONFIG, LINEAR_VOCABULARY, LINEAR_WEIGHTS

KINDS = ("naive_bayes", "maxent", "nb_svm")
# every word, one-letter words too, and every mark: `!` and `?` say much about an opinion
WORD = r"\w+|[^\w\s]"
# the scripts of Chinese and Japanese, which put no blanks between words
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
LONGEST = {"word": 2, "char": 3}
MAX_ITER = 1000
# more, and a fit of all classes at once needs more memory than most machines have
MAX_WEIGHTS = 100_000_000


# not frozen: the values would go in past the checks of `strict`
@strict
@dataclass
class LinearConfig:
    """What linear_config.json holds."""

    model_type: Literal["naive_bayes", "maxent", "nb_svm"]
    # as `data.ProblemType`, whose folder would bring the library datasets to everyone who only predicts
    problem_type: Literal["single_label_classification", "multi_label_classification", "regression"]
    id2label: dict[str, str]
    analyzer: Literal["word", "char"]
    ngram_max: int
    weighting: Literal["counts", "binary", "tfidf"]

    @property
    def columns(self) -> int:
        """The number of outputs: of two classes, the log-odds of the second alone."""
        two = self.problem_type == "single_label_classification" and len(self.id2label) == 2
        return 1 if two else len(self.id2label)

    def vectorizer(self, **options: Any) -> CountVectorizer:
        """Make the vectorizer, to be fitted or with a `vocabulary` among the options; texts are put in lower case.

        The value of an n-gram is its count; 1 with `binary`; with `tfidf` (1 + ln count) x idf, each text of length 1.
        """
        options |= {"analyzer": self.analyzer, "ngram_range": (1, self.ngram_max), "dtype": np.float64}
        if self.analyzer == "word":
            options["token_pattern"] = WORD
        if self.weighting == "tfidf":
            return TfidfVectorizer(sublinear_tf=True, **options)
        return CountVectorizer(binary=self.weighting == "binary", **options)


def save_linear(
    folder: Path, config: LinearConfig, vectorizer: CountVectorizer, weights: np.ndarray, bias: np.ndarray
) -> None:
    """Write a fitted model into a folder."""
    arrays = {"weights": weights, "bias": bias}
    if config.weighting == "tfidf":
        arrays["idf"] = vectorizer.idf_
    save_file({name: np.ascontiguousarray(each, np.float32) for name, each in arrays.items()}, folder / LINEAR_WEIGHTS)
    # not one n-gram a line: an n-gram of characters may be a line break
    terms = vectorizer.get_feature_names_out().tolist()
    write_text(folder / LINEAR_VOCABULARY, json.dumps(terms, ensure_ascii=False))
    write_json(folder / LINEAR_CONFIG, asdict(config))


def choose_analyzer(texts: Sequence[str]) -> str:
    """Return `char` where most letters of the first thousand texts are Chinese or Japanese, else `word`."""
    sample = "".join(texts[:1000])
    return "char" if 2 * len(UNSPACED.findall(sample)) > sum(map(str.isalpha, sample)) else "word"


def fit(
    matrix: csr_matrix, targets: np.ndarray, config: LinearConfig, *, c: float, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a model; returns weights (features, columns) and bias (columns,).

    matrix: (rows, features); targets: as in `TextData`, (rows,) or (rows, labels). c: inverse strength of the L2
    penalty; alpha: smoothing of counts. A class or label that no row has gets probability 0.
    Raises UserError: more weights than memory can be expected to hold.
    """
    num_labels = len(config.id2label)
    if matrix.shape[1] * num_labels > MAX_WEIGHTS:
        raise UserError(
            f"{matrix.shape[1]:,} n-grams x {num_labels:,} labels are too many weights, expected at most "
            f"{MAX_WEIGHTS:,}; lower --max_features"
        )
    if config.problem_type == "regression":
        # scikit-learn's own relation between the two strengths
        ridge = Ridge(alpha=1 / (2 * c)).fit(matrix, targets)
        return ridge.coef_[:, None], np.array([ridge.intercept_])
    if config.problem_type == "multi_label_classification":
        positives = list(targets.T > 0)
    elif num_labels == 2:
        positives = [targets == 1]
    elif config.model_type == "nb_svm":
        positives = [targets == label for label in range(num_labels)]
    elif config.model_type == "naive_bayes":
        bayes = MultinomialNB(alpha=alpha).partial_fit(matrix, targets, classes=np.arange(num_labels))
        # what all classes share cancels in the softmax; without it the rest keeps its digits in float32
        return (bayes.feature_log_prob_ - bayes.feature_log_prob_.mean(axis=0)).T, bayes.class_log_prior_
    else:
        model = LogisticRegression(C=c, max_iter=MAX_ITER).fit(matrix, targets)
        # of two classes that have rows, scikit-learn gives the log-odds of the second
        two = len(model.classes_) == 2
        weights, bias = np.zeros((matrix.shape[1], num_labels)), np.full(num_labels, -np.inf)
        weights[:, model.classes_[-1:] if two else model.classes_] = model.coef_.T
        bias[model.classes_] = [0, *model.intercept_] if two else model.intercept_
        return weights, bias
    rows = tqdm(positives, desc="fitting", unit="label", disable=len(positives) == 1)
    pairs = [_fit_two(matrix, positive, config.model_type, c, alpha) for positive in rows]
    return np.stack([weights for weights, _ in pairs], axis=1), np.array([bias for _, bias in pairs])


def _fit_two(
    matrix: csr_matrix, positive: np.ndarray, model_type: str, c: float, alpha: float
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
