"""How attention pooling weighs the words of a text."""

from dataclasses import dataclass

import torch

from ..inference import Classifier
from ..models.lstm import LSTMForSequenceClassification
from .words import find_words


@dataclass(frozen=True)
class WordWeights:
    """words: as they stand in the text, where each begins and ends by spans, in characters. weights: (words,), shares
    of 1. unread: number of words that were cut off because the text is too long for the model."""

    text: str
    words: list[str]
    spans: list[tuple[int, int]]
    weights: list[float]
    unread: int


def pooling_weights(classifier: Classifier, text: str) -> WordWeights | None:
    """The weight that attention pooling (Yang et al. 2016, equation 6) gives to each word: the sum over its tokens.

    The states it weighs have read the words around them, so a weight says where the model looks, not what it gains
    there; contributions say that. Returns None for anything but one LSTM with attention pooling.
    """
    network = classifier.predictor.network
    if network is None or not isinstance(network.model, LSTMForSequenceClassification):
        return None
    if network.model.config.pooling != "attention":
        return None
    words = find_words(network.tokenizer, text)
    batch = network.collate([words.encoded]).to(network.device)
    with torch.inference_mode():
        tokens = network.model(**batch, output_attentions=True).attentions[-1][0].tolist()
    weights = [0.0] * len(words.spans)
    for owner, weight in zip(words.owners, tokens, strict=False):
        if owner >= 0:
            weights[owner] += weight
    return WordWeights(text, [text[start:end] for start, end in words.spans], words.spans, weights, words.unread)


__all__ = ["WordWeights", "pooling_weights"]
