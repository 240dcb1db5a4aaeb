"""Pretrained vectors as the start of an LSTM's embeddings."""

from .loading import Coverage, load_embeddings, tokenizer_of

__all__ = ["Coverage", "load_embeddings", "tokenizer_of"]
