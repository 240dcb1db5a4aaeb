"""A saved linear model. It counts what it knows of a text, so it cuts none and has no script."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ..errors import UserError
from ..files import read_json
from ..models.linear import LinearConfig
from ..saved_model.check import check_task, report_changes
from ..saved_model.layout import LINEAR_CONFIG, LINEAR_VOCABULARY, LINEAR_WEIGHTS
from .predictor import Reading, take_texts


class LinearPredictor:
    """A linear model from a saved folder; a `Predictor`. Errors as in `Classifier`."""

    document_strategy: str | None = None
    network = None
    networks: tuple[()] = ()
    thresholds: list[float] | None = None

    def __init__(self, folder: str | Path) -> None:
        try:
            self._load(Path(folder))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError, StrictDataclassError) as error:
            raise UserError(
                f"cannot load a linear model from {str(folder)!r}: {' '.join(str(error).split())}; "
                "name a folder that `hf-textclf train` finished"
            ) from error

    def _load(self, folder: Path) -> None:
        described = read_json(folder / LINEAR_CONFIG)
        check_task(folder / LINEAR_CONFIG, described)
        report_changes(folder)
        self.config = config = LinearConfig(**described)
        terms = json.loads((folder / LINEAR_VOCABULARY).read_text(encoding="utf-8"))
        if not (isinstance(terms, list) and all(isinstance(term, str) for term in terms)):
            raise ValueError(f"{LINEAR_VOCABULARY} is no list of n-grams")
        arrays = load_file(folder / LINEAR_WEIGHTS)
        self.problem_type: str = config.problem_type
        self.label_names = [config.id2label[str(number)] for number in range(len(config.id2label))]
        expected = {"weights": (len(terms), config.columns), "bias": (config.columns,)}
        if config.weighting == "tfidf":
            expected["idf"] = (len(terms),)
        shapes = {name: array.shape for name, array in arrays.items()}
        if shapes != expected:
            raise ValueError(
                f"{LINEAR_WEIGHTS} has the sizes {shapes}, {LINEAR_VOCABULARY} and {LINEAR_CONFIG} ask for {expected}"
            )
        # a class without rows has a bias of -inf
        broken = [name for name, array in arrays.items() if not np.isfinite(array).all() and name != "bias"]
        if broken or np.isnan(arrays["bias"]).any():
            raise ValueError(f"{(broken or ['bias'])[0]} in {LINEAR_WEIGHTS} holds what is no number")
        self.vectorizer = config.vectorizer(vocabulary=terms)
        if config.weighting == "tfidf":
            self.vectorizer.idf_ = arrays["idf"].astype(np.float64)
        # scipy would widen float32 again for every call
        self.weights, self.bias = (arrays[name].astype(np.float64) for name in ("weights", "bias"))
        self.num_parameters = self.weights.size + self.bias.size
        # the vectorizer looks at its vocabulary when it is used first
        self.logits([""])

    def logits(self, texts: Iterable[str], *, batch_size: int = 64) -> np.ndarray:
        """Return (texts, labels), whose softmax or sigmoid is what scikit-learn calls `predict_proba`. All texts are
        taken at once, whatever the batch_size."""
        texts = take_texts(texts, batch_size=batch_size)
        if not texts:
            return np.zeros((0, len(self.label_names)))
        outputs = self.vectorizer.transform(texts) @ self.weights + self.bias
        if outputs.shape[1] < len(self.label_names):
            return np.hstack([np.zeros_like(outputs), outputs])
        if self.problem_type == "single_label_classification" and self.config.model_type == "nb_svm":
            # each class against the rest: their probabilities, made to add up to 1
            return -np.logaddexp(0, -outputs)
        return outputs

    def read(self, texts: Iterable[str], *, batch_size: int = 64) -> Iterator[Reading]:
        """Yield the outputs of all texts; there are no notices."""
        texts = take_texts(texts, batch_size=batch_size)
        yield Reading(texts, self.logits(texts, batch_size=batch_size), [()] * len(texts))
