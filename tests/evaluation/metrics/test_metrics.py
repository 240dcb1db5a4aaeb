"""The numbers of `hf_textclf.evaluation.metrics` against hand-worked cases, naive loops and scikit-learn."""

import math
import time

import numpy as np
import pytest
import sklearn.metrics as reference
from scipy.special import expit, softmax

from hf_textclf.evaluation.metrics import compute_metrics
from hf_textclf.evaluation.metrics.common import MAX_RANKED_LABELS, expected_calibration_error
from hf_textclf.inference.predictor import to_probabilities

SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"


def single(rows=83, size=5, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(size, size=rows)
    return softmax(rng.normal(size=(rows, size)) + 1.2 * np.eye(size)[labels], axis=1), labels


def multi(rows=71, size=4, seed=1):
    rng = np.random.default_rng(seed)
    labels = (rng.random((rows, size)) < 0.35).astype(float)
    return expit(rng.normal(size=(rows, size)) + 2 * labels - 1), labels


def naive_calibration_error(confidences, correct, bins=15):
    edges, total = np.linspace(0, 1, bins + 1), 0.0
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = [(p, c) for p, c in zip(confidences, correct, strict=True) if low < p <= high or p == low == 0]
        if inside:
            total += len(inside) * abs(np.mean([p for p, _ in inside]) - np.mean([c for _, c in inside]))
    return total / len(confidences)


@pytest.mark.parametrize("size", [2, 5])
def test_single_label_agrees_with_scikit_learn(size):
    probabilities, labels = single(size=size)
    predicted = probabilities.argmax(1)
    got = compute_metrics(probabilities, labels, problem_type=SINGLE)
    positive = probabilities[:, 1]
    expected = {
        "accuracy": reference.accuracy_score(labels, predicted),
        "balanced_accuracy": reference.balanced_accuracy_score(labels, predicted),
        "mcc": reference.matthews_corrcoef(labels, predicted),
        "log_loss": reference.log_loss(labels, probabilities),
        "expected_calibration_error": naive_calibration_error(probabilities.max(1), predicted == labels),
        "roc_auc": reference.roc_auc_score(labels, positive if size == 2 else probabilities, multi_class="ovr"),
        "average_precision": reference.average_precision_score(labels, positive if size == 2 else probabilities),
    }
    for average in ("macro", "micro"):
        scores = reference.precision_recall_fscore_support(labels, predicted, average=average)
        expected |= dict(zip((f"{average}_precision", f"{average}_recall", f"{average}_f1"), scores, strict=False))
    table = got.pop("per_label")
    assert got == pytest.approx(expected, abs=1e-12)

    columns = reference.precision_recall_fscore_support(labels, predicted)
    for i in range(size):
        assert table[str(i)] == pytest.approx(
            {
                **{
                    name: column[i]
                    for name, column in zip(("precision", "recall", "f1", "support"), columns, strict=True)
                },
                "roc_auc": reference.roc_auc_score(labels == i, probabilities[:, i]),
                "average_precision": reference.average_precision_score(labels == i, probabilities[:, i]),
            }
        )


def test_single_label_worked_by_hand():
    # true:      cat, cat, cat, dog;  predicted: cat, cat, dog, dog
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]])
    got = compute_metrics(probabilities, np.array([0, 0, 0, 1]), problem_type=SINGLE, label_names=["cat", "dog"])
    assert got["accuracy"] == got["micro_f1"] == 0.75
    assert got["per_label"]["cat"]["precision"] == 1
    assert got["per_label"]["cat"]["recall"] == pytest.approx(2 / 3)
    assert got["per_label"]["dog"]["f1"] == pytest.approx(2 / 3)
    assert got["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert got["mcc"] == pytest.approx((2 * 1 - 1 * 0) / math.sqrt(3 * 2 * 2 * 1))
    # the only dog (0.6) stands above two of three cats (0.1, 0.2, 0.7), second in the ranking
    assert got["roc_auc"] == pytest.approx(2 / 3)
    assert got["average_precision"] == pytest.approx(1 / 2)
    assert got["log_loss"] == pytest.approx(-math.log(0.9 * 0.8 * 0.3 * 0.6) / 4)
    # each text stands alone in its bin: gaps 0.1, 0.2, 0.7, 0.4
    assert got["expected_calibration_error"] == pytest.approx(1.4 / 4)


def test_a_label_absent_from_the_split_is_left_out():
    probabilities, labels = single(size=3)
    widened = np.hstack([probabilities, np.zeros((len(labels), 1))])
    got, expected = (compute_metrics(p, labels, problem_type=SINGLE) for p in (widened, probabilities))
    absent = got.pop("per_label").pop("3")
    expected.pop("per_label")
    assert got == pytest.approx(expected)
    assert absent == {
        "precision": None, "recall": None, "f1": None, "roc_auc": None, "average_precision": None, "support": 0,
    }  # fmt: skip


def test_an_absent_label_that_is_predicted_costs_precision_only():
    got = compute_metrics(np.eye(3)[[0, 1, 2]], np.array([0, 1, 1]), problem_type=SINGLE)
    assert got["per_label"]["2"]["precision"] == got["per_label"]["2"]["f1"] == 0
    assert got["per_label"]["2"]["recall"] is None
    assert got["macro_recall"] == got["balanced_accuracy"] == pytest.approx((1 + 1 / 2) / 2)
    assert got["macro_precision"] == pytest.approx((1 + 1 + 0) / 3)


def test_constant_predictions_and_one_true_label():
    constant = np.tile([0.6, 0.3, 0.1], (7, 1))
    got = compute_metrics(constant, np.array([0, 1, 2, 0, 1, 2, 2]), problem_type=SINGLE)
    assert got["mcc"] == 0
    assert got["roc_auc"] == 0.5
    assert got["macro_precision"] == pytest.approx(2 / 7 / 3)
    same = compute_metrics(constant, np.zeros(7, dtype=int), problem_type=SINGLE)
    assert same["accuracy"] == 1
    assert same["roc_auc"] is None
    assert same["mcc"] == 0


def test_fifty_thousand_labels_take_seconds():
    rng = np.random.default_rng(3)
    labels = rng.integers(50_000, size=300)
    probabilities = rng.random((300, 50_000), dtype=np.float32)
    probabilities[np.arange(150), labels[:150]] = 2
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    start = time.perf_counter()
    got = compute_metrics(probabilities, labels, problem_type=SINGLE)
    assert time.perf_counter() - start < 10
    assert got["accuracy"] == pytest.approx(0.5, abs=0.01)
    assert got["macro_f1"] == pytest.approx(
        reference.f1_score(labels, probabilities.argmax(1), average="macro", zero_division=0)
    )
    assert got["roc_auc"] is None
    assert got["per_label"]["0"]["average_precision"] is None


def test_ranking_stops_above_a_number_of_labels():
    probabilities, labels = single(size=MAX_RANKED_LABELS)
    assert compute_metrics(probabilities, labels, problem_type=SINGLE)["roc_auc"] > 0.5
    widened = np.hstack([probabilities, np.zeros((len(labels), 1))])
    got = compute_metrics(widened, labels, problem_type=SINGLE)
    assert got["roc_auc"] is None
    assert got["average_precision"] is None


def test_calibration_error_at_the_edges_of_bins():
    confidences = np.concatenate([np.linspace(0, 1, 16), [1e-9, 1 - 1e-9, 0.5, 2 / 3]])
    correct = np.arange(len(confidences)) % 3 == 0
    got = expected_calibration_error(confidences, correct)
    assert got == pytest.approx(naive_calibration_error(confidences, correct), abs=1e-12)


@pytest.mark.parametrize("thresholds", [0.5, 0.3, [0.2, 0.4, 0.6, 0.8]])
def test_multi_label_agrees_with_scikit_learn(thresholds):
    probabilities, labels = multi()
    predicted = probabilities >= np.asarray(thresholds)
    got = compute_metrics(probabilities, labels, problem_type=MULTI, thresholds=thresholds)
    expected = {
        "subset_accuracy": reference.accuracy_score(labels, predicted),
        "log_loss": np.mean([reference.log_loss(labels[:, i], probabilities[:, i]) for i in range(4)]),
        "expected_calibration_error": naive_calibration_error(probabilities.ravel(), labels.ravel()),
    }
    for average in ("macro", "micro"):
        scores = reference.precision_recall_fscore_support(labels, predicted, average=average)
        expected |= dict(zip((f"{average}_precision", f"{average}_recall", f"{average}_f1"), scores, strict=False))
        expected[f"{average}_roc_auc"] = reference.roc_auc_score(labels, probabilities, average=average)
        expected[f"{average}_average_precision"] = reference.average_precision_score(
            labels, probabilities, average=average
        )
    table = got.pop("per_label")
    assert got == pytest.approx(expected, abs=1e-12)
    f1 = reference.f1_score(labels, predicted, average=None)
    assert [row["f1"] for row in table.values()] == pytest.approx(f1)
    assert [row["support"] for row in table.values()] == labels.sum(axis=0).tolist()


def test_multi_label_worked_by_hand():
    labels = np.array([[1, 0], [1, 1], [0, 0]])
    probabilities = np.array([[0.9, 0.2], [0.5, 0.4], [0.6, 0.1]])
    got = compute_metrics(probabilities, labels, problem_type=MULTI, label_names=["a", "b"])
    # at 0.5 and above: a for all three texts, b for none
    assert got["subset_accuracy"] == pytest.approx(1 / 3)
    assert got["per_label"]["a"]["precision"] == pytest.approx(2 / 3)
    assert got["per_label"]["b"]["precision"] == got["per_label"]["b"]["f1"] == 0
    assert got["macro_f1"] == pytest.approx((4 / 5 + 0) / 2)
    assert got["micro_f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert got["per_label"]["a"]["roc_auc"] == pytest.approx(1 / 2)
    assert got["log_loss"] == pytest.approx(-math.log(0.9 * 0.5 * 0.4 * 0.8 * 0.4 * 0.9) / 6)


def test_multi_label_without_positives_or_predictions():
    probabilities = np.array([[0.1, 0.7], [0.2, 0.6]])
    got = compute_metrics(probabilities, np.array([[0, 1], [0, 1]]), problem_type=MULTI)
    assert got["per_label"]["0"]["f1"] is None
    assert got["macro_f1"] == 1
    # label 1 always holds: there is nothing to rank it against
    assert got["macro_roc_auc"] is None
    assert got["macro_average_precision"] == 1
    nothing = compute_metrics(probabilities - 0.1, np.zeros((2, 2)), problem_type=MULTI, thresholds=0.9)
    assert nothing["subset_accuracy"] == 1
    assert nothing["macro_f1"] is nothing["micro_f1"] is nothing["micro_roc_auc"] is None


def test_regression_worked_by_hand():
    got = compute_metrics(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0]), problem_type=REGRESSION)
    assert got == pytest.approx({"mse": 5 / 3, "mae": 1.0, "pearson": 1 / math.sqrt(28 / 3), "spearman": 0.5})


@pytest.mark.parametrize("predictions", [np.full(4, 3.0), np.full((4, 1), 3.0)])
def test_regression_with_constant_predictions(predictions):
    scores = to_probabilities(predictions, REGRESSION)
    got = compute_metrics(scores, np.array([1.0, 2.0, 3.0, 5.0]), problem_type=REGRESSION)
    assert got["mse"] == pytest.approx(9 / 4)
    assert got["pearson"] is got["spearman"] is None
    assert compute_metrics(scores[:1], np.array([2.0]), problem_type=REGRESSION)["pearson"] is None
