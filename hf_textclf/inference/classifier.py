"""The `Classifier` starts from a saved folder or a Hub id, never from live objects of a training run, and gives the
same probabilities whatever else is in the batch.

What is inside, a neural network or something else that was saved, is a `System`; what its numbers mean is decided
here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import UserError
from ..saved_model.layout import LINEAR_CONFIG, ONE_VS_REST
from .documents import Reading
from .documents.network import Documents, open_network
from .one_vs_rest import OneVsRest
from .probabilities import to_probabilities


class System(Protocol):
    """What every kind of saved classifier offers."""

    problem_type: str
    label_names: list[str]
    num_parameters: int
    # for multi-label classification, where some were fitted: from which probability on each label is predicted
    thresholds: list[float] | None

    def logits(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """Return raw outputs, (texts, labels), of which `problem_type` says how they become probabilities."""
        ...


@dataclass(frozen=True)
class Part:
    """A part of a long text, and its say in the whole.

    weight: share of 1 among the parts. label, score: what the model says of the part alone, as in `Prediction`; None
    where it read all these parts as one text.
    """

    text: str
    weight: float
    label: str | list[str] | None
    score: float | None


@dataclass(frozen=True)
class Prediction:
    """What a model says of one text.

    label: the most probable label; for multi-label classification the list of all labels from the threshold on; for
    regression the name of the target. score: the label's probability (multi-label: the highest); for regression the
    predicted number. probabilities: every label's probability; for regression the number. parts: of a text that was
    read in several parts, or in some of them only.
    """

    label: str | list[str]
    score: float
    probabilities: dict[str, float]
    parts: tuple[Part, ...] = ()


def open_system(name_or_path: str, **options: Any) -> System:
    """Load what a folder or Hub id holds; options as in `Classifier`, of which a linear model has none."""
    if (Path(name_or_path) / ONE_VS_REST).is_file():
        return OneVsRest(name_or_path, **options)
    if (Path(name_or_path) / LINEAR_CONFIG).is_file():
        # here, so that nobody else waits for scikit-learn
        from ..models.linear.system import LinearSystem

        return LinearSystem(name_or_path)
    return open_network(name_or_path, **options)


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
        system: What does the work; for a neural network it has `model` and `tokenizer`, for one that reads long
            texts in parts `document_strategy`.
        problem_type: single_label_classification, multi_label_classification or regression.
        label_names: The labels in id order; for regression the name of the target.
        thresholds: (labels,), for multi-label classification; None otherwise.

    Raises:
        UserError: the checkpoint cannot be read, is not whole, or its tokenizer does not fit; thresholds that are no
            probability, or for a model that is not multi-label.
    """

    def __init__(
        self,
        name_or_path: str,
        *,
        revision: str = "main",
        trust_remote_code: bool = False,
        device: str | None = None,
        thresholds: float | None = None,
    ) -> None:
        self.name_or_path = str(name_or_path)
        self.system = open_system(
            self.name_or_path, revision=revision, trust_remote_code=trust_remote_code, device=device
        )
        self.problem_type: Any = self.system.problem_type
        self.label_names = self.system.label_names
        self.thresholds = self._thresholds(thresholds)

    def logits(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """Return the raw outputs, (texts, labels)."""
        return self.system.logits(texts, batch_size=batch_size)

    def probabilities(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """Return the probability of every label, (texts, labels); for regression the numbers, (texts, 1)."""
        return self._probabilities(self.logits(texts, batch_size=batch_size))

    def _probabilities(self, logits: np.ndarray) -> np.ndarray:
        """logits: (texts, labels). Returns the same shape."""
        return to_probabilities(logits, self.problem_type).reshape(logits.shape)

    def __call__(self, texts: list[str], *, batch_size: int = 64) -> list[Prediction]:
        """Classify a list of texts."""
        _refuse_string(texts)
        return list(self._predictions(texts, batch_size=batch_size))

    def stream(self, texts: Iterable[str], *, batch_size: int = 64) -> Iterator[Prediction]:
        """Classify any number of texts in constant memory, in their order."""
        _refuse_string(texts)
        texts = iter(texts)
        # several batches at once, so that texts of similar length can share one
        while chunk := list(islice(texts, 16 * batch_size)):
            yield from self._predictions(chunk, batch_size=batch_size)

    def _predictions(self, texts: list[str], *, batch_size: int) -> Iterator[Prediction]:
        """One by one: with thousands of labels the list of a chunk would be gigabytes."""
        if not isinstance(self.system, Documents):
            yield from map(self._prediction, self.probabilities(texts, batch_size=batch_size).astype(float))
            return
        for reading in self.system.read(texts, batch_size=batch_size):
            rows = self._probabilities(reading.logits).astype(float)
            for row, parts in zip(rows, self._parts(reading), strict=True):
                yield replace(self._prediction(row), parts=parts)

    def _parts(self, reading: Reading) -> Iterator[tuple[Part, ...]]:
        """Yield the parts of each text; none of a text that was read whole."""
        alone = None if reading.part_logits is None else self._probabilities(reading.part_logits).astype(float)
        for text, numbers in zip(reading.texts, reading.parts_of_texts(), strict=True):
            parts = []
            for number in numbers:
                start, end = reading.spans[number]
                said = None if alone is None else self._prediction(alone[number])
                label, score = (said.label, said.score) if said else (None, None)
                parts.append(Part(text[start:end], float(reading.weights[number]), label, score))
            yield () if parts[0].text == text else tuple(parts)

    def _thresholds(self, wish: float | None) -> np.ndarray | None:
        if self.problem_type != "multi_label_classification":
            if wish is not None:
                raise UserError(f"thresholds={wish} is for multi-label models, found {self.problem_type}; drop it")
            return None
        if wish is not None and not 0 <= wish <= 1:
            raise UserError(f"thresholds={wish} is no probability, expected a number from 0 to 1; correct it")
        saved = self.system.thresholds
        if wish is not None or saved is None:
            return np.full(len(self.label_names), 0.5 if wish is None else wish)
        if len(saved) != len(self.label_names):
            raise UserError(
                f"{self.name_or_path!r} has {len(saved)} thresholds in its config.json, expected one for each of its "
                f"{len(self.label_names)} labels; calibrate it again"
            )
        return np.array(saved)

    def _prediction(self, row: np.ndarray) -> Prediction:
        """row: (labels,)."""
        probabilities = dict(zip(self.label_names, row.tolist(), strict=True))
        best = max(probabilities, key=probabilities.__getitem__)
        if self.problem_type == "multi_label_classification":
            chosen = [name for name, over in zip(self.label_names, row >= self.thresholds, strict=True) if over]
            return Prediction(chosen, probabilities[best], probabilities)
        return Prediction(best, probabilities[best], probabilities)


def _refuse_string(texts: Iterable[str]) -> None:
    """A string is an iterable of texts too, of one character each."""
    if isinstance(texts, str):
        raise TypeError(f"expected a list of texts, got the string {texts[:20]!r}; write [text]")
