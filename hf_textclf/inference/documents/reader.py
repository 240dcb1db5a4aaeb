"""Read long texts with a network that was trained on short ones: in parts whose logits are merged, or shortened to
their key sentences. The network stays as it is; what reading needs beside it stands in two files of its folder."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ...errors import UserError
from ...files import write_json
from ...saved_model.layout import DOCUMENT, DOCUMENT_WEIGHTS
from ...tokenization import Windows, encode, encode_whole, encode_windows
from .outputs import network_outputs
from .settings import DocumentSettings
from .splitting import split_sentences
from .weights import PartAttention, merge, shares, tfidf_scores

# texts that are in memory as tokens at the same time, in characters
GROUP = 1_000_000


@dataclass(frozen=True)
class Reading:
    """What a network makes of some texts and of their parts.

    logits: (texts, labels). owners: (parts,) number of each part's text. spans: where each part begins and ends in its
    text. weights: (parts,) share of 1. part_logits: (parts, labels); None where the parts were read as one text.
    """

    texts: list[str]
    logits: np.ndarray
    owners: np.ndarray
    spans: list[tuple[int, int]]
    weights: np.ndarray
    part_logits: np.ndarray | None

    def parts_of_texts(self) -> list[range]:
        """The numbers of each text's parts."""
        bounds = np.searchsorted(self.owners, np.arange(len(self.logits) + 1)).tolist()
        return [range(first, last) for first, last in pairwise(bounds)]


