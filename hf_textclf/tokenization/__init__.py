"""Stock fast tokenizers: trained here or loaded from any checkpoint, and one place where texts become ids."""

from .encoding import (
    HOME_MADE_INPUTS,
    TRUNCATIONS,
    PaddingCollator,
    check_agreement,
    encode,
    load_tokenizer,
    set_truncation,
)
from .segmentation import segment
from .training import TOKENIZER_TYPES, train_tokenizer

__all__ = [
    "HOME_MADE_INPUTS",
    "TOKENIZER_TYPES",
    "TRUNCATIONS",
    "PaddingCollator",
    "check_agreement",
    "encode",
    "load_tokenizer",
    "segment",
    "set_truncation",
    "train_tokenizer",
]
