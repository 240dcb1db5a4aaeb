"""What a user can say about a model and about a language model; the flags are described here alone.

The keys of a new model are read from the configurations of the home-made families, so that they are declared once.
"""

import re
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Any, ClassVar, Literal, get_args

from ..arguments import option
from ..models.auto import MODELS
from ..models.lstm import LSTMConfig

# decided by the tokenizer or the kind of run, not by the user
DERIVED_FIELDS = {"pad_token_id", "tie_word_embeddings", "reads_backwards"}


@dataclass
class ModelArguments:
    """Which model is trained, and how its texts become tokens."""

    model_type: str = option(
        MODELS[0][0].model_type, "Home-made family of a new model; for linear ones see --model_type maxent --help."
    )
    model_name_or_path: str | None = option(
        None, "Folder or Hub id of a checkpoint to train further: any encoder, or a saved LSTM."
    )
    encoder_name_or_path: str | None = option(
        None, "Folder or Hub id of the encoder that a new textclf_frozen model takes its features from."
    )
    revision: str | None = option(None, "Commit, tag or branch of a Hub checkpoint.")
    trust_remote_code: bool = option(False, "Run the Python files of a Hub checkpoint; needs --revision.")
    tokenizer_type: Literal["word", "wordpiece", "bpe", "unigram"] | None = option(
        None, "Train a tokenizer of this type on the texts; wordpiece where none is loaded."
    )
    tokenizer_name_or_path: str | None = option(
        None, "Folder or Hub id of a tokenizer to load in place of training one."
    )
    segmenter: Literal["jieba"] | None = option(
        None, "Find Chinese words before a tokenizer is trained; needs the extra `chinese`."
    )
    max_length: int = option(256, "Longest text, in tokens; what is over is cut.")
    truncation: Literal["head", "tail", "head_tail"] = option(
        "head", "Which part of a long text is kept: its first tokens, its last, or both."
    )
    head_tokens: int | None = option(
        None, "With head_tail: number of tokens kept from the start; a quarter of max_length."
    )
    document_strategy: Literal["truncate", "windows", "sentences", "key_sentences"] = option(
        "truncate",
        "How a long text is predicted: cut; window by window or sentence by sentence, whose logits are "
        "merged; or as its key sentences alone, which the network is then trained on, too.",
    )
    sentence_weights: Literal["uniform", "tfidf", "attention"] | None = option(
        None, "What each window or sentence counts: the same, by its key words, or learned; uniform."
    )
    stride: int | None = option(None, "With windows: number of tokens that a window shares with the one before; 0.")
    num_sentences: int | None = option(None, "With key_sentences: number of sentences that are kept of a text; 10.")
    embeddings_from: str | None = option(
        None, "Start of a new model's embeddings: a text file of word vectors, or a checkpoint."
    )
    init_from: list[str] | None = option(
        None,
        "Folder of a language model (`hf-textclf pretrain`) that a new model starts from; two folders, "
        "forward and backward, for a bidirectional one.",
    )
    class_weights: Literal["balanced"] | None = option(
        None, "Weigh each class by the inverse of its frequency in train."
    )
    early_stopping_patience: int | None = option(None, "Stop after this many evaluations without a better metric.")
    one_vs_rest: bool = option(False, "Train one network for each label, which says whether a text has it.")
    calibrate: bool = option(
        False, "At the end fit temperature and thresholds on validation; the best model is chosen without them."
    )
    license: str | None = option(None, "Licence of the trained model, for its card, as the Hub names it.")
    freeze_embeddings: bool = option(False, "Leave the embeddings as they are loaded.")
    freeze_layers: int = option(0, "Leave this many of the lowest layers, and the embeddings, as they are loaded.")
    layerwise_lr_decay: float = option(
        1.0, "Learning rate of each layer over that of the layer above it; learning_rate is the head's."
    )
    gradual_unfreezing: bool = option(
        False, "Train the head alone in epoch 1, and one more layer from the top in each further epoch."
    )
    # see `arguments.check_numbers`
    BOUNDS: ClassVar[dict[str, Any]] = {
        **dict.fromkeys(("max_length", "head_tokens", "num_sentences", "early_stopping_patience"), {"least": 1}),
        **dict.fromkeys(("stride", "freeze_layers"), {"least": 0}),
        "layerwise_lr_decay": {"above": 0, "most": 1},
    }


# those who train a tokenizer take memory for so many tokens, whatever the texts hold
OF_VOCABULARIES = {"vocab_size": {"least": 1, "most": 2_000_000}}


def _new_model_arguments() -> type:
    """A dataclass of the fields that the home-made configurations declare, all optional."""
    fields: dict[str, Any] = {}
    for config, _, _ in MODELS:
        for name, annotation in config.__annotations__.items():
            # a configuration inside the configuration is that of a checkpoint; a name that two families share is
            # one flag, described by the first
            if name not in DERIVED_FIELDS | config.sub_configs.keys() | fields.keys() and name != "model_type":
                # `float | int` reads as float
                kind = float if float in get_args(annotation) else annotation
                # described in the `Args:` of the docstring
                entry = re.search(rf"^ +{name}: (.+?)(?=^ +\w+: |^\s*$)", config.__doc__, re.MULTILINE | re.DOTALL)
                # argparse reads % as the start of a format
                help = " ".join(entry.group(1).split()).replace("%", "%%") if entry else ""
                fields[name] = (name, kind | None, option(None, help))
    return make_dataclass("NewModelArguments", fields.values(), namespace={"BOUNDS": OF_VOCABULARIES})


NewModelArguments = _new_model_arguments()
# a language model reads in one direction, remembers by cell states and pools nothing
OF_CLASSIFIERS = {"bidirectional", "cell", "num_attention_heads", "pooling", "classifier_dropout"}


@dataclass
class PretrainingArguments:
    """Which texts a language model reads, and how."""

    splits: list[str] = field(
        default_factory=lambda: ["train"],
        metadata={"help": "Splits whose texts are read, e.g. `train unsupervised`; their labels are not."},
    )
    direction: Literal["forward", "backward"] = option(
        "forward", "Predict the next token, or, reading each text from its end, the one before."
    )
    block_size: int = option(150, "Tokens in one row of a batch.")
    init_from: str | None = option(
        None,
        "Folder of a language model whose tokenizer and embeddings are taken and held fixed, so that both "
        "directions share them.",
    )
    embeddings_from: str | None = option(
        None, "Start of the embeddings: a text file of word vectors, or a checkpoint, and its tokenizer."
    )
    tokenizer_type: Literal["word", "wordpiece", "bpe", "unigram"] | None = option(
        None, "Train a tokenizer of this type on the texts; wordpiece where none is loaded."
    )
    tokenizer_name_or_path: str | None = option(
        None, "Folder or Hub id of a tokenizer to load in place of training one."
    )
    BOUNDS: ClassVar[dict[str, Any]] = {"block_size": {"least": 1}}


LANGUAGE_MODEL_KEYS = LSTMConfig.__annotations__.keys() - OF_CLASSIFIERS
LanguageModelArguments: Any = make_dataclass(
    "LanguageModelArguments",
    [
        (item.name, item.type, option(None, item.metadata["help"]))
        for item in fields(NewModelArguments)
        if item.name in LANGUAGE_MODEL_KEYS
    ],
    namespace={"BOUNDS": OF_VOCABULARIES},
)