class DocumentReader:
    """How the texts of one saved network are read.

    Args:
        idf: (vocab_size,) of the key words, see `key_word_idf`; for weights by TF-IDF and for key sentences.
        attention: For weights by attention.
    """

    def __init__(
        self, settings: DocumentSettings, *, idf: np.ndarray | None = None, attention: PartAttention | None = None
    ) -> None:
        self.settings = settings
        self.idf = idf
        self.attention = attention

    @classmethod
    def load(cls, description: Path, weights: Path | None) -> "DocumentReader":
        """Load what `save` wrote; weights: None where there is no such file.

        Raises:
            UserError: a file is broken, or what the settings need is missing.
        """
        try:
            settings = DocumentSettings(**json.loads(description.read_text(encoding="utf-8")))
            tensors = load_file(weights) if weights else {}
            idf = tensors.pop("idf").numpy() if "idf" in tensors else None
            attention = None
            if tensors:
                attention = PartAttention(tensors["projection.weight"].shape[1])
                attention.load_state_dict(tensors)
            reader = cls(settings, idf=idf, attention=attention)
            if reader.needs_idf and idf is None or reader.needs_attention and attention is None:
                raise ValueError("weights are missing")
        except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise UserError(
                f"{description} and {DOCUMENT_WEIGHTS} beside it are broken or do not fit "
                f"({' '.join(str(error).split())}); copy the folder again or train anew"
            ) from error
        return reader

    def save(self, folder: Path) -> None:
        """Write the two files into a folder, the second one where there is something to hold."""
        tensors: dict[str, Tensor] = dict(self.attention.state_dict()) if self.attention is not None else {}
        if self.idf is not None:
            tensors["idf"] = torch.from_numpy(self.idf)
        if tensors:
            save_file(tensors, folder / DOCUMENT_WEIGHTS)
        write_json(folder / DOCUMENT, self.settings.recorded())

    @property
    def needs_idf(self) -> bool:
        """Whether key words decide anything."""
        return self.shortens or self.settings.sentence_weights == "tfidf"

    @property
    def needs_attention(self) -> bool:
        """Whether the weights are learned."""
        return self.settings.sentence_weights == "attention"

    @property
    def shortens(self) -> bool:
        """Whether the network reads a text's key sentences as one text."""
        return self.settings.document_strategy == "key_sentences"

    def parts(self, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Windows:
        """Cut texts into windows or sentences; a sentence longer than a window is several parts."""
        if self.settings.document_strategy == "windows":
            return encode_windows(tokenizer, list(texts), stride=self.settings.stride)
        sentences = _split(texts)
        windows = encode_windows(tokenizer, sentences.texts)
        spans = [
            (sentences.starts[sentence] + start, sentences.starts[sentence] + end)
            for sentence, (start, end) in zip(windows.owners, windows.spans, strict=True)
        ]
        return Windows(windows.encoded, [sentences.owners[sentence] for sentence in windows.owners], spans)

    def shorten(self, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[str]:
        """Keep of each text the `num_sentences` sentences that score highest by TF-IDF, in their order."""
        return [text for group in groups(texts) for text in self._shorten(tokenizer, group)[0]]

    def outputs(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], *, batch_size: int
    ) -> Iterator[tuple[list[str], Windows, Tensor, Tensor | None]]:
        """Yield one group of texts after the other with their parts, the logits of these (parts, labels) and, for
        weights by attention, what the head reads (parts, width)."""
        for group in groups(texts):
            windows = self.parts(tokenizer, group)
            yield (
                group,
                windows,
                *network_outputs(
                    model, tokenizer, windows.encoded, batch_size=batch_size, with_features=self.needs_attention
                ),
            )

    def logits(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], *, batch_size: int
    ) -> np.ndarray:
        """The logits of whole texts, (texts, labels)."""
        found = [reading.logits for reading in self.read(model, tokenizer, texts, batch_size=batch_size)]
        return np.concatenate([np.zeros((0, model.config.num_labels), np.float32), *found])

    def read(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], *, batch_size: int
    ) -> Iterator[Reading]:
        """Yield what the network says of one group of texts after the other."""
        if self.shortens:
            for group in groups(texts):
                short, owners, spans, weights = self._shorten(tokenizer, group)
                logits, _ = network_outputs(model, tokenizer, encode(tokenizer, short), batch_size=batch_size)
                yield Reading(group, logits.numpy(), owners, spans, weights, None)
            return
        for group, windows, logits, features in self.outputs(model, tokenizer, texts, batch_size=batch_size):
            owners = np.array(windows.owners)
            weights = self._weights(windows, owners, features)
            whole = merge(logits, torch.from_numpy(weights).float(), torch.from_numpy(owners))
            yield Reading(group, whole.numpy(), owners, windows.spans, weights, logits.numpy())

    def _weights(self, windows: Windows, owners: np.ndarray, features: Tensor | None) -> np.ndarray:
        """(parts,) shares of each text."""
        if self.attention is not None and features is not None:
            with torch.no_grad():
                return self.attention(features, torch.from_numpy(owners)).numpy()
        if self.idf is not None:
            return shares(tfidf_scores(windows.encoded["input_ids"], owners, self.idf), owners)
        return shares(np.ones(len(owners)), owners)

    def _shorten(
        self, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]
    ) -> tuple[list[str], np.ndarray, list[tuple[int, int]], np.ndarray]:
        """The shortened texts; text, span and weight of every sentence that is kept."""
        assert self.idf is not None
        sentences = _split(texts)
        ids = encode_whole(tokenizer, sentences.texts)["input_ids"]
        owners = np.array(sentences.owners)
        scores = tfidf_scores(ids, owners, self.idf)
        best_first = np.lexsort((-scores, owners))
        ranks = np.empty_like(owners)
        ranks[best_first] = np.arange(len(owners)) - np.searchsorted(owners, owners)
        kept = np.flatnonzero(ranks < self.settings.num_sentences)
        short: list[list[str]] = [[] for _ in texts]
        for number in kept:
            short[owners[number]].append(sentences.texts[number])
        spans = [(sentences.starts[n], sentences.starts[n] + len(sentences.texts[n])) for n in kept]
        return ["".join(some) for some in short], owners[kept], spans, shares(scores[kept], owners[kept])


@dataclass(frozen=True)
class _Sentences:
    """The sentences of some texts, with the number of the text of each and the place where it starts there."""

    texts: list[str]
    owners: list[int]
    starts: list[int]


def _split(texts: Sequence[str]) -> _Sentences:
    found = _Sentences([], [], [])
    for owner, text in enumerate(texts):
        sentences = split_sentences(text)
        found.texts.extend(sentences)
        found.owners.extend([owner] * len(sentences))
        found.starts.extend(accumulate(map(len, sentences[:-1]), initial=0))
    return found


def groups(texts: Sequence[str]) -> Iterator[list[str]]:
    """Cut a list of texts into lists of about GROUP characters, of one text at least."""
    group: list[str] = []
    size = 0
    for text in texts:
        if group and size + len(text) > GROUP:
            yield group
            group, size = [], 0
        group.append(text)
        size += len(text)
    if group:
        yield group
