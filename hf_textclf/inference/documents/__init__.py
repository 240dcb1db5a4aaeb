"""Long texts: cut into windows or sentences that a network reads one by one, or shortened to their key sentences."""

from .reader import DocumentReader, Reading
from .settings import DocumentSettings
from .splitting import split_sentences
from .weights import PartAttention, key_word_idf, merge

__all__ = [
    "DocumentReader",
    "DocumentSettings",
    "PartAttention",
    "Reading",
    "key_word_idf",
    "merge",
    "split_sentences",
]
