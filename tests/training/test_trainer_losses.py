"""Class weights against the textbook and scikit-learn."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight
from transformers.modeling_outputs import SequenceClassifierOutput

from hf_textclf.training.trainer import WeightedLoss

SINGLE, MULTI = "single_label_classification", "multi_label_classification"


def test_single_label_by_hand():
    # probabilities of the right class: 3/4 and 1/2; factors 5 and 2; two rows
    logits = torch.tensor([[math.log(3.0), 0.0], [1.0, 1.0]])
    loss = WeightedLoss(torch.tensor([5.0, 2.0]), SINGLE)
    expected = (5 * math.log(4 / 3) + 2 * math.log(2)) / 2
    outputs = SequenceClassifierOutput(logits=logits)
    assert loss(outputs, torch.tensor([0, 1])).item() == pytest.approx(expected, abs=1e-6)


def test_multi_label_by_hand():
    # only positive cells carry the factor: -(3 ln 3/4), -(ln 1/2), -(ln 1/4), -(7 ln 1/2) over four cells
    logits = torch.tensor([[math.log(3.0), 0.0], [math.log(3.0), 0.0]])
    labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    loss = WeightedLoss(torch.tensor([3.0, 7.0]), MULTI)
    expected = (3 * math.log(4 / 3) + math.log(2) + math.log(4) + 7 * math.log(2)) / 4
    assert loss(SequenceClassifierOutput(logits=logits), labels).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("problem", [SINGLE, MULTI])
def test_against_torch_where_all_rows_are_there(problem):
    draw = torch.Generator().manual_seed(2)
    logits, weights = torch.randn(5, 3, generator=draw), torch.rand(3, generator=draw) * 4
    outputs = SequenceClassifierOutput(logits=logits)
    if problem == SINGLE:
        labels = torch.tensor([0, 2, 1, 1, 0])
        expected = F.cross_entropy(logits, labels, weight=weights, reduction="sum") / 5
    else:
        labels = torch.randint(0, 2, (5, 3), generator=draw).float()
        expected = F.binary_cross_entropy_with_logits(logits, labels, pos_weight=weights)
    torch.testing.assert_close(WeightedLoss(weights, problem)(outputs, labels), expected)


def test_label_smoothing_by_hand():
    # a tenth of each row is shared among the three classes, and each share weighs as its class does
    logits, labels = torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, -0.5]]), [2, 0]
    weights = [0.5, 3.0, 1.5]
    expected = 0.0
    for row, label in zip(logits.tolist(), labels, strict=True):
        normalizer = math.log(sum(math.exp(logit) for logit in row))
        for number, logit in enumerate(row):
            share = 0.1 / 3 + 0.9 * (number == label)
            expected += share * weights[number] * (normalizer - logit) / 2
    loss = WeightedLoss(torch.tensor(weights), SINGLE, label_smoothing=0.1)
    assert loss(SequenceClassifierOutput(logits=logits), torch.tensor(labels)).item() == pytest.approx(
        expected, abs=1e-6
    )


def test_parts_of_a_batch_add_up():
    draw = torch.Generator().manual_seed(4)
    logits, labels = torch.randn(6, 3, generator=draw), torch.tensor([0, 2, 1, 1, 0, 2])
    loss = WeightedLoss(torch.tensor([0.3, 2.0, 5.0]), SINGLE)
    whole = loss(SequenceClassifierOutput(logits=logits), labels)
    parts = [
        loss(SequenceClassifierOutput(logits=logits[rows]), labels[rows], num_items_in_batch=6)
        for rows in (slice(0, 1), slice(1, 6))
    ]
    torch.testing.assert_close(sum(parts), whole)


def test_balanced_is_that_of_scikit_learn():
    labels = np.array([0] * 7 + [1] * 2 + [2] * 4)
    loss = WeightedLoss.balanced(labels, num_labels=3, problem_type=SINGLE)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    np.testing.assert_allclose(loss.weights.numpy(), expected, rtol=1e-6)


def test_balanced_multi_label_weighs_positives_as_much_as_negatives():
    labels = np.array([[1, 0, 1], [1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 1]], dtype=np.float32)
    loss = WeightedLoss.balanced(labels, num_labels=3, problem_type=MULTI)
    np.testing.assert_allclose(loss.weights.numpy(), [1 / 4, 4 / 1, 3 / 2])


@pytest.mark.parametrize(("problem", "labels"), [(SINGLE, [0, 0, 2]), (MULTI, [[1, 0, 1], [1, 0, 0]])])
def test_a_label_without_rows_or_with_all_of_them_stays_finite(problem, labels):
    loss = WeightedLoss.balanced(np.array(labels), num_labels=3, problem_type=problem)
    assert torch.isfinite(loss.weights).all()
    if problem == MULTI:
        # a label that every row has would get the weight 0, and its only texts would teach nothing
        assert (loss.weights > 0).all()
