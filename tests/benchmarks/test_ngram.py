"""The n-gram model beside which language models are judged: against a naive one, and as a distribution."""

from collections import Counter

import numpy as np
import pytest

from tests.benchmarks.ngram import KneserNey

VOCAB = 7


@pytest.fixture
def rows():
    """Rows of tokens with some order in them; the last token of the vocabulary never occurs."""
    random = np.random.default_rng(0)
    steps = random.integers(0, 3, (40, 12))
    return (np.cumsum(steps, axis=1) % (VOCAB - 1)).astype(np.int32)


def naive(rows, order):
    """Kneser-Ney by dictionaries, from its recursive definition."""
    grams = [Counter() for _ in range(order + 1)]
    for row in rows.tolist():
        for n in range(1, order + 1):
            grams[n].update(tuple(row[i : i + n]) for i in range(len(row) - n + 1))
    counts = [Counter() for _ in range(order + 1)]
    counts[order] = grams[order]
    for n in range(1, order):
        counts[n] = Counter(gram[1:] for gram in grams[n + 1])

    def probability(token, before):
        n = len(before) + 1
        lower = probability(token, before[1:]) if before else 1 / VOCAB
        followers = {gram[-1]: count for gram, count in counts[n].items() if gram[:-1] == before}
        if not followers:
            return lower
        spread = Counter(counts[n].values())
        discount = spread[1] / (spread[1] + 2 * spread[2]) if spread[1] else 0.75
        total = sum(followers.values())
        return max(followers.get(token, 0) - discount, 0) / total + discount * len(followers) / total * lower

    return probability


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_equals_a_naive_one(rows, order):
    model, expected = KneserNey(rows, vocab_size=VOCAB, order=order), naive(rows, order)
    judged = np.random.default_rng(1).integers(0, VOCAB, (6, 9))
    for row, found in zip(judged.tolist(), model.probabilities(judged), strict=True):
        for place, probability in enumerate(found, 1):
            before = tuple(row[max(0, place - order + 1) : place])
            # a context never seen is forgotten from its far end
            np.testing.assert_allclose(probability, expected(row[place], before), rtol=1e-9)


@pytest.mark.parametrize("before", [[], [2], [2, 3], [6, 6], [1, 2, 3]])
def test_is_a_distribution(rows, before):
    model = KneserNey(rows, vocab_size=VOCAB, order=3)
    distribution = model.distribution(before[-2:])
    assert distribution.sum() == pytest.approx(1) and distribution.min() > 0
    if before:
        for token in range(VOCAB):
            probability = model.probabilities(np.array([[*before, token]]))[0, -1]
            assert distribution[token] == pytest.approx(probability)


def test_writes_what_it_has_read():
    rows = np.tile(np.arange(6, dtype=np.int32), (200, 1))
    model = KneserNey(rows, vocab_size=6, order=3)
    assert model.sample([0, 1], length=4, seed=3) == [0, 1, 2, 3, 4, 5]


def test_grams_do_not_cross_rows():
    rows = np.array([[0, 1], [2, 3]] * 20, np.int32)
    model = KneserNey(rows, vocab_size=4, order=2)
    assert model.probabilities(np.array([[0, 1]]))[0, 0] > 10 * model.probabilities(np.array([[1, 2]]))[0, 0] / 3
