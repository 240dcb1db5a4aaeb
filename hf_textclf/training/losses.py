"""Class weights, in a loss that does not depend on how a batch is cut.

The Trainer hands over the number of labels of the *whole* accumulated batch, over all processes. Dividing the sum by
it makes one step over 16 rows the same step as 4 x 4 accumulated ones or 2 processes x 8; a weighted mean of each part
would not (it gave steps 4 times too large at accumulation 4).
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.utils import ModelOutput

from ..data import TextData
from ..errors import UserError


class WeightedLoss:
    """Cross entropy or binary cross entropy with balanced class weights, for `Trainer(compute_loss_func=...)`.

    Args:
        weights: (labels,) factors of the classes; for multi-label classification factors of the positive cases.
        problem_type: single_label_classification or multi_label_classification.
    """

    def __init__(self, weights: Tensor, problem_type: str) -> None:
        self.weights = weights
        self.problem_type = problem_type

    @classmethod
    def balanced(cls, labels: np.ndarray, *, num_labels: int, problem_type: str) -> "WeightedLoss":
        """Weigh by inverse frequency in train: rows / (classes * rows of the class), as scikit-learn's `balanced`;
        for multi-label classification negative rows / positive rows of each label, as BCEWithLogitsLoss advises.

        labels: (rows,) ids or (rows, labels) zeros and ones.
        """
        if problem_type == "single_label_classification":
            counts = np.bincount(labels, minlength=num_labels)
            weights = len(labels) / (num_labels * np.maximum(counts, 1))
        else:
            positive = np.maximum(labels.sum(axis=0), 1)
            # a label that all rows have must not be weighed by zero: its texts would teach nothing
            weights = np.maximum(len(labels) - positive, 1) / positive
        return cls(torch.tensor(weights, dtype=torch.float32), problem_type)

    def __call__(self, outputs: ModelOutput, labels: Tensor, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """Sum over the rows at hand, divided by the label count of the whole step.

        outputs.logits: (rows, labels); labels: (rows,) ids or (rows, labels) floats. Returns a scalar.
        """
        logits, weights = outputs["logits"], self.weights.to(labels.device)
        if self.problem_type == "single_label_classification":
            total = F.cross_entropy(logits, labels, weight=weights, reduction="sum")
        else:
            total = F.binary_cross_entropy_with_logits(logits, labels, pos_weight=weights, reduction="sum")
        return total / (labels.numel() if num_items_in_batch is None else num_items_in_batch)


def balanced_loss(data: TextData, labels: Any) -> WeightedLoss:
    """The loss of a run with balanced class weights. labels: of the training texts.

    Raises:
        UserError: numbers in place of classes.
    """
    if data.problem_type == "regression":
        raise UserError("class_weights 'balanced' needs classes, found regression; drop --class_weights")
    return WeightedLoss.balanced(np.asarray(labels), num_labels=len(data.label_names), problem_type=data.problem_type)
