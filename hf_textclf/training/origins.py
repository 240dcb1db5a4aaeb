"""What a run starts from: a checkpoint, language models, a frozen encoder, or nothing but its configuration (scratch).

`find_origin` decides. Each origin is one function, which says what tokenizer is loaded and how the model is made, and
refuses what does not go with it. Linear models have a call of their own, `linear.train_linear`.
"""

import inspect
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from itertools import chain
from typing import Any

import psutil  # type: ignore[import-untyped]
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerFast

from ..data import TextData
from ..errors import UserError
from ..models.auto import MODELS
from ..models.embeddings import load_embeddings, tokenizer_of
from ..models.linear import KINDS
from ..models.loading import check_trust, init_model, load_config, load_for_finetuning, longest_text
from ..models.warm_start import copy_start, load_start
from ..tokenization import check_agreement, load_tokenizer, set_truncation, train_tokenizer
from .arguments import ModelArguments, NewModelArguments
from .trainer_arguments import given_keys

logger = logging.getLogger(__name__)
CUSTOM_MODELS = {config.model_type: config for config, _, _ in MODELS}
OF_TRAINED_TOKENIZERS = ("tokenizer_type", "segmenter", "vocab_size")
# the keys that say again what an origin brings with it
BROUGHT = {
    "init_from": (
        "model_name_or_path", "encoder_name_or_path", "tokenizer_name_or_path", "embeddings_from",
        *OF_TRAINED_TOKENIZERS,
    ),
    "model_name_or_path": (
        "encoder_name_or_path", "embeddings_from", *OF_TRAINED_TOKENIZERS,
        *(item.name for item in fields(NewModelArguments)),
    ),
    "encoder_name_or_path": ("embeddings_from", *OF_TRAINED_TOKENIZERS),
    "tokenizer_name_or_path": OF_TRAINED_TOKENIZERS,
    "embeddings_from": OF_TRAINED_TOKENIZERS,
}  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """Where a run takes its tokenizer and its model from.

    tokenizer: folder or Hub id, unless the user names another one; None where one is trained. make_model: of the
    tokenizer and `id2label`, `label2id` and `problem_type`. options: how the tokenizer's folder is loaded.
    """

    tokenizer: str | None
    model_type: str
    make_model: Callable[[PreTrainedTokenizerFast, dict[str, Any]], PreTrainedModel]
    options: dict[str, Any] = field(default_factory=dict)


def find_origin(arguments: ModelArguments, new: Any) -> Origin:
    """Decide what a run starts from. new: the fields of a new model (`NewModelArguments`), None where not given.
    Raises UserError: keys that contradict each other or the origin; an origin that cannot be read.
    """
    check_trust(arguments.revision or "main", arguments.trust_remote_code)
    for key, origin in ORIGINS.items():
        if getattr(arguments, key):
            refuse_beside(key, BROUGHT[key], arguments, new)
            return origin(arguments, new)
    return _scratch(arguments, new)


def refuse_beside(origin: str, brought: Iterable[str], *parts: Any) -> None:
    """Raise UserError where a key is given that an origin brings with it. parts: the dataclasses that hold keys."""
    given = given_keys(*parts)
    if key := next((key for key in brought if key in given), None):
        raise UserError(
            f"{key}={given[key]} stands beside {origin} {given[origin]!r}, which has its own; drop one of them"
        )


def _checkpoint(arguments: ModelArguments, new: Any) -> Origin:
    """A model of any family is trained further."""
    name = str(arguments.model_name_or_path)
    options: Any = {"revision": arguments.revision or "main", "trust_remote_code": arguments.trust_remote_code}
    model_type = load_config(name, **options).model_type
    return Origin(name, model_type, lambda tokenizer, labels: load_for_finetuning(name, labels, **options), options)


