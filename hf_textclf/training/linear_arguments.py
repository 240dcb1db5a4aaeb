"""What a user can say about a linear model. The help texts here are the only description of these flags."""

from dataclasses import dataclass, field
from typing import Literal

from ..arguments import option
from ..errors import UserError

LOWEST = {"ngram_max": 1, "min_df": 1, "max_features": 1}


@dataclass
class LinearArguments:
    """Which linear model is trained, and what it counts."""

    model_type: Literal["naive_bayes", "maxent", "nb_svm"] = field(
        metadata={
            "help": "Multinomial Naive Bayes, maximum entropy (logistic regression; ridge regression of numbers), or "
            "NB-SVM in its logistic form: maximum entropy on n-grams weighted by Naive Bayes."
        }
    )
    output_dir: str = field(metadata={"help": "New folder for the model and its results."})
    analyzer: Literal["word", "char"] | None = option(
        None, "What n-grams are made of; char where most of the texts is Chinese or Japanese."
    )
    ngram_max: int | None = option(None, "Longest n-gram, from 1 on; 2 words or 3 characters if not named.")
    min_df: int = option(2, "Drop n-grams that stand in fewer training texts.")
    max_features: int = option(300_000, "Keep the most frequent n-grams, this many.")
    weighting: Literal["counts", "binary", "tfidf"] | None = option(
        None, "Value of an n-gram; counts for naive_bayes, tfidf (sublinear) for maxent, else binary."
    )
    C: float | None = option(None, "Inverse strength of the L2 penalty; 10 for maxent, 1 for nb_svm.")
    alpha: float | None = option(None, "Smoothing of the n-gram counts of naive_bayes and nb_svm; 1.")

    def __post_init__(self) -> None:
        for name, lowest in LOWEST.items():
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise UserError(f"{name}={value}, expected {lowest} or more; correct --{name}")
        for name, without in (("C", "naive_bayes"), ("alpha", "maxent")):
            value = getattr(self, name)
            if value is not None and self.model_type == without:
                raise UserError(f"{name}={value} is no key of model_type {without!r}; drop --{name}")
            # written so that NaN is refused too
            if value is not None and not 0 < value < float("inf"):
                raise UserError(f"{name}={value}, expected a number above 0; correct --{name}")
