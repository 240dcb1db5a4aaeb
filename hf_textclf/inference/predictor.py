"""What every saved classifier offers, whatever is inside, and what its numbers mean."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from ..errors import UserError

HALF_CHARACTER = re.compile("[\ud800-\udfff]")
NOTICES = {
    "unknown_script": "The vocabulary lacks the language of this text, so the numbers mean nothing.",
    "cut_tail": "The text is longer than the model reads: the first {head:,} of {length:,} tokens.",
    "cut_head": "The text is longer than the model reads: the last {tail:,} of {length:,} tokens.",
    "cut_middle": "The text is longer than the model reads: the first {head:,}, last {tail:,} of {length:,} tokens.",
}


@dataclass(frozen=True)
class Notice:
    """What to know of a prediction. As a string it is a sentence. kind: key of `NOTICES`. head, tail: number of tokens
    that were read at both ends of a text that was cut; length: number of all its tokens, without special ones."""

    kind: str
    head: int = 0
    tail: int = 0
    length: int = 0

    def __str__(self) -> str:
        return NOTICES[self.kind].format(**vars(self))


@dataclass(frozen=True)
class Chunks:
    """The chunks of some long texts, in the order of the texts. text_index: (chunks,) number of each chunk's text.
    spans: where each begins and ends in its text. weights: (chunks,), which add up to 1 in each text. logits:
    (chunks, labels); None where they were read as one text."""

    text_index: np.ndarray
    spans: list[tuple[int, int]]
    weights: np.ndarray
    logits: np.ndarray | None

    def of_texts(self) -> list[range]:
        """The numbers of the chunks of each text."""
        bounds = np.searchsorted(self.text_index, np.arange(self.text_index.max(initial=-1) + 2)).tolist()
        return [range(first, last) for first, last in pairwise(bounds)]


@dataclass(frozen=True)
class Reading:
    """What a predictor makes of some texts. logits: (texts, labels). notices: of each text. chunks: where long texts
    are read in chunks, else None."""

    texts: Sequence[str]
    logits: np.ndarray
    notices: Sequence[tuple[Notice, ...]]
    chunks: Chunks | None = None


class Predictor(Protocol):
    """Texts in, logits out: a network, a linear model, one network for each label, a reader of long texts.

    problem_type: single_label_classification, multi_label_classification or regression; it says how logits become
    probabilities. label_names: in id order; for regression the name of the target. thresholds: for multi-label
    classification, where they were fitted: from which probability on each label is predicted. document_strategy: how
    long texts are read; None where they are cut, or where length does not matter.
    """

    problem_type: str
    label_names: list[str]
    num_parameters: int
    thresholds: list[float] | None
    document_strategy: str | None

    @property
    def networks(self) -> Sequence[Any]:
        """What explanations look into, each with `model` and `tokenizer`: none of a linear model; one; or one for each
        label, whose second output stands for it."""

    @property
    def network(self) -> Any:
        """The only one of `networks`; None where there is none, or one for each label."""

    def logits(self, texts: Iterable[str], *, batch_size: int = 64) -> np.ndarray:
        """Return raw outputs, (texts, labels). Raises as `take_texts`."""

    def read(self, texts: Iterable[str], *, batch_size: int = 64) -> Iterator[Reading]:
        """Yield the raw outputs of one group of texts after the other, with all that is to be known of them.
        Raises as `take_texts`."""


def readable(text: str) -> str:
    """The text as every predictor reads it: half of a surrogate pair, which is no character, becomes U+FFFD."""
    return text if text.isascii() else HALF_CHARACTER.sub("\ufffd", text)


def read_texts(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts, each `readable`. texts: a list, or whatever gives strings in an order: a generator, an array, a
    column of a table. Raises TypeError: something else, as a string, which gives characters, or a table, whose
    names of columns it would be; a row that is no string, with its number.
    """
    what = f"the string {texts!r:.60}; write [text]" if isinstance(texts, str) else f"a {type(texts).__name__}"
    # a table of pandas or datasets
    is_table = hasattr(texts, "columns") or hasattr(texts, "column_names")
    if is_table or isinstance(texts, str | bytes | Mapping | set | frozenset) or not isinstance(texts, Iterable):
        raise TypeError(f"expected a list of texts, got {what}")
    return _each_readable(texts)


def _each_readable(texts: Iterable[Any]) -> Iterator[str]:
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{number}] is {text!r:.60}, expected a string; leave it out or write ''")
        # numpy's strings are str too
        yield readable(str.__str__(text))


def take_texts(texts: Iterable[str], *, batch_size: int) -> list[str]:
    """All texts, as `read_texts` yields them. Raises also UserError: a batch_size that is no number of texts."""
    check_batch_size(batch_size)
    return list(read_texts(texts))


def check_batch_size(batch_size: int) -> None:
    """Raise UserError for what is no number of texts."""
    if not isinstance(batch_size, int | np.integer) or batch_size < 1:
        raise UserError(f"batch_size={batch_size!r}, expected a whole number from 1 on; correct it")


def to_probabilities(logits: np.ndarray, problem_type: str) -> np.ndarray:
    """What a model's logits say: softmax, sigmoid, or for regression the number itself.

    logits: (rows, labels). Returns the same shape, (rows,) for regression.
    """
    # not with the import of the package, which is measured
    from scipy.special import expit, softmax

    # float32 stays as it is: with 50,000 labels a float64 copy is gigabytes
    logits = np.asarray(logits, np.result_type(logits, np.float32))
    match problem_type:
        case "single_label_classification":
            return softmax(logits, axis=-1)
        case "multi_label_classification":
            return expit(logits.astype(np.float64))
        case "regression":
            return logits.reshape(len(logits))
    raise ValueError(f"problem_type {problem_type!r} is not known")
