"""Intervals and tests of `compare`, against resampling row by row, scipy, closed forms and simulated coverage."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import bootstrap

from hf_textclf.evaluation.metrics import compute_metrics
from hf_textclf.evaluation.scoring import Predictions
from hf_textclf.evaluation.significance import (
    METRICS,
    difference_of_best,
    intervals,
    mcnemar,
    measure_of,
    resample,
    sentence,
    wilcoxon_signed_rank,
)

SINGLE, MULTI, REGRESSION = METRICS
ROWS = 60


def system(problem_type, size, seed):
    """Labels, the same for every seed, and what a middling system says of them; with ties, and with a rare label."""
    truth, generator = np.random.default_rng(0), np.random.default_rng(seed)
    if problem_type == REGRESSION:
        labels = truth.normal(size=ROWS)
        predicted = labels + generator.normal(size=ROWS)
        return labels, Predictions(predicted, predicted)
    if problem_type == MULTI:
        labels = (truth.random((ROWS, size)) < np.linspace(0.02, 0.6, size)).astype(np.float32)
        scores = np.round(np.clip(0.3 * labels + generator.random((ROWS, size)) * 0.7, 0, 1), 1)
        thresholds = [0.5, *[0.4] * (size - 1)]
        return labels, Predictions(scores, scores >= thresholds, thresholds)
    labels = truth.choice(size, ROWS, p=np.array([1, 9, *[10] * (size - 2)]) / (10 * size - 10))
    scores = np.round(generator.dirichlet(np.ones(size), ROWS) + 0.4 * np.eye(size)[labels], 1)
    scores /= scores.sum(axis=1, keepdims=True)
    return labels, Predictions(scores, scores.argmax(axis=1))


def independent(labels, predictions, problem_type):
    """The metrics of `hf_textclf.evaluation.metrics`, which are compared with scikit-learn in their own tests."""
    values = compute_metrics(
        predictions.scores, labels, problem_type=problem_type, thresholds=predictions.thresholds or 0.5
    )
    return [math.nan if values[name] is None else values[name] for name in METRICS[problem_type]]


CASES = [(SINGLE, 2), (SINGLE, 5), (MULTI, 3), (REGRESSION, 1)]


@pytest.mark.parametrize(("problem_type", "size"), CASES)
def test_every_resample_is_what_its_rows_measure(problem_type, size):
    """The same rows are drawn for each system, and counting them is the same as repeating them."""
    drawn = [system(problem_type, size, seed) for seed in (1, 2)]
    measures = [measure_of(predictions, labels, problem_type=problem_type) for labels, predictions in drawn]
    resampled = resample(measures, ROWS, samples=40, seed=3)
    assert resampled.shape == (40, 2, len(METRICS[problem_type]))
    generator = np.random.default_rng(3)
    for values in resampled:
        rows = generator.integers(ROWS, size=ROWS)
        for measured, (labels, predictions) in zip(values, drawn, strict=True):
            resampled_rows = Predictions(predictions.scores[rows], predictions.predicted[rows], predictions.thresholds)
            np.testing.assert_allclose(measured, independent(labels[rows], resampled_rows, problem_type), atol=1e-12)


@pytest.mark.parametrize(("problem_type", "size"), CASES)
def test_all_rows_once_give_the_metrics(problem_type, size):
    labels, predictions = system(problem_type, size, 1)
    measure = measure_of(predictions, labels, problem_type=problem_type)
    np.testing.assert_allclose(measure(np.ones(ROWS)), independent(labels, predictions, problem_type), atol=1e-12)


def test_intervals_are_scipys():
    labels, predictions = system(SINGLE, 5, 1)
    measure = measure_of(predictions, labels, problem_type=SINGLE)
    found = intervals(resample([measure], ROWS, samples=4000)[:, 0], problem_type=SINGLE)
    right = (predictions.predicted == labels).astype(float)
    expected = bootstrap((right,), np.mean, n_resamples=4000, method="percentile", rng=1).confidence_interval
    # accuracies are multiples of 1/60
    assert found["accuracy"] == pytest.approx([expected.low, expected.high], abs=1 / 60 + 1e-9)


def test_intervals_cover_the_truth():
    """Of 95 % intervals, about 95 % hold what they are about."""
    generator = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        labels = (generator.random(150) < 0.2).astype(np.int64)
        answer = np.zeros(150, np.int64)
        measure = measure_of(Predictions(np.eye(2)[answer], answer), labels, problem_type=SINGLE)
        low, high = intervals(resample([measure], 150, samples=200)[:, 0], problem_type=SINGLE)["accuracy"]
        held += low <= 0.8 <= high
    assert 0.90 <= held / 200 <= 0.99


def test_undefined_everywhere():
    labels = np.zeros(20, np.int64)
    measure = measure_of(Predictions(np.full((20, 2), 0.5), labels), labels, problem_type=SINGLE)
    found = intervals(resample([measure], 20, samples=10)[:, 0], problem_type=SINGLE)
    assert found == {"accuracy": [1, 1], "macro_f1": [1, 1], "roc_auc": None}


def right(only_first, only_second, both=7, none=5):
    """(rows,) whether each of two systems is right."""
    pairs = [(1, 0)] * only_first + [(0, 1)] * only_second + [(1, 1)] * both + [(0, 0)] * none
    return np.array(pairs, dtype=bool).T


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 8), (8, 1), (12, 12), (0, 24)])
def test_mcnemar_exact(first, second):
    """Twice the lighter tail of a fair coin."""
    tosses = first + second
    tail = sum(math.comb(tosses, k) for k in range(min(first, second) + 1)) / 2**tosses
    found = mcnemar(*right(first, second))
    assert found["test"] == "McNemar, exact" and (found["only_first"], found["only_second"]) == (first, second)
    assert found["p_value"] == pytest.approx(min(1, 2 * tail))


@pytest.mark.parametrize(("first", "second"), [(25, 0), (11, 40), (40, 11), (34, 21), (30, 30), (31, 30)])
def test_mcnemar_chi_square(first, second):
    """A chi-square of one degree of freedom is a squared normal variable."""
    statistic = max(abs(first - second) - 1, 0) ** 2 / (first + second)
    found = mcnemar(*right(first, second))
    assert found["test"] == "McNemar, chi-square"
    assert found["p_value"] == pytest.approx(math.erfc(math.sqrt(statistic / 2)))


def test_wilcoxon_is_the_share_of_signs():
    """Under the hypothesis every sign of the differences is a toss: all 2^6 of them, counted."""
    first, second = np.array([1.1, 0.4, 2.0, 0.3, 1.7, 0.9]), np.array([0.8, 0.5, 1.4, 1.2, 0.2, 0.2])
    differences = first - second
    ranks = np.argsort(np.argsort(np.abs(differences))) + 1
    observed = abs(np.sign(differences) @ ranks)
    tosses = [abs(np.array(signs) @ ranks) >= observed for signs in product([-1, 1], repeat=6)]
    found = wilcoxon_signed_rank(first, second)
    assert found["p_value"] == pytest.approx(np.mean(tosses))
    assert (found["only_first"], found["only_second"]) == (2, 4)
    assert wilcoxon_signed_rank(first, first)["p_value"] == 1


def compared(problem_type, size, seeds):
    """What `difference_of_best` says of systems named by their seeds, and their metrics."""
    drawn = {f"s{seed}": system(problem_type, size, seed) for seed in seeds}
    labels = next(iter(drawn.values()))[0]
    answers = {name: predictions for name, (_, predictions) in drawn.items()}
    metrics = {
        name: dict(zip(METRICS[problem_type], independent(labels, predictions, problem_type), strict=True))
        for name, predictions in answers.items()
    }
    measures = [measure_of(predictions, labels, problem_type=problem_type) for predictions in answers.values()]
    resampled = resample(measures, ROWS, samples=50)
    return difference_of_best(answers, labels, metrics, resampled, problem_type=problem_type), metrics, resampled


@pytest.mark.parametrize(("problem_type", "size"), CASES)
def test_the_best_two_are_tested(problem_type, size):
    difference, metrics, resampled = compared(problem_type, size, range(1, 6))
    metric = METRICS[problem_type][0]
    ranking = sorted(metrics, key=lambda name: metrics[name][metric], reverse=metric != "mae")
    assert difference["systems"] == ranking[:2]
    first, second = ranking[:2]
    assert difference["metrics"][metric] == pytest.approx(metrics[first][metric] - metrics[second][metric])
    gaps = resampled[:, list(metrics).index(first)] - resampled[:, list(metrics).index(second)]
    assert difference["intervals"][metric] == pytest.approx(np.percentile(gaps[:, 0], [2.5, 97.5]).tolist())
    text = sentence(difference, metric=metric)
    for word in (first, second, difference["test"], f"{difference['p_value']:.3f}", metric):
        assert word in text


def test_a_text_of_many_labels_is_right_where_all_are():
    difference, _, _ = compared(MULTI, 3, (1, 2))
    assert "only s1 is right in all labels" in sentence(difference, metric="macro_f1")
    counts = {}
    for one, other in (difference["systems"], difference["systems"][::-1]):
        labels, predictions = system(MULTI, 3, int(one[1:]))
        _, rival = system(MULTI, 3, int(other[1:]))
        counts[one] = sum(
            list(row) == list(true) and list(theirs) != list(true)
            for row, theirs, true in zip(predictions.predicted, rival.predicted, labels, strict=True)
        )
    assert [difference["only_first"], difference["only_second"]] == [counts[name] for name in difference["systems"]]


def test_one_alone_and_a_system_against_itself():
    assert compared(SINGLE, 2, [1])[0] is None
    labels, predictions = system(SINGLE, 5, 1)
    measure = measure_of(predictions, labels, problem_type=SINGLE)
    resampled = resample([measure, measure], ROWS, samples=20)
    metrics = dict.fromkeys("ab", dict.fromkeys(METRICS[SINGLE], 0.5))
    same = difference_of_best({"a": predictions, "b": predictions}, labels, metrics, resampled, problem_type=SINGLE)
    assert same["p_value"] == 1 and set(same["metrics"].values()) == {0}
    assert all(limits == [0, 0] for limits in same["intervals"].values())


def test_undefined_metric_in_words():
    """Nothing to rank by, nothing to compare; a metric without values is left out of the sentence."""
    labels = np.zeros((4, 2), np.float32)
    predictions = Predictions(np.zeros((4, 2)), np.zeros((4, 2), bool), [0.5, 0.5])
    metrics = dict.fromkeys("ab", dict.fromkeys(METRICS[MULTI]))
    assert (
        difference_of_best(
            {"a": predictions, "b": predictions}, labels, metrics, np.zeros((1, 2, 4)), problem_type=MULTI
        )
        is None
    )
    difference = {
        "systems": ["a", "b"],
        "better": "right",
        **mcnemar(*right(1, 1)),
        "metrics": {"f": None},
        "intervals": {"f": None},
    }
    assert sentence(difference, metric="f").endswith("p = 1.000)")
