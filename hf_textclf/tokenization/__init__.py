"""Stock fast tokenizers: trained here or loaded from any checkpoint, and one place where texts become ids."""

from .encoding import PaddingCollator, Windows, batches_by_length, encode, encode_whole, encode_windows
from .loading import check_agreement, load_tokenizer, renew_tokenizer, save_tokenizer, set_truncation
from .sentences import split_sentences
from .training import TOKENIZER_TYPES, train_tokenizer

__all__ = [
    "TOKENIZER_TYPES",
    "PaddingCollator",
    "Windows",
    "batches_by_length",
    "check_agreement",
    "encode",
    "encode_whole",
    "encode_windows",
    "load_tokenizer",
    "renew_tokenizer",
    "save_tokenizer",
    "set_truncation",
    "split_sentences",
    "train_tokenizer",
]
