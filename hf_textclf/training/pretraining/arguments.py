"""What a user can say about a language model. The help texts here are the only description of these flags."""

from dataclasses import dataclass, field, fields, make_dataclass
from typing import Any, Literal

from ...errors import UserError
from ...models.lstm import LSTMConfig
from ..arguments import NewModelArguments

# a language model reads in one direction, remembers by cell states and pools nothing
OF_CLASSIFIERS = {"bidirectional", "cell", "num_attention_heads", "pooling", "classifier_dropout"}


@dataclass
class PretrainingArguments:
    """Which texts a language model reads, and how."""

    splits: list[str] = field(
        default_factory=lambda: ["train"],
        metadata={"help": "Splits whose texts are read, e.g. `train unsupervised`; their labels are not."},
    )
    direction: Literal["forward", "backward"] = field(
        default="forward",
        metadata={"help": "Predict the next token, or, reading each text from its end, the one before."},
    )
    block_size: int = field(default=150, metadata={"help": "Tokens in one row of a batch."})
    init_from: str | None = field(
        default=None,
        metadata={
            "help": "Folder of a language model whose tokenizer and embeddings are taken and held fixed, so that both "
            "directions share them."
        },
    )
    embeddings_from: str | None = field(
        default=None,
        metadata={"help": "Start of the embeddings: a text file of word vectors, or a checkpoint, and its tokenizer."},
    )
    tokenizer_type: Literal["word", "wordpiece", "bpe", "unigram"] | None = field(
        default=None, metadata={"help": "Train a tokenizer of this type on the texts; wordpiece where none is loaded."}
    )
    tokenizer_name_or_path: str | None = field(
        default=None, metadata={"help": "Folder or Hub id of a tokenizer to load in place of training one."}
    )

    def __post_init__(self) -> None:
        if self.block_size < 1:
            raise UserError(f"block_size={self.block_size}, expected 1 or more; correct --block_size")


LanguageModelArguments: Any = make_dataclass(
    "LanguageModelArguments",
    [
        (item.name, item.type, field(default=None, metadata=item.metadata))
        for item in fields(NewModelArguments)
        if item.name in LSTMConfig.__annotations__ and item.name not in OF_CLASSIFIERS
    ],
)
