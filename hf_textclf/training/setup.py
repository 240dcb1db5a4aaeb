"""What a run needs before its first step: a place to write, a tokenizer, encoded texts, a model."""

import inspect
import logging
from collections import Counter
from dataclasses import fields
from itertools import chain
from typing import Any

from datasets import DatasetDict
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerFast

from ..data import TextData
from ..errors import UserError
from ..models.auto import MODELS
from ..models.embeddings import load_embeddings, tokenizer_of
from ..models.linear import KINDS
from ..models.loading import check_trust, init_model, load_config, load_for_finetuning, longest_text
from ..models.warm_start import copy_start, load_start
from ..tokenization import check_agreement, encode, load_tokenizer, set_truncation, train_tokenizer
from .arguments import ModelArguments
from .origins import encoder_config

logger = logging.getLogger(__name__)
CUSTOM_MODELS = {config.model_type: config for config, _, _ in MODELS}


def make_tokenizer(data: TextData, arguments: ModelArguments, *, vocab_size: int | None) -> PreTrainedTokenizerFast:
    """Load the tokenizer that the arguments name, or train one on the training texts."""
    check_trust(arguments.revision or "main", arguments.trust_remote_code)
    name = arguments.tokenizer_name_or_path or arguments.model_name_or_path or arguments.encoder_name_or_path
    if arguments.init_from:
        for key in ("tokenizer_name_or_path", "model_name_or_path", "encoder_name_or_path", "embeddings_from"):
            if value := getattr(arguments, key):
                raise UserError(f"{key} {value!r} stands beside init_from, which has its own; drop one of them")
        name = arguments.init_from[0]
    if name and arguments.tokenizer_type:
        raise UserError(f"tokenizer_type {arguments.tokenizer_type!r} trains a tokenizer, {name!r} has one; drop one")
    if not name and not arguments.tokenizer_type:
        name = tokenizer_of(arguments.embeddings_from)
    if name is None:
        tokenizer = train_tokenizer(
            iter(data.splits["train"]["text"]),
            tokenizer_type=arguments.tokenizer_type or "wordpiece",
            vocab_size=vocab_size or 30_000,
            max_length=arguments.max_length,
            segmenter=arguments.segmenter,
        )
    else:
        if arguments.segmenter:
            raise UserError(
                f"segmenter {arguments.segmenter!r} is for a tokenizer that is trained, but {name!r} has its own; "
                "drop one of them"
            )
        if vocab_size is not None:
            raise UserError(
                f"vocab_size={vocab_size} limits a tokenizer that is trained, but {name!r} has its own; "
                "drop one of them"
            )
        model_type = _config(arguments).model_type if arguments.model_name_or_path else arguments.model_type
        tokenizer = load_tokenizer(
            name, custom_model=_reads_no_segments(model_type), revision=_revision(arguments, name),
            trust_remote_code=arguments.trust_remote_code,
        )  # fmt: skip
    set_truncation(
        tokenizer,
        truncation=arguments.truncation,
        max_length=arguments.max_length,
        head_tokens=arguments.head_tokens,
    )
    return tokenizer


def _reads_no_segments(model_type: str) -> bool:
    """Whether a model is a home-made one that takes no `token_type_ids`, which a BERT tokenizer would add."""
    return any(
        "token_type_ids" not in inspect.signature(model.forward).parameters
        for config, auto, model in MODELS
        if config.model_type == model_type and auto is AutoModelForSequenceClassification
    )


