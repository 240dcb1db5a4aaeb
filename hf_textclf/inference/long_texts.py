"""Long texts read by a network that was trained on short ones: in chunks whose logits are merged, or shortened to
their key sentences. The network stays as it is; what reading needs beside it stands in two files of its folder."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ..errors import UserError
from ..files import write_json
from ..models.loading import classification_head
from ..saved_model.layout import DOCUMENT, DOCUMENT_WEIGHTS
from ..tokenization import Windows, encode, encode_whole, encode_windows, split_sentences
from .chunks import ChunkAttention, merge, network_outputs, normalize, tfidf_scores
from .predictor import Chunks, Reading

GROUP = 1_000_000  # texts that are in memory as tokens at the same time, in characters
Strategy = Literal["windows", "sentences", "key_sentences"]
Weights = Literal["uniform", "tfidf", "attention"]
# which strategies a key belongs to; elsewhere it would be ignored without a word
_BELONGS_TO: dict[str, tuple[Strategy, ...]] = {
    "sentence_weights": ("windows", "sentences"),
    "stride": ("windows",),
    "num_sentences": ("key_sentences",),
}


@dataclass(frozen=True)
class DocumentSettings:
    """How a long text is read: keys of `train`, whose help texts describe the fields, and content of `document.json`.
    Raises UserError: a value that is unknown or out of range.
    """

    document_strategy: Strategy
    sentence_weights: Weights = "uniform"
    stride: int = 0
    num_sentences: int = 10

    def __post_init__(self) -> None:
        for name, known in (("document_strategy", get_args(Strategy)), ("sentence_weights", get_args(Weights))):
            if getattr(self, name) not in known:
                raise UserError(f"{name} {getattr(self, name)!r} is unknown, expected one of {', '.join(known)}")
        for name, lowest in (("stride", 0), ("num_sentences", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < lowest:
                raise UserError(f"{name}={value}, expected a whole number from {lowest} on; change --{name}")

    @classmethod
    def from_keys(cls, document_strategy: str, **keys: Weights | int | None) -> "DocumentSettings | None":
        """The settings of a run, None for `truncate`. keys: the other fields, None where not given.
        Raises UserError: a field that the strategy does not read.
        """
        given = {name: value for name, value in keys.items() if value is not None}
        for name, value in given.items():
            if document_strategy not in _BELONGS_TO[name]:
                raise UserError(
                    f"{name}={value} belongs to document_strategy {' or '.join(_BELONGS_TO[name])}, found "
                    f"{document_strategy}; drop --{name} or change --document_strategy"
                )
        return None if document_strategy == "truncate" else cls(document_strategy, **given)  # type: ignore[arg-type]


@dataclass(eq=False)
class DocumentReader:
    """How the texts of one saved network are read.

    idf: (vocab_size,) of the key words, see `key_word_idf`; for weights by TF-IDF and for key sentences. attention:
    for weights by attention. needs_idf, needs_attention: whether these decide anything. shortens: whether the network
    reads a text's key sentences as one text.
    """

    settings: DocumentSettings
    idf: np.ndarray | None = None
    attention: ChunkAttention | None = None

    def __post_init__(self) -> None:
        self.shortens = self.settings.document_strategy == "key_sentences"
        self.needs_idf = self.shortens or self.settings.sentence_weights == "tfidf"
        self.needs_attention = self.settings.sentence_weights == "attention"

    @classmethod
    def load(cls, description: Path, weights: Path | None) -> "DocumentReader":
        """Load what `save` wrote; weights: None where there is no such file.
        Raises UserError: a file is broken, or what the settings need is missing.
        """
        try:
            settings = DocumentSettings(**json.loads(description.read_text(encoding="utf-8")))
            tensors = load_file(weights) if weights else {}
            reader = cls(settings, tensors.pop("idf").numpy() if "idf" in tensors else None)
            if tensors:
                reader.attention = ChunkAttention(tensors["projection.weight"].shape[1])
                reader.attention.load_state_dict(tensors)
            if reader.needs_idf and reader.idf is None or reader.needs_attention and reader.attention is None:
                raise ValueError("weights are missing")
        except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise UserError(
                f"{description} and {DOCUMENT_WEIGHTS} beside it are broken or do not fit "
                f"({' '.join(str(error).split())}); copy the folder again or train anew"
            ) from error
        return reader

    def check_fits(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, name_or_path: str) -> None:
        """Raise UserError where weights are of another vocabulary or network than these, or are no numbers."""
        ids = max(tokenizer.get_vocab().values()) + 1
        fits = self.idf is None or self.idf.ndim == 1 and len(self.idf) >= ids and bool(np.isfinite(self.idf).all())
        if self.attention:
            fits = fits and self.attention.projection.in_features == classification_head(model).in_features
            fits = fits and all(bool(weight.isfinite().all()) for weight in self.attention.parameters())
        if not fits:
            raise UserError(
                f"{DOCUMENT_WEIGHTS} in {name_or_path!r} does not fit the network or its {ids} tokens, expected what "
                "was saved with them; copy the folder again or train anew"
            )

    def save(self, folder: Path) -> None:
        """Write the two files into a folder, the second one where there is something to hold."""
        tensors = dict(self.attention.state_dict()) if self.attention else {}
        if self.idf is not None:
            tensors["idf"] = torch.from_numpy(self.idf)
        if tensors:
            save_file(tensors, folder / DOCUMENT_WEIGHTS)
        strategy, fields = self.settings.document_strategy, vars(self.settings).items()
        read = {name: value for name, value in fields if strategy in _BELONGS_TO.get(name, [strategy])}
        write_json(folder / DOCUMENT, read)

    def windows(self, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Windows:
        """Cut texts into chunks: windows, or sentences; a sentence longer than a window is several chunks."""
        if self.settings.document_strategy == "windows":
            return encode_windows(tokenizer, list(texts), stride=self.settings.stride)
        sentences, text_index, starts = _sentences(texts)
        windows = encode_windows(tokenizer, sentences)
        numbers = windows.text_index
        spans = [(starts[n] + begin, starts[n] + end) for n, (begin, end) in zip(numbers, windows.spans, strict=True)]
        return Windows(windows.encoded, [text_index[n] for n in numbers], spans)

    def shorten(self, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[str]:
        """Keep of each text the `num_sentences` sentences that score highest by TF-IDF, in their order."""
        return [text for group in groups(texts) for text in self._shorten(tokenizer, group)[0]]

    def outputs(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], *, batch_size: int
    ) -> Iterator[tuple[list[str], Windows, Tensor, Tensor | None]]:
        """Yield one group of texts after the other with their chunks, the logits of these (chunks, labels) and, for
        weights by attention, what the head reads (chunks, width)."""
        options: dict[str, Any] = {"batch_size": batch_size, "with_features": self.needs_attention}
        for group in groups(texts):
            windows = self.windows(tokenizer, group)
            yield group, windows, *network_outputs(model, tokenizer, windows.encoded, **options)

    def logits(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], *, batch_size: int
    ) -> np.ndarray:
        """The logits of whole texts, (texts, labels)."""
        readings = [reading.logits for reading in self.read(model, tokenizer, texts, batch_size=batch_size)]
        return np.concatenate([np.zeros((0, model.config.num_labels), np.float32), *readings])

    def read(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], *, batch_size: int
    ) -> Iterator[Reading]:
        """Yield what the network says of one group of texts after the other, without notices."""
        if self.shortens:
            for group in groups(texts):
                short, chunks = self._shorten(tokenizer, group)
                logits, _ = network_outputs(model, tokenizer, encode(tokenizer, short), batch_size=batch_size)
                yield Reading(group, logits.numpy(), [()] * len(group), chunks)
            return
        for group, windows, logits, features in self.outputs(model, tokenizer, texts, batch_size=batch_size):
            text_index, scores = np.array(windows.text_index), np.ones(len(windows.text_index))
            if self.attention and features is not None:
                with torch.no_grad():
                    weights = self.attention(features, torch.from_numpy(text_index)).numpy()
            else:
                if self.idf is not None:
                    scores = tfidf_scores(windows.encoded["input_ids"], text_index, self.idf)
                weights = normalize(scores, text_index)
            merged = merge(logits, torch.from_numpy(weights).float(), torch.from_numpy(text_index))
            chunks = Chunks(text_index, windows.spans, weights, logits.numpy())
            yield Reading(group, merged.numpy(), [()] * len(group), chunks)

    def _shorten(self, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> tuple[list[str], Chunks]:
        """The shortened texts, and every sentence that is kept."""
        assert self.idf is not None
        sentences, numbers, starts = _sentences(texts)
        ids, text_index = encode_whole(tokenizer, sentences)["input_ids"], np.array(numbers)
        scores = tfidf_scores(ids, text_index, self.idf)
        best_first = np.lexsort((-scores, text_index))
        ranks = np.empty_like(text_index)
        ranks[best_first] = np.arange(len(text_index)) - np.searchsorted(text_index, text_index)
        kept = np.flatnonzero(ranks < self.settings.num_sentences)
        short = [""] * len(texts)
        for number in kept:
            short[text_index[number]] += sentences[number]
        spans = [(starts[n], starts[n] + len(sentences[n])) for n in kept]
        return short, Chunks(text_index[kept], spans, normalize(scores[kept], text_index[kept]), None)


def _sentences(texts: Sequence[str]) -> tuple[list[str], list[int], list[int]]:
    """The sentences of some texts, the number of the text of each, and the place where it starts there."""
    split = [split_sentences(text) for text in texts]
    starts = chain.from_iterable(accumulate(map(len, of_text[:-1]), initial=0) for of_text in split)
    text_index = [number for number, of_text in enumerate(split) for _ in of_text]
    return list(chain.from_iterable(split)), text_index, list(starts)


def groups(texts: Sequence[str]) -> Iterator[list[str]]:
    """Cut a list of texts into lists of about GROUP characters, of one text at least."""
    start = size = 0
    for number, text in enumerate(texts):
        if number > start and size + len(text) > GROUP:
            yield list(texts[start:number])
            start, size = number, 0
        size += len(text)
    if start < len(texts):
        yield list(texts[start:])
