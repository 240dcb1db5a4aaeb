"""The `Classifier`: one object for the command line, the Space and endpoints.

It starts from a saved folder or a Hub id, never from live objects of a training run, and gives the same probabilities
whatever else is in the batch.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch

from .models import load_classifier, longest_text, problem_type_of
from .tokenization import PaddingCollator, check_agreement, encode, load_tokenizer


@dataclass(frozen=True)
class Prediction:
    """What a model says of one text.

    label: the most probable label; for multi-label classification the list of all labels from the threshold on; for
    regression the name of the target. score: the label's probability (multi-label: the highest); for regression the
    predicted number. probabilities: every label's probability; for regression the number.
    """

    label: str | list[str]
    score: float
    probabilities: dict[str, float]


class Classifier:
    """A trained text classifier, LSTM or any other, from a folder or a Hub id.

    Args:
        name_or_path: Folder or Hub id.
        revision: Commit, tag or branch on the Hub.
        trust_remote_code: Run Python files of the checkpoint; needs a commit as revision. Not needed for our models.
        device: Where to compute, `cpu` or `cuda`; by default a GPU where there is one.

    Raises:
        UserError: the checkpoint cannot be read, is not whole, or its tokenizer does not fit.
    """

    def __init__(
        self,
        name_or_path: str,
        *,
        revision: str = "main",
        trust_remote_code: bool = False,
        device: str | None = None,
    ) -> None:
        options: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
        self.name_or_path = str(name_or_path)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = load_classifier(self.name_or_path, **options).to(self.device)
        self.tokenizer = load_tokenizer(self.name_or_path, **options)
        check_agreement(self.tokenizer, self.model.config)
        # many published tokenizers know no limit where their model has one
        limit = longest_text(self.model.config)
        if limit is not None and self.tokenizer.model_max_length > limit:
            self.tokenizer.model_max_length = limit
        self.collate = PaddingCollator(self.tokenizer)

    @property
    def problem_type(self) -> Any:
        """single_label_classification, multi_label_classification or regression."""
        return problem_type_of(self.model.config)

    @property
    def label_names(self) -> list[str]:
        """The labels in id order; for regression the name of the target."""
        names = self.model.config.id2label
        return [names[number] for number in range(len(names))]

    @torch.inference_mode()
    def logits(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """Return the model's raw outputs, (texts, labels). Texts of similar length share a batch."""
        encoded = encode(self.tokenizer, list(texts))
        lengths = [len(row) for row in encoded["input_ids"]]
        order = np.argsort(lengths, kind="stable")
        outputs = np.zeros((len(lengths), len(self.label_names)), dtype=np.float32)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = self.collate([{name: values[row] for name, values in encoded.items()} for row in rows])
            outputs[rows] = self.model(**batch.to(self.device)).logits.float().cpu().numpy()
        return outputs

    def probabilities(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """Return the probability of every label, (texts, labels); for regression the numbers, (texts, 1)."""
        logits = torch.from_numpy(self.logits(texts, batch_size=batch_size))
        if self.problem_type == "single_label_classification":
            return logits.softmax(dim=-1).numpy()
        if self.problem_type == "multi_label_classification":
            return logits.sigmoid().numpy()
        return logits.numpy()

    def __call__(self, texts: list[str], *, batch_size: int = 64) -> list[Prediction]:
        """Classify a list of texts."""
        _refuse_string(texts)
        return [self._prediction(row) for row in self.probabilities(texts, batch_size=batch_size).astype(float)]

    def stream(self, texts: Iterable[str], *, batch_size: int = 64) -> Iterator[Prediction]:
        """Classify any number of texts in constant memory, in their order."""
        _refuse_string(texts)
        texts = iter(texts)
        # several batches at once, so that texts of similar length can share one
        while chunk := list(islice(texts, 16 * batch_size)):
            # one by one: with thousands of labels the list of a chunk would be gigabytes
            yield from map(self._prediction, self.probabilities(chunk, batch_size=batch_size).astype(float))

    def _prediction(self, row: np.ndarray) -> Prediction:
        """row: (labels,)."""
        probabilities = dict(zip(self.label_names, row.tolist(), strict=True))
        best = max(probabilities, key=probabilities.__getitem__)
        if self.problem_type == "multi_label_classification":
            chosen = [name for name, probability in probabilities.items() if probability >= 0.5]
            return Prediction(chosen, probabilities[best], probabilities)
        return Prediction(best, probabilities[best], probabilities)


def _refuse_string(texts: Iterable[str]) -> None:
    """A string is an iterable of texts too, of one character each."""
    if isinstance(texts, str):
        raise TypeError(f"expected a list of texts, got the string {texts[:20]!r}; write [text]")
