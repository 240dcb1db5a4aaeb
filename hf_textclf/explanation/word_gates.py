"""The gates of an LSTM over the words of a text, where `gates` has them over its tokens."""

from dataclasses import dataclass, replace

import torch

from ..inference import Classifier
from ..models.lstm import LSTMModel
from .gates import DirectionGates, read_gates
from .words import find_words


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
    if network is None or not isinstance(network.model.base_model, LSTMModel):
        return None
    if network.model.config.cell != "lstm":
        return None
    words = find_words(network.tokenizer, text)
    batch = network.collate([words.encoded]).to(network.device)
    # (words, tokens), each row the share of every token in that word
    shares = torch.zeros(len(words.spans), batch["input_ids"].shape[1])
    for place, owner in enumerate(words.owners):
        if owner >= 0:
            shares[owner, place] = 1
    shares /= shares.sum(1, keepdim=True)
    readings = [
        replace(
            reading,
            gates=torch.einsum("wl,blgh->bwgh", shares, reading.gates.cpu()),
            cells=torch.einsum("wl,blh->bwh", shares, reading.cells.cpu()),
            hidden=torch.einsum("wl,blh->bwh", shares, reading.hidden.cpu()),
        )
        for reading in read_gates(network.model, batch["input_ids"], batch["attention_mask"])
    ]
    return WordGates([text[start:end] for start, end in words.spans], readings, words.unread)


__all__ = ["WordGates", "word_gates"]
