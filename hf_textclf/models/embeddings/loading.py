"""Start an LSTM's embeddings from vectors trained elsewhere.

What would surprise you: vectors of the model's own width are copied as they are. Wider ones are projected; narrower
ones are completed with zeros, which training moves like any other number.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ...errors import UserError
from ..lstm import LSTMForCausalLM, LSTMForSequenceClassification, LSTMModel
from .sources import from_checkpoint, from_text_file


@dataclass(frozen=True)
class Coverage:
    """How much of a vocabulary got a vector. The row of padding stays zero and never counts as found."""

    found: int
    vocab_size: int
    source_size: int
    embedding_size: int
    running_share: float | None = None

    def __str__(self) -> str:
        running = "" if self.running_share is None else f", {self.running_share:.1%} of the running tokens"
        width = str(self.embedding_size)
        if self.source_size != self.embedding_size:
            width = f"{self.source_size} → {width}"
        return f"embeddings found for {self.found:,} of {self.vocab_size:,} tokens{running}; width {width}"


def tokenizer_of(source: str | None) -> str | None:
    """The checkpoint whose own tokenizer fits its embeddings best; a file of word vectors has none."""
    return source if source and not Path(source).is_file() else None


@torch.no_grad()
def load_embeddings(
    model: LSTMModel | LSTMForCausalLM | LSTMForSequenceClassification,
    tokenizer: PreTrainedTokenizerFast,
    source: str,
    *,
    counts: Mapping[int, int] | None = None,
    revision: str = "main",
) -> Coverage:
    """Write pretrained vectors into the embedding matrix of a constructed model, in place.

    A token is looked up as it is, then lower-cased. Rows not found keep their random start, the row of padding stays
    zero. Where the source is wider than `config.embedding_size`, the vectors found are centred, projected on their
    first principal components and scaled to a standard deviation of `config.initializer_range`, that of the rows not
    found. Centred, because most pretrained vectors share a large mean, which would take up the first component and
    tells no two words apart (Mu & Viswanath 2018, "All-but-the-Top").

    Args:
        source: A GloVe, word2vec or fastText *text* file, with or without a header, .gz or not; or a checkpoint,
            folder or Hub id, with safetensors weights, of which only the input embeddings are read.
        counts: Occurrences of each token id in the training texts, for `Coverage.running_share`.

    Raises:
        UserError: a source that cannot be read, or that knows none of the tokens.
    """
    if Path(source).is_file():
        vectors = from_text_file(Path(source), tokenizer)
    else:
        vectors = from_checkpoint(str(source), tokenizer, revision=revision)
    vectors.pop(tokenizer.pad_token_id, None)
    weight = model.get_input_embeddings().weight  # (vocab_size, embedding_size)
    if not vectors:
        raise UserError(
            f"{str(source)!r} has a vector for none of the {len(tokenizer)} tokens; "
            "expected vectors of the same language, choose another source"
        )
    ids = torch.tensor(sorted(vectors))
    if ids[-1] >= len(weight):
        raise UserError(
            f"the tokenizer has an id {ids[-1]} but the model has embeddings for vocab_size={len(weight)}; "
            "build the model for this tokenizer"
        )
    found = torch.stack([vectors[int(i)] for i in ids])  # (found, source width)
    weight[ids.to(weight.device)] = _fit_width(found, weight.shape[1], model.config.initializer_range).to(weight)
    return Coverage(
        found=len(ids),
        vocab_size=len(tokenizer),
        source_size=found.shape[1],
        embedding_size=weight.shape[1],
        running_share=_share(counts, vectors, tokenizer.pad_token_id),
    )


def _fit_width(vectors: Tensor, width: int, spread: float) -> Tensor:
    """vectors: (found, source width). Returns (found, width): as they are, completed with zeros, or projected."""
    missing = width - vectors.shape[1]
    if missing >= 0:
        return torch.nn.functional.pad(vectors, (0, missing))
    centred = vectors.double() - vectors.double().mean(0)
    # the right singular vectors of the centred matrix, without its tall left factor
    directions = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :width]
    # a singular vector may point either way: the largest component decides, so that every machine agrees
    signs = directions.gather(0, directions.abs().argmax(0, keepdim=True)).sign()
    projected = centred @ (directions * signs)
    deviation = projected.std()
    # a single vector has no spread to scale
    return projected * (spread / deviation) if deviation > 0 else projected


def _share(counts: Mapping[int, int] | None, found: Iterable[int], pad_token_id: int | None) -> float | None:
    """Share of the running tokens, padding aside, that got a vector."""
    if not counts:
        return None
    total = sum(count for token_id, count in counts.items() if token_id != pad_token_id)
    return sum(counts.get(token_id, 0) for token_id in found) / total if total else None


__all__ = ["Coverage", "load_embeddings", "tokenizer_of"]
