"""The stock TrainingArguments, on one command line with ours."""

from dataclasses import dataclass, field

from transformers import TrainingArguments


@dataclass
class StockArguments(TrainingArguments):
    """TrainingArguments as they are, but for two that are no flags here.

    `label_names`: the columns that hold labels are always called `labels`; on our command line these are the names of
    the labels. `hub_token`: each checkpoint holds its arguments; the token of the environment never gets there.
    """

    label_names: list[str] | None = field(default=None, init=False)
    hub_token: str | None = field(default=None, init=False)
