"""From a YAML file and the command line to typed arguments.

A YAML key is a command-line flag written down: the file's keys are put in front of the flags, so that one parser
checks names, types and choices of both, and what is typed wins. The keys of a new model are read from the
configuration classes of the home-made families, so that they are declared once.
"""

import json
import re
from argparse import ArgumentError, ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args, get_origin

import yaml
from transformers import HfArgumentParser

from .errors import UserError
from .register import MODELS
from .resources import find_config
from .results import RUN_CONFIG

# decided by the tokenizer or the kind of run, not by the user
DERIVED_FIELDS = {"pad_token_id", "tie_word_embeddings", "reads_backwards"}


@dataclass
class ModelArguments:
    """Which model is trained, and how its texts become tokens."""

    model_type: str = field(
        default=MODELS[0][0].model_type,
        metadata={"help": "Home-made family of a new model; for linear ones see --model_type maxent --help."},
    )
    model_name_or_path: str | None = field(
        default=None,
        metadata={"help": "Folder or Hub id of a checkpoint to train further: any encoder, or a saved LSTM."},
    )
    encoder_name_or_path: str | None = field(
        default=None,
        metadata={"help": "Folder or Hub id of the encoder that a new textclf_frozen model takes its features from."},
    )
    revision: str | None = field(default=None, metadata={"help": "Commit, tag or branch of a Hub checkpoint."})
    trust_remote_code: bool = field(
        default=False, metadata={"help": "Run the Python files of a Hub checkpoint; needs --revision."}
    )
    tokenizer_type: Literal["word", "wordpiece", "bpe", "unigram"] | None = field(
        default=None, metadata={"help": "Train a tokenizer of this type on the texts; wordpiece where none is loaded."}
    )
    tokenizer_name_or_path: str | None = field(
        default=None, metadata={"help": "Folder or Hub id of a tokenizer to load in place of training one."}
    )
    segmenter: Literal["jieba"] | None = field(
        default=None,
        metadata={"help": "Find Chinese words before a tokenizer is trained; needs the extra `chinese`."},
    )
    max_length: int = field(default=256, metadata={"help": "Longest text, in tokens; what is over is cut."})
    truncation: Literal["head", "tail", "head_tail"] = field(
        default="head", metadata={"help": "Which part of a long text is kept: its first tokens, its last, or both."}
    )
    head_tokens: int | None = field(
        default=None,
        metadata={"help": "With head_tail: number of tokens kept from the start; a quarter of max_length."},
    )
    document_strategy: Literal["truncate", "windows", "sentences", "key_sentences"] = field(
        default="truncate",
        metadata={
            "help": "How a long text is predicted: cut; window by window or sentence by sentence, whose logits are "
            "merged; or as its key sentences alone, which the network is then trained on, too."
        },
    )
    sentence_weights: Literal["uniform", "tfidf", "attention"] | None = field(
        default=None,
        metadata={"help": "What each window or sentence counts: the same, by its key words, or learned; uniform."},
    )
    stride: int | None = field(
        default=None, metadata={"help": "With windows: number of tokens that a window shares with the one before; 0."}
    )
    num_sentences: int | None = field(
        default=None, metadata={"help": "With key_sentences: number of sentences that are kept of a text; 10."}
    )
    embeddings_from: str | None = field(
        default=None,
        metadata={"help": "Start of a new model's embeddings: a text file of word vectors, or a checkpoint."},
    )
    init_from: list[str] | None = field(
        default=None,
        metadata={
            "help": "Folder of a language model (`hf-textclf pretrain`) that a new model starts from; two folders, "
            "forward and backward, for a bidirectional one."
        },
    )
    class_weights: Literal["balanced"] | None = field(
        default=None, metadata={"help": "Weigh each class by the inverse of its frequency in train."}
    )
    early_stopping_patience: int | None = field(
        default=None, metadata={"help": "Stop after this many evaluations without a better metric."}
    )
    one_vs_rest: bool = field(
        default=False, metadata={"help": "Train one network for each label, which says whether a text has it."}
    )
    calibrate: bool = field(
        default=False,
        metadata={
            "help": "At the end fit temperature and thresholds on validation; the best model is chosen without them."
        },
    )
    license: str | None = field(default=None, metadata={"help": "Licence of the trained model, for its card."})
    freeze_embeddings: bool = field(default=False, metadata={"help": "Leave the embeddings as they are loaded."})
    freeze_layers: int = field(
        default=0, metadata={"help": "Leave this many of the lowest layers, and the embeddings, as they are loaded."}
    )
    layerwise_lr_decay: float = field(
        default=1.0,
        metadata={"help": "Learning rate of each layer over that of the layer above it; learning_rate is the head's."},
    )
    gradual_unfreezing: bool = field(
        default=False,
        metadata={"help": "Train the head alone in epoch 1, and one more layer from the top in each further epoch."},
    )


def _field_type(annotation: Any) -> Any:
    """The command-line type of a configuration field: `float | int` reads as float, the rest as it stands."""
    if get_origin(annotation) is Literal:
        return annotation
    kinds = set(get_args(annotation)) or {annotation}
    return float if float in kinds else annotation


