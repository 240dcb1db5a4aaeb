"""What a user can say about the data. The help texts here are the only description of these flags."""

from dataclasses import dataclass, field
from typing import Literal

ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]


@dataclass
class TextArguments:
    """Where texts lie and how to read them; one field is one flag and one YAML key."""

    dataset: str = field(
        metadata={
            "help": "Hub id, folder of train/validation/test files, save_to_disk folder, single file or samples/NAME."
        }
    )
    dataset_config: str | None = field(
        default=None, metadata={"help": "Configuration of a Hub dataset; local data ignores it."}
    )
    text_column: str | None = field(default=None, metadata={"help": "Column that holds the text; found if not named."})
    encoding: str = field(
        default="utf-8", metadata={"help": "Encoding of csv, tsv, json and txt files, e.g. gb18030 (Chinese Excel)."}
    )
    validation_size: float = field(
        default=0.1,
        metadata={"help": "Share of train set aside for validation where the data has no validation split."},
    )
    split_seed: int = field(
        default=42, metadata={"help": "Seed of that split and of max_train_samples; independent of the training seed."}
    )
    max_train_samples: int | None = field(
        default=None, metadata={"help": "Train on a seeded subset of this many rows, stratified where possible."}
    )


@dataclass
class DataArguments(TextArguments):
    """How to read the labels, too."""

    label_column: list[str] | None = field(
        default=None,
        metadata={"help": "Column that holds the label; found if not named. Several names: multi-hot 0/1 columns."},
    )
    label_names: list[str] | None = field(
        default=None, metadata={"help": "Names of the labels in id order, for data that holds bare ids."}
    )
    label_separator: str | None = field(
        default=None, metadata={"help": "Splits the label cell into several labels, e.g. '|' or ','."}
    )
    problem_type: ProblemType | None = field(
        default=None, metadata={"help": "Decided from the labels; name it to overrule (e.g. ratings as regression)."}
    )
    positive_label: str | None = field(
        default=None, metadata={"help": "Learn whether a text has this label: two classes, 'not X' and 'X'."}
    )
    drop_missing: bool = field(
        default=False, metadata={"help": "Drop rows without text or label instead of refusing the data."}
    )
