"""What a network puts out for parts of texts, and what its head reads."""

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from ...errors import UserError
from ...models.loading import classification_head
from ...tokenization import PaddingCollator, batches_by_length


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

    Raises:
        UserError: the model has no head, or one that reads something else than one vector for each text.
    """
    rows = len(encoded["input_ids"])
    head = classification_head(model) if with_features else None
    logits = torch.zeros(rows, model.config.num_labels)
    features = torch.zeros(rows, head.in_features) if head else None
    read: list[Tensor] = []
    hook = head.register_forward_pre_hook(lambda layer, inputs: read.append(inputs[0])) if head else None
    training = model.training
    model.eval()
    try:
        for numbers, batch in batches_by_length(encoded, PaddingCollator(tokenizer), batch_size=batch_size):
            logits[numbers] = model(**batch.to(model.device)).logits.float().cpu()
            if features is not None:
                features[numbers] = _of_texts(read.pop(), features[numbers].shape)
    finally:
        model.train(training)
        if hook:
            hook.remove()
    return logits, features


def _of_texts(states: Tensor, expected: torch.Size) -> Tensor:
    if states.shape != expected:
        raise UserError(
            f"the head reads {tuple(states.shape)} of a batch, expected one vector for each text, "
            f"{tuple(expected)}; choose other --sentence_weights"
        )
    return states.float().cpu()
