"""Self-attention over the states of an LSTM.

Written out, because what torch offers fused gives NaN for a text without tokens, or no weights to look at.

This file travels to the Hub with every saved model: it imports nothing of ours but its sibling.
"""

import torch
from torch import Tensor, nn

from .configuration_lstm import LSTMConfig


class LSTMSelfAttention(nn.Module):
    """Multi-head scaled dot-product self-attention (Vaswani et al. 2017, "Attention Is All You Need", section 3.2).

    What it gives takes the place of the states; there is no residual connection.
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

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Let each real token look at all real tokens of its text.

        states: (batch, length, width); mask: (batch, length), True = real token. Returns the attended states
        (batch, length, width), zero at pads, and the weights (batch, heads, length, length): each row of a real token
        sums to one, pads have no weight and give none.
        """
        # (batch, heads, length, width / heads)
        query, key, value = (
            layer(states).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        pairs = mask[:, None, :, None] & mask[:, None, None, :]
        # the lowest number rather than minus infinity: a row of nothing but pads stays finite until it is wiped out
        weights = scores.masked_fill(~pairs, torch.finfo(scores.dtype).min).softmax(-1) * pairs
        attended = self.output((weights @ value).transpose(1, 2).flatten(2))
        return attended * mask[..., None], weights


__all__ = ["LSTMSelfAttention"]
