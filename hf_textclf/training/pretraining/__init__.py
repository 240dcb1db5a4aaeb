"""Pretraining: a language model of the LSTM family on texts without labels. `run.pretrain` reads top to bottom."""

from .arguments import LanguageModelArguments, PretrainingArguments
from .pretrain import PretrainingRun, pretrain

__all__ = ["LanguageModelArguments", "PretrainingArguments", "PretrainingRun", "pretrain"]
