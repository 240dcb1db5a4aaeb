"""Self-attention over the states of an LSTM.

This file travels to the Hub with every saved model: it imports nothing of ours but its sibling.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .configuration_lstm import LSTMConfig


class LSTMSelfAttention(nn.Module):
    """Multi-head scaled dot-product self-attention (Vaswani et al. 2017, "Attention Is All You Need", section 3.2).

    What it gives takes the place of the states, without a residual connection: with one, two seeds of Chinese hotel
    reviews came out the same on validation.
    """

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        width = config.hidden_size * (1 + config.bidirectional)
        self.num_heads = config.num_attention_heads
        self.query = nn.Linear(width, width)
        # a bias would add the same to all scores of a token, which the softmax takes off again
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, states: Tensor, mask: Tensor, output_attentions: bool) -> tuple[Tensor, Tensor | None]:
        """Let each real token look at all real tokens of its text.

        states: (batch, length, width); mask: (batch, length), True = real token. Returns the attended states
        (batch, length, width), zero at pads, and on request the weights (batch, heads, length, length): each row of a
        real token sums to one, pads have no weight and give none.
        """
        # (batch, heads, length, width / heads)
        query, key, value = (
            layer(states).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        # the lowest number rather than minus infinity, which gives NaN for a text of nothing but pads
        penalty = torch.zeros_like(mask, dtype=states.dtype).masked_fill(~mask, torch.finfo(states.dtype).min)
        penalty = penalty[:, None, None]
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=penalty)
        attended = self.output(attended.transpose(1, 2).flatten(2)) * mask[..., None]
        if not output_attentions:
            return attended, None
        # the fused kernel keeps its weights to itself
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        pairs = mask[:, None, :, None] & mask[:, None, None, :]
        return attended, (scores + penalty).softmax(-1) * pairs


__all__ = ["LSTMSelfAttention"]
