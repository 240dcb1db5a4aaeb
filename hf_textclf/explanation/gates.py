"""What the gates of an LSTM do over a text, token by token.

The fused kernels keep their gates to themselves, so the equations are computed here once more, step by step, from the
same weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..errors import UserError
from ..models.lstm import LSTMModel

GATES = ("input", "forget", "candidate", "output")


@dataclass(frozen=True)
class DirectionGates:
    """One direction of one layer over a batch of texts; everything is zero at pads.

    layer: counted from 1. direction: `forward` or `backward`; what stands at a token is what happened when that token
    was read. gates: (batch, length, 4, hidden_size) in the order of `GATES`: input, forget and output gate between 0
    and 1, the candidate between -1 and 1. cells: (batch, length, hidden_size), the cell state after the token.
    hidden: (batch, length, hidden_size), the hidden state after it.
    """

    layer: int
    direction: str
    gates: Tensor
    cells: Tensor
    hidden: Tensor


@torch.no_grad()
def read_gates(
    model: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor | None = None
) -> list[DirectionGates]:
    """Read texts step by step, as the model does outside of training, and keep what its gates do.

    input_ids, attention_mask: (batch, length), padded on whichever side. Returns one object for each direction of each
    layer, from the first layer up, forward first.

    Raises:
        UserError: the model is no LSTM of ours, or its cells have no gates.
    """
    lstm = _lstm(model, model.name_or_path)
    mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
    states, readings = lstm.embed_tokens(input_ids), []
    for number, layer in enumerate(lstm.layers, 1):
        weights = list(layer.parameters())
        read = [_read(states, mask.bool(), weights[:4], backward=False)]
        if lstm.config.bidirectional:
            read.append(_read(states, mask.bool(), weights[4:], backward=True))
        for direction, one in zip(("forward", "backward"), read, strict=False):
            readings.append(DirectionGates(number, direction, *one))
        states = torch.cat([hidden for _, _, hidden in read], dim=-1)
    return readings


def _read(states: Tensor, mask: Tensor, weights: Sequence[Tensor], *, backward: bool) -> tuple[Tensor, Tensor, Tensor]:
    """One direction of one layer: the equations of Hochreiter & Schmidhuber 1997 with the forget gate of Gers et al.
    2000.

    states: (batch, length, width); mask: (batch, length), True = real token; weights: as nn.LSTM orders them. Returns
    gates, cells and hidden states as in `DirectionGates`.
    """
    input_weight, hidden_weight, input_bias, hidden_bias = weights
    batch, length, size = *mask.shape, hidden_weight.shape[1]
    gates = states.new_zeros(batch, length, 4, size)
    cells, hiddens = states.new_zeros(batch, length, size), states.new_zeros(batch, length, size)
    cell, hidden = states.new_zeros(batch, size), states.new_zeros(batch, size)
    for step in reversed(range(length)) if backward else range(length):
        sums = states[:, step] @ input_weight.T + input_bias + hidden @ hidden_weight.T + hidden_bias
        let_in, keep, candidate, let_out = sums.unflatten(1, (4, size)).unbind(1)
        let_in, keep, candidate, let_out = let_in.sigmoid(), keep.sigmoid(), candidate.tanh(), let_out.sigmoid()
        real = mask[:, step, None]
        # a pad changes nothing of what is remembered
        cell = torch.where(real, keep * cell + let_in * candidate, cell)
        hidden = torch.where(real, let_out * cell.tanh(), hidden)
        gates[:, step] = torch.stack([let_in, keep, candidate, let_out], dim=1) * real[..., None]
        cells[:, step], hiddens[:, step] = cell * real, hidden * real
    return gates, cells, hiddens


def _lstm(model: PreTrainedModel, name: str) -> LSTMModel:
    """The LSTM inside a model."""
    if not isinstance(model.base_model, LSTMModel):
        raise UserError(
            f"{name!r} is of model_type {model.config.model_type!r}, expected an LSTM, which alone has gates; "
            "name the folder of one"
        )
    if model.config.cell != "lstm":
        raise UserError(
            f"{name!r} has cell {model.config.cell!r}, expected 'lstm', which alone has gates; name the folder of one"
        )
    return model.base_model


__all__ = ["GATES", "DirectionGates", "read_gates"]
