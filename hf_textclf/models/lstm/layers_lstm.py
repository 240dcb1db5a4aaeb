"""The parts of the LSTM: dropout, one recurrent layer, self-attention, pooling.

This file travels to the Hub with every saved model: it imports nothing of ours but its sibling.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .configuration_lstm import LSTMConfig


def locked_dropout(states: Tensor, probability: float, training: bool) -> Tensor:
    """Drop the same features of states (batch, length, width) at every time step of a text (Gal & Ghahramani 2016, "A
    Theoretically Grounded Application of Dropout in Recurrent Neural Networks")."""
    if not training or probability == 0:
        return states
    return states * F.dropout(states.new_ones(states.shape[0], 1, states.shape[2]), probability)


def align_left(mask: Tensor) -> Tensor:
    """Say from where each step reads when the real tokens move to the left, order kept, and the pads follow.

    mask: (batch, length), True = real token. Returns (batch, length), a permutation of every row. Every place has a
    key of its own, since a stable argsort cannot be exported to ONNX.
    """
    return (torch.arange(mask.shape[1], device=mask.device) + mask.shape[1] * ~mask).argsort(1)


def turn_around(lengths: Tensor, length: int) -> Tensor:
    """Say from where each step of the backward direction reads: the real tokens last to first, then the pads.

    lengths: (batch,). Returns (batch, length), a permutation of every row and its own inverse.
    """
    steps = torch.arange(length, device=lengths.device)[None]
    return torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)


def reorder(states: Tensor, places: Tensor) -> Tensor:
    """Take for each step the state at the given place. states: (batch, length, width); places: (batch, length)."""
    return states.gather(1, places[..., None].expand_as(states))


@torch.compiler.assume_constant_result
def _is_replaced(layer: "LSTMLayer") -> bool:
    """Whether something else stands where the layer was, whose parameters are its own; fixed when a graph is made."""
    return type(layer.lstm) not in (nn.LSTM, nn.RNN)


def _scan(states: Tensor, weights: list[Tensor], cell: str) -> Tensor:
    """One direction, step by step, for graphs: there the fused kernel works for one length of texts alone."""
    from torch._higher_order_ops.scan import scan

    w_ih, w_hh, b_ih, b_hh = weights
    gates = F.linear(states, w_ih, b_ih + b_hh).transpose(0, 1)
    zeros = gates.new_zeros(gates.shape[1], w_hh.shape[1])

    def lstm_step(memory: tuple[Tensor, Tensor], gates: Tensor) -> tuple[tuple[Tensor, Tensor], Tensor]:
        h, c = memory
        i, f, g, o = (gates + F.linear(h, w_hh)).chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return (h, c), h.clone()

    def rnn_step(h: Tensor, gates: Tensor) -> tuple[Tensor, Tensor]:
        h = (gates + F.linear(h, w_hh)).tanh()
        return h, h.clone()

    if cell == "rnn":
        return scan(rnn_step, zeros, gates)[1].transpose(0, 1)
    return scan(lstm_step, (zeros, zeros.clone()), gates)[1].transpose(0, 1)


