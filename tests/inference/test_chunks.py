"""Weights of parts beside sums over words, and attention beside its formula."""

from collections import Counter
from math import log

import numpy as np
import torch

from hf_textclf.inference.chunks import ChunkAttention, key_word_idf, merge, normalize, tfidf_scores

TRAIN = [[1, 5, 6, 6], [1, 5, 7], [1, 6, 8], [1, 6, 7, 9], [1, 3, 3]]
PARTS = [[1, 5, 6, 6, 1], [7, 6], [], [9, 1], [1, 3], [7, 7, 7]]
OWNERS = np.array([0, 0, 0, 1, 1, 2])


def idf_of_train():
    return key_word_idf(iter(TRAIN), vocab_size=11, special_ids=[7])


def test_key_words():
    """1 is in all texts, 3, 8 and 9 are in one, 7 is special."""
    np.testing.assert_allclose(idf_of_train(), [0, 0, 0, 0, 0, log(5 / 2), log(5 / 3), 0, 0, 0, 0], rtol=1e-6)
    assert not key_word_idf(iter([]), vocab_size=3, special_ids=[0]).any()


def test_tfidf_scores():
    idf = np.random.default_rng(1).random(11)
    counts = {owner: Counter() for owner in range(3)}
    for owner, part in zip(OWNERS, PARTS, strict=True):
        counts[owner].update(part)
    expected = [
        sum(counts[owner][token] * idf[token] for token in set(part))
        for owner, part in zip(OWNERS, PARTS, strict=True)
    ]
    np.testing.assert_allclose(tfidf_scores(PARTS, OWNERS, idf), expected)


def test_normalize():
    found = normalize(np.array([3.0, 1, 0, 0, 0, 2]), OWNERS)
    np.testing.assert_allclose(found, [0.75, 0.25, 0, 0.5, 0.5, 1])
    scores = tfidf_scores(PARTS, OWNERS, idf_of_train())
    expected = np.array([log(5 / 2) + 3 * log(5 / 3), 3 * log(5 / 3), 0])
    np.testing.assert_allclose(normalize(scores, OWNERS), [*expected / expected.sum(), 0.5, 0.5, 1], rtol=1e-6)


def test_attention_is_its_formula():
    torch.manual_seed(1)
    attention, owners = ChunkAttention(4), torch.from_numpy(OWNERS)
    features, logits = torch.randn(6, 4), torch.randn(6, 3)
    np.testing.assert_allclose(attention(features, owners).detach(), [1 / 3] * 3 + [1 / 2] * 2 + [1], rtol=1e-6)
    torch.nn.init.normal_(attention.context)
    weights = attention(features, owners).detach()
    for number, rows in enumerate([[0, 1, 2], [3, 4], [5]]):
        hidden = torch.tanh(features[rows] @ attention.projection.weight.T + attention.projection.bias)
        expected = torch.softmax(hidden @ attention.context, dim=0)
        torch.testing.assert_close(weights[rows], expected.detach())
        whole = merge(logits, weights, owners)[number]
        torch.testing.assert_close(whole, weights[rows] @ logits[rows])


def test_merged_logits_are_those_of_the_mean_state():
    """A linear layer of the weighted mean (Yang et al. 2016, equation 10) is the weighted mean of its outputs."""
    torch.manual_seed(1)
    layer, features, owners = torch.nn.Linear(4, 3), torch.randn(6, 4), torch.from_numpy(OWNERS)
    weights = torch.from_numpy(normalize(np.arange(6.0), OWNERS)).float()
    mean = torch.zeros(3, 4).index_add(0, owners, weights[:, None] * features)
    torch.testing.assert_close(merge(layer(features), weights, owners), layer(mean))


def test_attention_on_large_scores_stays_a_number():
    attention = ChunkAttention(4)
    torch.nn.init.constant_(attention.context, 1e4)
    weights = attention(torch.randn(6, 4), torch.from_numpy(OWNERS))
    assert torch.isfinite(weights).all() and weights.sum() == 3
    weights.sum().backward()
    assert torch.isfinite(attention.projection.weight.grad).all()