def encode_splits(data: TextData, tokenizer: PreTrainedTokenizerFast) -> DatasetDict:
    """Turn the texts of all splits into token ids; `length` is what the sampler groups by."""

    def step(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        encoded = encode(tokenizer, batch["text"], with_lengths=True)
        encoded["length"] = [len(row) for row in encoded["input_ids"]]
        return encoded

    return data.splits.map(step, batched=True, remove_columns=["text"], desc="tokenizing")


def make_model(
    data: TextData,
    tokenizer: PreTrainedTokenizerFast,
    train_ids: list[list[int]],
    *,
    arguments: ModelArguments,
    new: Any,
) -> PreTrainedModel:
    """Make a new model of a home-made family, or load the checkpoint that is to be trained further.

    train_ids: token ids of the training texts, which the coverage of pretrained embeddings is reported for.
    new: the fields of a new model (`args.NewModelArguments`), None where not given.
    """
    id2label = dict(enumerate(data.label_names))
    labels = {
        "id2label": id2label,
        "label2id": {name: number for number, name in id2label.items()},
        "problem_type": data.problem_type,
    }
    chosen = {item.name: getattr(new, item.name) for item in fields(new) if getattr(new, item.name) is not None}
    if arguments.model_name_or_path:
        for key in ("embeddings_from", "encoder_name_or_path"):
            if getattr(arguments, key):
                chosen[key] = getattr(arguments, key)
        if chosen:
            raise UserError(
                f"{sorted(chosen)[0]}={chosen[sorted(chosen)[0]]} describes a new model, but model_name_or_path "
                f"{arguments.model_name_or_path!r} has its own; drop one of them"
            )
        model = load_for_finetuning(
            arguments.model_name_or_path,
            labels,
            revision=_revision(arguments, arguments.model_name_or_path),
            trust_remote_code=arguments.trust_remote_code,
        )
    elif arguments.init_from:
        models, chosen = load_start(arguments.init_from, chosen)
        model = init_model(_new_config(arguments, chosen, labels, tokenizer))
        copy_start(model, models)
        # otherwise the Trainer writes it down itself, with a warning
        model.config.eos_token_id = tokenizer.eos_token_id
    else:
        config = _new_config(arguments, chosen, labels, tokenizer)
        model = init_model(config, encoder=arguments.encoder_name_or_path, revision=arguments.revision or "main")
    longest = longest_text(model.config)
    if longest and arguments.max_length > longest:
        raise UserError(
            f"max_length={arguments.max_length} is more than the {longest} positions of "
            f"{arguments.model_name_or_path or arguments.encoder_name_or_path!r}; set --max_length {longest} or less"
        )
    check_agreement(tokenizer, model.config)
    if arguments.embeddings_from:
        counts = Counter(chain.from_iterable(train_ids))
        coverage = load_embeddings(model, tokenizer, arguments.embeddings_from, counts=counts)
        logger.info("%s", coverage)
    return model


def _revision(arguments: ModelArguments, name: str) -> str:
    """The revision is that of the model; a tokenizer from elsewhere is taken as it is now."""
    own = name in (arguments.model_name_or_path, arguments.encoder_name_or_path)
    return (arguments.revision or "main") if own else "main"


def _config(arguments: ModelArguments) -> Any:
    assert arguments.model_name_or_path is not None
    return load_config(
        arguments.model_name_or_path,
        revision=_revision(arguments, arguments.model_name_or_path),
        trust_remote_code=arguments.trust_remote_code,
    )


def _new_config(
    arguments: ModelArguments, chosen: dict[str, Any], labels: dict[str, Any], tokenizer: PreTrainedTokenizerFast
) -> Any:
    if arguments.model_type not in CUSTOM_MODELS:
        raise UserError(
            f"model_type {arguments.model_type!r} is not home-made, expected one of "
            f"{', '.join([*CUSTOM_MODELS, *KINDS])}; name a checkpoint of another family with --model_name_or_path"
        )
    known = CUSTOM_MODELS[arguments.model_type].__annotations__
    derived = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    derived |= encoder_config(arguments, CUSTOM_MODELS, revision=arguments.revision or "main")
    if foreign := sorted(chosen.keys() - known.keys()):
        raise UserError(f"{foreign[0]} is no key of model_type {arguments.model_type!r}; its keys: {', '.join(known)}")
    chosen |= {name: value for name, value in derived.items() if name in known}
    try:
        return AutoConfig.for_model(arguments.model_type, **chosen, **labels)
    except StrictDataclassError as error:
        raise UserError(str(error).splitlines()[-1].strip()) from error