class LSTMLayer(nn.Module):
    """One (bidirectional) layer, LSTM or plain recurrent network, with DropConnect on its hidden-to-hidden weights.

    It is drawn once per forward pass (Merity et al. 2017, "Regularizing and Optimizing LSTM Language Models"), which
    keeps the fused kernels; dropping states at every step would not.

    Batches are not packed: on a CPU the backward pass of a packed batch writes a zero tensor of the whole batch at
    every time step, which made a training step on 250 tokens 6 times slower. Pads on the right cannot reach the
    forward direction, and the backward direction gets each text turned around within its own length.
    """

    def __init__(self, config: LSTMConfig, input_size: int) -> None:
        super().__init__()
        self.cell, self.recurrent_dropout = config.cell, config.recurrent_dropout
        # called `lstm` whichever it is: saved weights carry this name
        cell = nn.LSTM if config.cell == "lstm" else nn.RNN
        self.lstm = cell(input_size, config.hidden_size, batch_first=True, bidirectional=config.bidirectional)
        # torch.compile does not look into an nn.LSTM, but reads this, which is the module's own dict
        self.parameters_in_graph = self.lstm._parameters

    def forward(self, states: Tensor, turn: Tensor | None) -> Tensor:
        """Read each text from its first to its last real token, and backwards too if bidirectional.

        states: (batch, length, input_size), real tokens on the left; turn: (batch, length), the position of the token
        to read at each step of the backward direction, or None where no text is padded. Returns
        (batch, length, hidden_size * directions), at pads numbers without meaning.
        """
        if (directions := self._directions(states)) is None:
            return self._call(states, turn)
        if turn is None:
            return self._run(states, sum(directions, []), bidirectional=len(directions) == 2)
        forward = self._run(states, directions[0], bidirectional=False)
        if len(directions) == 1:
            return forward
        backward = self._run(reorder(states, turn), directions[1], bidirectional=False)
        return torch.cat([forward, reorder(backward, turn)], dim=-1)

    def _directions(self, states: Tensor) -> list[list[Any]] | None:
        """The parameters of each direction in the order of the kernel, with dropout; None where the module has to be
        called, since it was quantized, or accelerate brings its parameters while it is called."""
        if torch.compiler.is_compiling():
            weights: list[Any] = [] if _is_replaced(self) else list(self.parameters_in_graph.values())
            directions = [weights[start : start + 4] for start in range(0, len(weights), 4)]
        else:
            directions = getattr(self.lstm, "all_weights", [])
        if not directions or directions[0][0].device != states.device:
            return None
        probability = self.recurrent_dropout if self.training else 0.0
        if not probability:
            return directions
        return [[w_ih, F.dropout(w_hh, probability), *biases] for w_ih, w_hh, *biases in directions]

    def _call(self, states: Tensor, turn: Tensor | None) -> Tensor:
        """Read as `forward` does, by a call of the module, without dropout."""
        if turn is None:
            return self.lstm(states)[0]
        # an empty text reads one step, which is a pad
        lengths = (turn[:, 0] + 1).cpu()
        packed = pack_padded_sequence(states, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=states.shape[1])[0]

    def resume(
        self, states: Tensor, lengths: Tensor, memory: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Read each text on from what is remembered of it: forward direction, no dropout, for generation.

        states: (batch, length, input_size), real tokens on the left; lengths: (batch,); memory: h and c, each
        (batch, hidden_size). Returns the states (batch, length, hidden_size) and h and c after each text's last token.
        """
        if states.shape[0] == 0 or states.shape[1] == 0:
            return states.new_zeros(*states.shape[:2], self.lstm.hidden_size), memory
        # packed: c at the end of a shorter text is not among the outputs
        packed = pack_padded_sequence(states, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
        outputs, after = self.lstm(packed, (memory[0][None], memory[1][None]))
        outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=states.shape[1])
        read = (lengths > 0)[:, None]
        return outputs, (torch.where(read, after[0][0], memory[0]), torch.where(read, after[1][0], memory[1]))

    def _run(self, states: Tensor, weights: list[Tensor], *, bidirectional: bool) -> Tensor:
        """Run the fused kernel. The modules have no way to swap their parameters, so the step below is called."""
        if torch.compiler.is_compiling():
            return _scan(states, weights, self.cell)
        zeros = states.new_zeros(1 + bidirectional, states.shape[0], self.lstm.hidden_size)
        # biases, number of layers, dropout between them, training, directions, batch first
        options = (True, 1, 0.0, self.training, bidirectional, True)
        if self.cell == "rnn":
            return torch.rnn_tanh(states, zeros, weights, *options)[0]
        return torch.lstm(states, (zeros, zeros), weights, *options)[0]


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
        lowest = torch.finfo(states.dtype).min
        penalty = torch.zeros_like(mask, dtype=states.dtype).masked_fill(~mask, lowest)[:, None, None]
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=penalty)
        attended = self.output(attended.transpose(1, 2).flatten(2)) * mask[..., None]
        if not output_attentions:
            return attended, None
        # the fused kernel keeps its weights to itself
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        pairs = mask[:, None, :, None] & mask[:, None, None, :]
        return attended, (scores + penalty).softmax(-1) * pairs


class LSTMPooler(nn.Module):
    """Turn the states of a text into one vector, after self-attention where the configuration has heads; zeros where a
    text has no real tokens."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__()
        self.pooling, self.bidirectional = config.pooling, config.bidirectional
        width = config.hidden_size * (1 + config.bidirectional)
        self.output_size = width * (1 + (config.pooling == "mean_max"))
        self.self_attention = LSTMSelfAttention(config) if config.num_attention_heads else None
        if config.pooling == "attention":
            self.projection = nn.Linear(width, width)
            self.context = nn.Linear(width, 1, bias=False)

    def forward(self, states: Tensor, mask: Tensor, output_attentions: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
        """states: (batch, length, width), zero at pads; mask: (batch, length), True = real token.

        Returns the pooled vectors (batch, output_size) and the weights of attention: those of self-attention
        (batch, heads, length, length), on request only, and those of attention pooling (batch, length).
        """
        pairs = weights = None
        if self.self_attention is not None:
            states, pairs = self.self_attention(states, mask, output_attentions)
        if mask.shape[1] == 0:
            # argmax and amax refuse to reduce over nothing
            pooled = states.new_zeros(len(states), self.output_size)
            weights = states.new_zeros(mask.shape) if self.pooling == "attention" else None
        elif self.pooling == "last":
            pooled = self._last(states, mask)
        elif self.pooling == "attention":
            # as over words in Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", eq. 5-7
            scores = self.context(torch.tanh(self.projection(states))).squeeze(-1)
            weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=1) * mask
            pooled = torch.einsum("bl,blw->bw", weights, states)
        else:
            parts = []
            if "mean" in self.pooling:
                # pads hold zeros already
                parts.append(states.sum(1) / mask.sum(1, keepdim=True).clamp(min=1))
            if "max" in self.pooling:
                real = states.masked_fill(~mask[..., None], torch.finfo(states.dtype).min)
                parts.append(real.amax(1) * mask.any(1, keepdim=True))
            pooled = torch.cat(parts, dim=-1)
        return pooled, tuple(each for each in (pairs, weights) if each is not None)

    def _last(self, states: Tensor, mask: Tensor) -> Tensor:
        """The state in which each direction ends: forward at the last real token, backward at the first."""
        steps = torch.arange(1, mask.shape[1] + 1, device=mask.device)
        last = (mask * steps).argmax(1)
        # not len(states), which an export to ONNX takes for a constant
        rows = torch.arange(states.shape[0], device=states.device)
        ends = states[rows, last]
        if self.bidirectional:
            half = states.shape[-1] // 2
            ends = torch.cat([ends[:, :half], states[rows, mask.int().argmax(1)][:, half:]], dim=-1)
        return ends * mask.any(1, keepdim=True)