def _language_models(arguments: ModelArguments, new: Any) -> Origin:
    """A new classifier starts from the body of one language model, or of two for its two directions."""
    folders: Any = arguments.init_from

    def make_model(tokenizer: PreTrainedTokenizerFast, labels: dict[str, Any]) -> PreTrainedModel:
        models, keys = load_start(folders, given_keys(new))
        model = init_model(_new_config(arguments, keys, tokenizer, labels))
        copy_start(model, models)
        # otherwise the Trainer writes it down itself, with a warning
        model.config.eos_token_id = tokenizer.eos_token_id
        return model

    _family(arguments)
    # their sizes are those of the language models
    _check_keys(arguments, {key: value for key, value in given_keys(new).items() if key != "num_attention_heads"})
    return Origin(folders[0], arguments.model_type, make_model)


def _frozen_encoder(arguments: ModelArguments, new: Any) -> Origin:
    """A new head is trained on the features of a pretrained encoder, which stays as it is."""
    name, revision = str(arguments.encoder_name_or_path), arguments.revision or "main"
    family = _family(arguments)
    encoder = load_config(name, revision=revision)
    if encoder.model_type in CUSTOM_MODELS:
        raise UserError(
            f"encoder {name!r} is a {encoder.model_type}, expected a model of Transformers' own, such as a BERT; "
            "train this one further with --model_name_or_path"
        )
    # it is saved, and a path of this machine is nobody else's business
    encoder.name_or_path = ""
    keys = given_keys(new) | dict.fromkeys(family.sub_configs, encoder)
    _check_keys(arguments, keys)

    def make_model(tokenizer: PreTrainedTokenizerFast, labels: dict[str, Any]) -> PreTrainedModel:
        return init_model(_new_config(arguments, keys, tokenizer, labels), encoder=name, revision=revision)

    return Origin(name, arguments.model_type, make_model, {"revision": revision})


def _scratch(arguments: ModelArguments, new: Any) -> Origin:
    """A new model starts at random, but for embeddings where they are given."""
    _family(arguments)
    if arguments.tokenizer_name_or_path:
        refuse_beside("tokenizer_name_or_path", BROUGHT["tokenizer_name_or_path"], arguments, new)
    name = None if arguments.tokenizer_type else tokenizer_of(arguments.embeddings_from)
    if name and not arguments.tokenizer_name_or_path:
        refuse_beside("embeddings_from", BROUGHT["embeddings_from"], arguments, new)
    keys = given_keys(new)
    # before the data are read; how many tokens they have, at least one, is known after
    check_size(_check_keys(arguments, keys | {"vocab_size": min(keys.get("vocab_size", 1), 1)}))

    def make_model(tokenizer: PreTrainedTokenizerFast, labels: dict[str, Any]) -> PreTrainedModel:
        config = _new_config(arguments, keys, tokenizer, labels)
        check_size(config)
        return init_model(config)

    return Origin(name, arguments.model_type, make_model)


# the key that names each origin; the first one given decides, and refuses the others
ORIGINS: dict[str, Callable[[ModelArguments, Any], Origin]] = {
    "init_from": _language_models,
    "model_name_or_path": _checkpoint,
    "encoder_name_or_path": _frozen_encoder,
}


def _family(arguments: ModelArguments) -> Any:
    """The configuration class of a new model; refuses one whose encoder is missing or not wanted."""
    model_type, encoder = arguments.model_type, arguments.encoder_name_or_path
    family: Any = CUSTOM_MODELS.get(model_type)
    if family is None:
        raise UserError(
            f"model_type {model_type!r} is not home-made, expected one of {', '.join([*CUSTOM_MODELS, *KINDS])}; "
            "name a checkpoint of another family with --model_name_or_path"
        )
    if encoder and not family.sub_configs:
        raise UserError(
            f"encoder_name_or_path {encoder!r}, but model_type {model_type!r} has no encoder; drop it, "
            "add --model_type textclf_frozen, or train the whole encoder with --model_name_or_path"
        )
    if family.sub_configs and not encoder:
        raise UserError(
            f"model_type {model_type!r} needs a pretrained encoder; name a checkpoint with --encoder_name_or_path"
        )
    return family


def _new_config(
    arguments: ModelArguments, keys: dict[str, Any], tokenizer: PreTrainedTokenizerFast, labels: dict[str, Any]
) -> Any:
    """The configuration of a new model. keys: those of its fields that are given."""
    known = CUSTOM_MODELS[arguments.model_type].__annotations__
    derived = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    keys = keys | {name: value for name, value in derived.items() if name in known}
    return make_config(arguments.model_type, **keys, **labels)


