"""Stock fast tokenizers: trained here or loaded from any checkpoint, and one place where texts become ids."""

from .encoding import (
    CUSTOM_INPUTS,
    TRUNCATIONS,
    PaddingCollator,
    batches_by_length,
    check_agreement,
    encode,
    encode_whole,
    load_tokenizer,
    set_truncation,
)
from .segmentation import segment
from .training import TOKENIZER_TYPES, train_tokenizer
from .windows import Windows, encode_windows

__all__ = [
    "CUSTOM_INPUTS",
    "TOKENIZER_TYPES",
    "TRUNCATIONS",
    "PaddingCollator",
    "Windows",
    "batches_by_length",
    "check_agreement",
    "encode",
    "encode_whole",
    "encode_windows",
    "load_tokenizer",
    "segment",
    "set_truncation",
    "train_tokenizer",
]
