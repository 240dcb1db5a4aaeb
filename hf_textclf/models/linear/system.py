"""A saved linear model: written as JSON and safetensors, read back with every size checked, texts in and logits out.

linear_config.json says what the arrays mean, vocabulary.json lists the n-grams in the order of the rows, and
linear.safetensors holds `weights` (features, columns), `bias` (columns,) and for tfidf `idf` (features,), in float32.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from ...errors import UserError
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


class LinearSystem:
    """A linear model from a saved folder; errors as in `Classifier`."""

    def __init__(self, folder: str | Path) -> None:
        try:
            self._load(Path(folder))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, StrictDataclassError) as error:
            raise UserError(
                f"cannot load a linear model from {str(folder)!r}: {' '.join(str(error).split())}; "
                "name a folder that `hf-textclf train` finished"
            ) from error

    def _load(self, folder: Path) -> None:
        self.config = LinearConfig(**json.loads((folder / LINEAR_CONFIG).read_text(encoding="utf-8")))
        terms = json.loads((folder / LINEAR_VOCABULARY).read_text(encoding="utf-8"))
        arrays = load_file(folder / LINEAR_WEIGHTS)
        self.problem_type: str = self.config.problem_type
        self.label_names = [self.config.id2label[str(number)] for number in range(len(self.config.id2label))]
        expected = {"weights": (len(terms), self.config.columns), "bias": (self.config.columns,)}
        if self.config.weighting == "tfidf":
            expected["idf"] = (len(terms),)
        found = {name: array.shape for name, array in arrays.items()}
        if found != expected:
            raise ValueError(
                f"{LINEAR_WEIGHTS} has the sizes {found}, {LINEAR_VOCABULARY} and {LINEAR_CONFIG} ask for {expected}"
            )
        self.vectorizer = self.config.vectorizer(vocabulary=terms)
        if self.config.weighting == "tfidf":
            self.vectorizer.idf_ = arrays["idf"].astype(np.float64)
        # scipy would widen float32 again for every call
        self.weights, self.bias = (arrays[name].astype(np.float64) for name in ("weights", "bias"))
        self.num_parameters = self.weights.size + self.bias.size
        self.thresholds: list[float] | None = None
        # the vectorizer looks at its vocabulary when it is used first
        self.logits([""])

    def logits(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """Return (texts, labels), whose softmax or sigmoid is what scikit-learn calls `predict_proba`.

        batch_size: without meaning here, all texts are taken at once.
        """
        if len(texts) == 0:
            return np.zeros((0, len(self.label_names)))
        outputs = self.vectorizer.transform(texts) @ self.weights + self.bias
        if outputs.shape[1] < len(self.label_names):
            return np.hstack([np.zeros_like(outputs), outputs])
        if self.problem_type == "single_label_classification" and self.config.model_type == "nb_svm":
            # each class against the rest: their probabilities, made to add up to 1
            return -np.logaddexp(0, -outputs)
        return outputs
