"""The `Classifier` starts from a saved folder or a Hub id, never from live objects of a training run, and gives the
same probabilities whatever else is in the batch. A `Predictor` does the work; here its numbers get their meaning."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..saved_model.layout import LINEAR_CONFIG, ONE_VS_REST
from .networks import OneVsRest, open_network
from .predictor import Notice, Predictor, Reading, check_batch_size, read_texts, to_probabilities


@dataclass(frozen=True)
class Chunk:
    """A chunk of a long text. weight: how much it counts; the weights of all chunks add up to 1. label, score: what
    the model says of the chunk alone, as in `Prediction`; None where it read all these chunks as one text."""

    text: str
    weight: float
    label: str | list[str] | None
    score: float | None


@dataclass(frozen=True)
class Prediction:
    """What a model says of one text.

    label: the most probable label; for multi-label classification the list of all labels from the threshold on; for
    regression the name of the target. score: the label's probability (multi-label: the highest); for regression the
    predicted number. probabilities: every label's probability; for regression the number. chunks: of a text that was
    read in several chunks, or in some of them only. notices: what was not read; each is a sentence as a string.
    """

    label: str | list[str]
    score: float
    probabilities: dict[str, float]
    chunks: tuple[Chunk, ...] = ()
    notices: tuple[Notice, ...] = ()


class Classifier:
    """A trained text classifier, LSTM or any other, from a folder or a Hub id.

    Args:
        name_or_path: Folder or Hub id.
        revision: Commit, tag or branch on the Hub.
        trust_remote_code: Run Python files of the checkpoint; needs a commit as revision. Not needed for our models.
        device: Where to compute, `cpu` or `cuda`; by default a GPU where there is one.
        thresholds: For multi-label classification, from which probability on a label is predicted, in place of the
            thresholds saved with the model, or of 0.5 where none are.

    Attributes:
        predictor: What does the work; a neural network has `model` and `tokenizer`.
        problem_type: single_label_classification, multi_label_classification or regression.
        label_names: The labels in id order; for regression the name of the target.
        thresholds: (labels,), for multi-label classification; None otherwise.

    Raises:
        UserError: the checkpoint cannot be read, is not whole, or its tokenizer does not fit; thresholds that are no
            probability, or for a model that is not multi-label.
    """

    def __init__(
        self,
        name_or_path: str | PathLike[str],
        *,
        revision: str = "main",
        trust_remote_code: bool = False,
        device: str | None = None,
        thresholds: float | None = None,
    ) -> None:
        if not isinstance(name_or_path, str | PathLike):
            raise TypeError(f"name_or_path is a {type(name_or_path).__name__}, expected a folder or a Hub id")
        self.name_or_path = str(name_or_path)
        options: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code, "device": device}
        self.predictor: Predictor
        if (Path(name_or_path) / LINEAR_CONFIG).is_file():
            # here, so that nobody else waits for scikit-learn
            from .linear import LinearPredictor

            self.predictor = LinearPredictor(self.name_or_path)
        else:
            group = (Path(name_or_path) / ONE_VS_REST).is_file()
            self.predictor = (OneVsRest if group else open_network)(self.name_or_path, **options)
        self.problem_type: Any = self.predictor.problem_type
        self.label_names = self.predictor.label_names
        self.thresholds = self._thresholds(thresholds)

    @classmethod
    def from_pretrained(cls, name_or_path: str | PathLike[str], **options: Any) -> "Classifier":
        """Load a folder or a Hub id: the constructor, options too, under the name that Transformers gives it."""
        return cls(name_or_path, **options)

    def logits(self, texts: Iterable[str], *, batch_size: int = 64) -> np.ndarray:
        """Return the raw outputs, (texts, labels). Raises as `stream`."""
        return self.predictor.logits(texts, batch_size=batch_size)

    def probabilities(self, texts: Iterable[str], *, batch_size: int = 64) -> np.ndarray:
        """Return the probability of every label, (texts, labels); for regression the numbers, (texts, 1). Raises as
        `stream`."""
        return self._probabilities(self.logits(texts, batch_size=batch_size))

    def _probabilities(self, logits: np.ndarray) -> np.ndarray:
        return to_probabilities(logits, self.problem_type).reshape(logits.shape)

    def __call__(self, texts: Iterable[str], *, batch_size: int = 64) -> list[Prediction]:
        """Classify a list of texts. Raises as `stream`."""
        return list(self._predictions(texts, batch_size=batch_size))

    def stream(self, texts: Iterable[str], *, batch_size: int = 64) -> Iterator[Prediction]:
        """Classify any number of texts in constant memory, in their order.

        texts: whatever gives strings one after the other; half of a surrogate pair is read as U+FFFD.
        Raises TypeError: no texts, or one that is no string, with its number; UserError: a batch_size below 1.
        """
        check_batch_size(batch_size)
        return self._stream(read_texts(texts), batch_size=batch_size)

    def _stream(self, texts: Iterator[str], *, batch_size: int) -> Iterator[Prediction]:
        # several batches at once, so that texts of similar length can share one
        while group := list(islice(texts, min(16 * batch_size, sys.maxsize))):
            yield from self._predictions(group, batch_size=batch_size)

    def _predictions(self, texts: Iterable[str], *, batch_size: int) -> Iterator[Prediction]:
        """One by one: with thousands of labels the list of them all would be gigabytes."""
        for reading in self.predictor.read(texts, batch_size=batch_size):
            rows = self._probabilities(reading.logits).astype(float)
            for row, chunks, notices in zip(rows, self._chunks(reading), reading.notices, strict=True):
                yield self._prediction(row, chunks, notices)

    def _chunks(self, reading: Reading) -> Iterator[tuple[Chunk, ...]]:
        """Yield the chunks of each text; none of a text that was read whole."""
        chunks = reading.chunks
        if chunks is None:
            yield from ((),) * len(reading.texts)
            return
        alone = None if chunks.logits is None else self._probabilities(chunks.logits).astype(float)
        for text, numbers in zip(reading.texts, chunks.of_texts(), strict=True):
            of_text = []
            for number in numbers:
                prediction = None if alone is None else self._prediction(alone[number])
                label, score = (prediction.label, prediction.score) if prediction else (None, None)
                of_text.append(Chunk(text[slice(*chunks.spans[number])], float(chunks.weights[number]), label, score))
            yield () if of_text[0].text == text else tuple(of_text)

    def _thresholds(self, requested: float | None) -> np.ndarray | None:
        if self.problem_type != "multi_label_classification":
            if requested is None:
                return None
            raise UserError(f"thresholds={requested} is for multi-label models, found {self.problem_type}; drop it")
        if requested is not None and not 0 <= requested <= 1:
            raise UserError(f"thresholds={requested} is no probability, expected a number from 0 to 1; correct it")
        saved, count = self.predictor.thresholds, len(self.label_names)
        if requested is not None or saved is None:
            return np.full(count, 0.5 if requested is None else requested)
        if len(saved) != count:
            raise UserError(
                f"{self.name_or_path!r} has {len(saved)} thresholds in its config.json, expected one for each of its "
                f"{count} labels; calibrate it again"
            )
        return np.array(saved)

    def _prediction(
        self, row: np.ndarray, chunks: tuple[Chunk, ...] = (), notices: tuple[Notice, ...] = ()
    ) -> Prediction:
        """row: (labels,)."""
        probabilities = dict(zip(self.label_names, row.tolist(), strict=True))
        best = max(probabilities, key=probabilities.__getitem__)
        label: str | list[str] = best
        if self.problem_type == "multi_label_classification":
            label = [name for name, is_over in zip(self.label_names, row >= self.thresholds, strict=True) if is_over]
        return Prediction(label, probabilities[best], probabilities, chunks, notices)
