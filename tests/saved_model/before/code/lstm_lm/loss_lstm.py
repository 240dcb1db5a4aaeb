"""Cross entropy of a linear layer over a vocabulary, chunk by chunk.

The scores of every token of the vocabulary at every position are by far the largest tensor of a language model: here
no more than a chunk of them exists at a time, and its gradient is taken while it is still in the processor's cache
(the idea of Hsu et al. 2024, "Liger Kernel: Efficient Triton Kernels for LLM Training", section 3.2).

This file travels to the Hub with every saved language model: it imports nothing of ours.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = -100
CHUNK = 512  # positions; the scores of a chunk over 10,000 tokens nearly fit into the cache


class LinearCrossEntropy(torch.autograd.Function):
    """Forward computes the gradients too, so that no score has to be kept or computed twice."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the mean over all positions with a label; shapes as in `linear_cross_entropy`."""
        wants_states, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        count = (labels != IGNORED).sum().clamp(min=1)
        total = states.new_zeros((), dtype=torch.float32)
        grad_states = torch.zeros_like(states) if wants_states else None
        grad_weight = torch.zeros_like(weight) if wants_weight else None
        grad_bias = torch.zeros_like(bias) if wants_bias else None
        rounded_weight, rounded_bias = weight.to(dtype), bias.to(dtype)
        for start in range(0, len(states), CHUNK):
            here = slice(start, start + CHUNK)
            inputs, targets = states[here].to(dtype), labels[here]
            real, rows = targets != IGNORED, torch.arange(len(targets), device=targets.device)
            targets = targets.clamp(min=0)
            scores = F.linear(inputs, rounded_weight, rounded_bias)
            probabilities = scores.softmax(-1)
            # from the likeliest token, whose probability cannot underflow, to the label
            behind = scores.amax(-1).float() - scores[rows, targets].float()
            total += ((behind - probabilities.amax(-1).float().log()) * real).sum()
            # the gradient of the scores: the probabilities less one at the label
            grad = probabilities
            grad[rows, targets] -= 1
            grad[~real] = 0
            if grad_bias is not None:
                grad_bias += grad.sum(0)
            if grad_states is not None:
                grad_states[here] = grad @ rounded_weight
            if grad_weight is not None:
                grad_weight += grad.T @ inputs
        ctx.save_for_backward(count, grad_states, grad_weight, grad_bias)
        return total / count

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients that forward left."""
        count, *grads = ctx.saved_tensors
        scaled = (None if grad is None else grad * (grad_output / count) for grad in grads)
        return (*scaled, None, None)


def linear_cross_entropy(states: Tensor, weight: Tensor, bias: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of `states @ weight.T + bias`, averaged over the positions whose label is not -100.

    states: (positions, width); weight: (vocab_size, width); bias: (vocab_size,); labels: (positions,). Under autocast
    the products are taken in its type, all sums over a text or a vocabulary in float32. Returns a scalar; 0 where no
    position has a label.
    """
    kind = states.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype
    with torch.autocast(kind, enabled=False):
        return LinearCrossEntropy.apply(states, weight, bias, labels, dtype)


__all__ = ["linear_cross_entropy"]
