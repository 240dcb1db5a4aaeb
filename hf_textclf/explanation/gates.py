"""What the gates of an LSTM do over a text, token by token or word by word. The fused kernels keep their gates to
themselves, so the equations are computed here once more, step by step, from the same weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..errors import UserError
from ..inference import Classifier
from ..inference.predictor import readable
from ..models.lstm import LSTMModel
from .words import find_words

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
    Raises UserError: the model is no LSTM of ours, or its cells have no gates.
    """
    lstm = model.base_model
    if not isinstance(lstm, LSTMModel):
        problem = f"is of model_type {model.config.model_type!r}, expected an LSTM"
    else:
        problem = "" if lstm.config.cell == "lstm" else f"has cell {lstm.config.cell!r}, expected 'lstm'"
    if problem:
        raise UserError(f"{model.name_or_path!r} {problem}, which alone has gates; name the folder of one")
    mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
    states, readings = lstm.embed_tokens(input_ids), []
    for number, layer in enumerate(lstm.layers, 1):
        weights = list(layer.parameters())
        read = [DirectionGates(number, "forward", *_read(states, mask.bool(), weights[:4], backward=False))]
        if lstm.config.bidirectional:
            read.append(DirectionGates(number, "backward", *_read(states, mask.bool(), weights[4:], backward=True)))
        readings += read
        states = torch.cat([one.hidden for one in read], dim=-1)
    return readings


def _read(states: Tensor, mask: Tensor, weights: Sequence[Tensor], *, backward: bool) -> tuple[Tensor, Tensor, Tensor]:
    """One direction of one layer: the equations of Hochreiter & Schmidhuber 1997, forget gate of Gers et al. 2000.

    states: (batch, length, width); mask: (batch, length), True = real token; weights: as nn.LSTM orders them. Returns
    gates, cells and hidden states as in `DirectionGates`.
    """
    input_weight, hidden_weight, input_bias, hidden_bias = weights
    size = hidden_weight.shape[1]
    gates = states.new_zeros(*mask.shape, 4, size)
    cells, hiddens = states.new_zeros(2, *mask.shape, size)
    c, h = states.new_zeros(2, len(mask), size)
    for step in reversed(range(mask.shape[1])) if backward else range(mask.shape[1]):
        sums = states[:, step] @ input_weight.T + input_bias + h @ hidden_weight.T + hidden_bias
        i, f, g, o = sums.unflatten(1, (4, size)).unbind(1)
        i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
        real = mask[:, step, None]
        # a pad changes nothing of what is remembered
        c = torch.where(real, f * c + i * g, c)
        h = torch.where(real, o * c.tanh(), h)
        gates[:, step] = torch.stack([i, f, g, o], dim=1) * real[..., None]
        cells[:, step], hiddens[:, step] = c * real, h * real
    return gates, cells, hiddens


@dataclass(frozen=True)
class WordGates:
    """words: those that are read. readings: as `read_gates` returns them, of one text, (1, words, …) in place of
    (batch, length, …): the mean over the tokens of each word. unread: number of words that were cut off."""

    words: list[str]
    readings: list[DirectionGates]
    unread: int


def word_gates(classifier: Classifier, text: str) -> WordGates | None:
    """Read the gates over the words of a text; None for anything but one LSTM, and for a plain recurrent network."""
    network = classifier.predictor.network
    lstm = network.model.base_model if network else None
    if not isinstance(lstm, LSTMModel) or lstm.config.cell != "lstm":
        return None
    words = find_words(network.tokenizer, readable(text))
    batch = network.collate([words.encoded]).to(network.device)
    tokens = words.sums(torch.ones(len(words.word_ids)))  # of each word

    def mean(values: Tensor) -> Tensor:
        return (words.sums(values[0]).movedim(0, -1) / tokens).movedim(-1, 0)[None]

    readings = [
        replace(reading, gates=mean(reading.gates), cells=mean(reading.cells), hidden=mean(reading.hidden))
        for reading in read_gates(network.model, batch["input_ids"], batch["attention_mask"])
    ]
    return WordGates(words.words, readings, words.unread)
