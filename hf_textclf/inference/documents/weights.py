"""How much each part of a text counts: by the TF-IDF of its key words, or by a learned attention."""

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

# a token of fewer texts may be a misprint
FEWEST_TEXTS = 2
# width of the attention of Yang et al. 2016
ATTENTION_SIZE = 100


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


def tfidf_scores(token_ids: list[list[int]], owners: np.ndarray, idf: np.ndarray) -> np.ndarray:
    """The sum of tf x idf over the different key words of each part (Salton & Buckley 1988, "Term-weighting approaches
    in automatic text retrieval"). tf is how often the whole text has the word.

    token_ids: of each part; owners: (parts,) number of the text of each. Returns (parts,).
    """
    parts = np.repeat(np.arange(len(token_ids)), [len(ids) for ids in token_ids])
    tokens = np.fromiter(chain.from_iterable(token_ids), np.int64, len(parts))
    _, word, counts = np.unique(owners[parts] * len(idf) + tokens, return_inverse=True, return_counts=True)
    _, first = np.unique(parts * len(idf) + tokens, return_index=True)
    score = counts[word[first]] * idf[tokens[first]].astype(np.float64)
    return np.bincount(parts[first], weights=score, minlength=len(token_ids))


def shares(scores: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Scores (parts,), none below 0, as shares of 1 within each text; equal ones where a text scores nothing."""
    total, count = np.bincount(owners, weights=scores), np.bincount(owners)
    some = total[owners] > 0
    return np.where(some, scores / np.where(some, total[owners], 1), 1 / count[owners])


class PartAttention(nn.Module):
    """Attention over the parts of a text: u_s = tanh(W h_s + b), weights = softmax over s of u_s . context
    (Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", equations 8 and 9).

    h_s is what the last linear layer of the network reads of part s. That layer maps the weighted mean of all h_s
    (equation 10) to the weighted mean of their logits, since the weights add up to 1. A new attention weighs all
    parts alike.

    width: of h_s.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.projection = nn.Linear(width, ATTENTION_SIZE)
        self.context = nn.Parameter(torch.zeros(ATTENTION_SIZE))

    def forward(self, features: Tensor, owners: Tensor) -> Tensor:
        """features: (parts, width); owners: (parts,) number of the text of each part, from 0 on without a gap.
        Returns (parts,), adding up to 1 in each text."""
        scores = torch.tanh(self.projection(features)) @ self.context
        texts = int(owners.max()) + 1
        highest = scores.new_full((texts,), -torch.inf).scatter_reduce(0, owners, scores.detach(), "amax")
        exponentials = (scores - highest[owners]).exp()
        return exponentials / scores.new_zeros(texts).index_add(0, owners, exponentials)[owners]


def merge(logits: Tensor, weights: Tensor, owners: Tensor) -> Tensor:
    """The weighted mean of the parts' logits in each text. logits: (parts, labels); weights, owners: (parts,). Returns
    (texts, labels)."""
    texts = int(owners.max()) + 1
    return logits.new_zeros(texts, logits.shape[1]).index_add(0, owners, weights[:, None] * logits)
