"""The temperature goes into the last linear layer, so that a stock pipeline, an export and `predict` all give the same
probabilities without knowing of it."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from ...errors import UserError
from ...models.loading import classification_head


def fold_temperature(model: PreTrainedModel, temperature: float, *, logits_of: Callable[[], np.ndarray]) -> None:
    """Divide weight and bias of the head by a temperature, in place.

    logits_of: computes the model's logits of a few texts, the same at each call. They show beforehand whether the head
    is what decides them; by halving it, since that rounds nothing, in whatever precision the model computes.

    Raises:
        UserError: half the head does not give half the logits; the model is left as it was.
    """
    head = classification_head(model)
    whole = logits_of()
    _divide(head, 2)
    half = logits_of()
    _divide(head, 0.5)
    if not np.allclose(2 * half, whole, rtol=1e-4, atol=1e-6):
        raise UserError(
            f"the logits of {type(model).__name__} are not what its last linear layer puts out, expected that for "
            "calibration; calibrate another model"
        )
    _divide(head, temperature)


@torch.no_grad()
def _divide(head: nn.Linear, divisor: float) -> None:
    for parameter in head.parameters():
        parameter.div_(divisor)


__all__ = ["classification_head", "fold_temperature"]
