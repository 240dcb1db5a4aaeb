"""Chunks of long texts: what a network puts out for each, and how much it counts in its text."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ..errors import UserError
from ..models.loading import classification_head
from ..tokenization import PaddingCollator, batches_by_length

FEWEST_TEXTS = 2  # a token of fewer texts may be a misprint
ATTENTION_SIZE = 100  # as in Yang et al. 2016


@torch.no_grad()
def network_outputs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    encoded: dict[str, list[Any]],
    *,
    batch_size: int,
    with_features: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Run a network, without dropout, over encoded texts; those of similar length share a batch.

    Returns the logits (texts, labels) and, if asked for, what its head reads (texts, width), on the CPU.
    Raises UserError: the model has no head, or one that reads something else than one vector for each text; logits
    that are no numbers.
    """
    head = classification_head(model) if with_features else None
    logits = torch.zeros(len(encoded["input_ids"]), model.config.num_labels)
    features = torch.zeros(len(logits), head.in_features) if head else None
    states: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda layer, inputs: states.append(inputs[0])) if head else nullcontext()
    training, device = model.training, next(model.parameters()).device
    model.eval()
    try:
        with hook:
            for numbers, batch in batches_by_length(encoded, PaddingCollator(tokenizer), batch_size=batch_size):
                logits[numbers] = model(**batch.to(device)).logits.float().cpu()
                if features is not None:
                    read, expected = states.pop(), (len(numbers), features.shape[1])
                    if read.shape != expected:
                        raise UserError(
                            f"the head reads {tuple(read.shape)} of a batch, expected one vector for each text, "
                            f"{expected}; choose other --sentence_weights"
                        )
                    features[numbers] = read.float().cpu()
    finally:
        model.train(training)
    if not torch.isfinite(logits).all():
        raise UserError(
            f"the model {model.name_or_path!r} puts out nan or infinity, expected logits: its weights are broken; "
            "copy it again, or train it anew"
        )
    return logits, features


def key_word_idf(token_ids: Iterable[list[int]], *, vocab_size: int, special_ids: Sequence[int]) -> np.ndarray:
    """The inverse document frequency of every token, ln(texts / texts that hold it): 0 for those of all texts. Special
    tokens and those of less than FEWEST_TEXTS texts are no key words, and get 0 too.

    token_ids: of each training text. Returns (vocab_size,).
    """
    counts, texts = np.zeros(vocab_size, np.int64), 0
    for ids in token_ids:
        counts[np.unique(np.array(ids, np.int64))] += 1
        texts += 1
    idf = np.where(counts >= FEWEST_TEXTS, np.log(max(texts, 1) / np.maximum(counts, 1)), 0).astype(np.float32)
    idf[special_ids] = 0
    return idf


def tfidf_scores(token_ids: list[list[int]], text_index: np.ndarray, idf: np.ndarray) -> np.ndarray:
    """The sum of tf x idf over the different key words of each chunk (Salton & Buckley 1988, "Term-weighting
    approaches in automatic text retrieval"). tf is how often the whole text has the word.

    token_ids: of each chunk; text_index: (chunks,) number of the text of each. Returns (chunks,).
    """
    chunks = np.repeat(np.arange(len(token_ids)), [len(ids) for ids in token_ids])
    tokens = np.fromiter(chain.from_iterable(token_ids), np.int64, len(chunks))
    _, word, counts = np.unique(text_index[chunks] * len(idf) + tokens, return_inverse=True, return_counts=True)
    _, first = np.unique(chunks * len(idf) + tokens, return_index=True)
    score = counts[word[first]] * idf[tokens[first]].astype(np.float64)
    return np.bincount(chunks[first], weights=score, minlength=len(token_ids))


def normalize(scores: np.ndarray, text_index: np.ndarray) -> np.ndarray:
    """Scores (chunks,), none below 0, divided by their sum in each text; equal weights where a text scores nothing."""
    total, count = np.bincount(text_index, weights=scores), np.bincount(text_index)
    positive = total[text_index] > 0
    return np.where(positive, scores / np.where(positive, total[text_index], 1), 1 / count[text_index])


class ChunkAttention(nn.Module):
    """Attention over the chunks of a text: u_s = tanh(W h_s + b), weights = softmax over s of u_s . context
    (Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", equations 8 and 9).

    h_s is what the last linear layer of the network reads of chunk s. That layer maps the weighted mean of all h_s
    (equation 10) to the weighted mean of their logits, since the weights add up to 1. A new attention weighs all
    chunks alike. width: of h_s.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.projection = nn.Linear(width, ATTENTION_SIZE)
        self.context = nn.Parameter(torch.zeros(ATTENTION_SIZE))

    def forward(self, features: Tensor, text_index: Tensor) -> Tensor:
        """features: (chunks, width); text_index: (chunks,) number of the text of each chunk, from 0 on without a gap.
        Returns (chunks,), adding up to 1 in each text."""
        scores, texts = torch.tanh(self.projection(features)) @ self.context, int(text_index.max()) + 1
        highest = scores.new_full((texts,), -torch.inf).scatter_reduce(0, text_index, scores.detach(), "amax")
        exponentials = (scores - highest[text_index]).exp()
        return exponentials / scores.new_zeros(texts).index_add(0, text_index, exponentials)[text_index]


def merge(logits: Tensor, weights: Tensor, text_index: Tensor) -> Tensor:
    """The weighted mean of the chunks' logits in each text. logits: (chunks, labels); weights, text_index: (chunks,).
    Returns (texts, labels)."""
    texts = int(text_index.max()) + 1
    return logits.new_zeros(texts, logits.shape[1]).index_add(0, text_index, weights[:, None] * logits)
