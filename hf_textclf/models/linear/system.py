"""A saved linear model, as JSON and safetensors.

linear_config.json says what the arrays mean, vocabulary.json lists the n-grams in the order of the rows, and
linear.safetensors holds `weights` (features, columns), `bias` (columns,) and for tfidf `idf` (features,), in float32.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from huggingface_hub.dataclasses import strict
from safetensors.numpy import save_file
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from ...files import write_json, write_text
from ...saved_model.layout import LINEAR_CONFIG, LINEAR_VOCABULARY, LINEAR_WEIGHTS

# every word, one-letter words too, and every mark: `!` and `?` say much about an opinion
WORD = r"\w+|[^\w\s]"


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
    save_file(
        {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}, folder / LINEAR_WEIGHTS
    )
    # not one n-gram a line: an n-gram of characters may be a line break
    terms = vectorizer.get_feature_names_out().tolist()
    write_text(folder / LINEAR_VOCABULARY, json.dumps(terms, ensure_ascii=False))
    write_json(folder / LINEAR_CONFIG, asdict(config))