def _check_keys(arguments: ModelArguments, keys: dict[str, Any]) -> Any:
    """Refuse keys that are of another family or out of range; returns a configuration of these keys."""
    known = CUSTOM_MODELS[arguments.model_type].__annotations__
    if foreign := sorted(keys.keys() - known.keys()):
        raise UserError(f"{foreign[0]} is no key of model_type {arguments.model_type!r}; its keys: {', '.join(known)}")
    return make_config(arguments.model_type, **keys)


def check_size(config: Any) -> None:
    """Refuse a new model that cannot be trained in the memory of this machine; nothing of it is made.
    Raises UserError: with the memory that it needs.
    """
    try:
        with torch.device("meta"):
            count = AutoModelForSequenceClassification.from_config(config).num_parameters()
    except RuntimeError as error:
        raise UserError(f"the sizes of the model are too large ({error}); lower --hidden_size or others") from error
    # weights, gradients and what Adam keeps of both, in single precision
    needed, there = 16 * count / 1e9, psutil.virtual_memory().total / 1e9
    if needed > there:
        raise UserError(
            f"a model of {count:,} weights needs {needed:,.0f} GB of memory, this machine has {there:,.0f}; "
            "lower --hidden_size, --embedding_size or --num_hidden_layers"
        )


def make_config(model_type: str, **keys: Any) -> Any:
    """Make the configuration of a home-made model; raises UserError for values out of range."""
    try:
        return AutoConfig.for_model(model_type, **keys)
    except StrictDataclassError as error:
        problem = str(error).splitlines()[-1].strip().removeprefix("ValueError: ").removeprefix("TypeError: ")
        raise UserError(f"{problem}; correct it") from error


def make_tokenizer(origin: Origin, data: TextData, arguments: ModelArguments, new: Any) -> PreTrainedTokenizerFast:
    """Load the tokenizer of an origin, or train one on the training texts."""
    if name := arguments.tokenizer_name_or_path or origin.tokenizer:
        # code from elsewhere is not trusted
        options = origin.options if name == origin.tokenizer else {}
        # a BERT tokenizer would add `token_type_ids` for a custom model that takes none
        no_segments = any(
            "token_type_ids" not in inspect.signature(model.forward).parameters
            for config, auto, model in MODELS
            if config.model_type == origin.model_type and auto is AutoModelForSequenceClassification
        )
        tokenizer = load_tokenizer(name, custom_model=no_segments, **options)
    else:
        tokenizer = train_tokenizer(
            iter(data.splits["train"]["text"]),
            tokenizer_type=arguments.tokenizer_type or "wordpiece",
            vocab_size=new.vocab_size or 30_000,
            max_length=arguments.max_length,
            segmenter=arguments.segmenter,
        )
    keys: Any = {name: getattr(arguments, name) for name in ("truncation", "max_length", "head_tokens")}
    set_truncation(tokenizer, **keys)
    return tokenizer


def make_model(
    origin: Origin, data: TextData, tokenizer: PreTrainedTokenizerFast, train_ids: Any, arguments: ModelArguments
) -> PreTrainedModel:
    """Make the model of an origin for the labels of the data; embeddings are reported for `train_ids`, the training
    texts."""
    label2id = {name: number for number, name in enumerate(data.label_names)}
    labels = {"id2label": dict(enumerate(data.label_names)), "label2id": label2id, "problem_type": data.problem_type}
    model = origin.make_model(tokenizer, labels)
    longest = longest_text(model.config)
    if longest and arguments.max_length > longest:
        raise UserError(
            f"max_length={arguments.max_length} is more than the {longest} positions of "
            f"{arguments.model_name_or_path or arguments.encoder_name_or_path!r}; set --max_length {longest} or less"
        )
    check_agreement(tokenizer, model.config)
    if source := arguments.embeddings_from:
        counts = Counter(chain.from_iterable(train_ids))
        logger.info("%s", load_embeddings(model, tokenizer, source, counts=counts))
    return model