def _field_help(config: type, name: str) -> str:
    """The description of a configuration field, from the `Args:` of its docstring."""
    found = re.search(rf"^ +{name}: (.+?)(?=^ +\w+: |^\s*$)", config.__doc__ or "", re.MULTILINE | re.DOTALL)
    # argparse reads % as the start of a format
    return " ".join(found.group(1).split()).replace("%", "%%") if found else ""


def _new_model_arguments() -> type:
    """A dataclass of the fields that the home-made configurations declare, all optional."""
    fields: dict[str, Any] = {}
    for config, _, _ in MODELS:
        for name, annotation in config.__annotations__.items():
            # a configuration inside the configuration is that of a checkpoint; a name that two families share is
            # one flag, described by the first
            if name not in DERIVED_FIELDS | config.sub_configs.keys() | fields.keys() and name != "model_type":
                metadata = {"help": _field_help(config, name)}
                fields[name] = (name, _field_type(annotation) | None, field(default=None, metadata=metadata))
    return make_dataclass("NewModelArguments", fields.values())


NewModelArguments = _new_model_arguments()


class Parser(HfArgumentParser):
    """An `HfArgumentParser` whose complaints are one line each, and which takes no abbreviations."""

    def __init__(self, kinds: Sequence[type], **options: Any) -> None:
        super().__init__(kinds, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found as a `UserError`."""
        raise UserError(f"{message}; `{self.prog} --help` lists what is expected")

    def require(self, key: str) -> None:
        """Make a key obligatory that its dataclass has a default for."""
        self._keys()[key].required = True

    def parse(
        self, tokens: list[str], *, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None
    ) -> tuple[Any, ...]:
        """Parse the tokens into one object per dataclass.

        before: keys and values that hold unless the tokens say otherwise; keys that are not ours are skipped.
        after: keys and values that hold whatever the tokens say.

        Raises:
            UserError: unknown key or flag, wrong type or choice, missing or contradictory value.
        """
        rest = self.without_config(tokens)
        rest = self._tokens_of({key: value for key, value in (before or {}).items() if key in self._keys()}) + rest
        rest += self._tokens_of(after or {}, where="search space")
        # before argparse misses a key that somebody has only misspelt
        for token in rest:
            if token.startswith("--") and token.split("=")[0] not in self._option_string_actions:
                self._refuse(token.split("=")[0].lstrip("-"), where="command line")
        try:
            *objects, unknown = self.parse_args_into_dataclasses(rest, return_remaining_strings=True)
        except (ValueError, ImportError) as error:  # contradictions found by TrainingArguments
            raise UserError(" ".join(str(error).split())) from error
        if unknown:
            self._refuse(unknown[0].split("=")[0].lstrip("-"), where="command line")
        return tuple(objects)

    def without_config(self, tokens: list[str]) -> list[str]:
        """Put the keys of the YAML file that --config names in front of the other tokens."""
        first = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        first.add_argument("--config")
        try:
            chosen, rest = first.parse_known_args(tokens)
        except ArgumentError as error:
            self.error(str(error))
        if not chosen.config:
            return rest
        path = find_config(chosen.config)
        return self._tokens_of(read_yaml(path), where=str(path)) + rest

    def _keys(self) -> dict[str, Any]:
        return {action.dest: action for action in self._actions if action.option_strings and action.dest != "help"}

    def _refuse(self, key: str, *, where: str) -> NoReturn:
        close = get_close_matches(key, self._keys(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"`{self.prog} --help` lists the known ones"
        raise UserError(f"unknown key {key!r} ({where}); {hint}")

    def _tokens_of(self, values: dict[str, Any], *, where: str = "") -> list[str]:
        """Write keys and values as command-line tokens."""
        keys = self._keys()
        tokens = []
        for key, value in values.items():
            if key not in keys:
                self._refuse(str(key), where=where)
            if value is None:
                continue
            items = value if isinstance(value, list) else [value]
            if keys[key].type is str and any(isinstance(item, bool) for item in items):
                raise UserError(
                    f"{key}: a bare yes, no, on, off, true or false in {where} is no text; put it in quotes"
                )
            if isinstance(value, list):
                if keys[key].nargs != "+":
                    raise UserError(f"{key}: {value} in {where}, expected one value; write `{key}: value`")
                tokens += [f"--{key}", *map(str, value)]
            else:
                tokens.append(f"--{key}={json.dumps(value) if isinstance(value, dict) else value}")
        return tokens


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of keys and values.

    Raises:
        UserError: the file is not YAML, not a mapping, empty, or names a key twice.
    """
    try:
        tree = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(values, dict) or tree is None:
        raise UserError(f"{path}: expected `key: value` lines, found {'nothing' if values is None else values!r}")
    names = [key.value for key, _ in tree.value]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path}: key {twice[0]!r} stands there {names.count(twice[0])} times; keep one")
    return values


def read_run(folder: Path) -> dict[str, Any]:
    """The resolved keys of the run that a saved folder came from; none where it does not say."""
    recorded = folder / RUN_CONFIG
    return read_yaml(recorded) if recorded.is_file() else {}
