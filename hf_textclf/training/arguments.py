"""The stock TrainingArguments, on one command line with ours."""

from dataclasses import dataclass, field

from transformers import TrainingArguments


@dataclass
class StockArguments(TrainingArguments):
    """TrainingArguments as they are; only their `label_names`, the columns that hold labels, is no flag here.

    The columns are always called `labels`, and `label_names` on our command line are the names of the labels.
    """

    label_names: list[str] | None = field(default=None, init=False)
