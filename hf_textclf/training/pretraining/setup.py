"""What a pretraining run needs before its first step: a tokenizer with an end of text, and a language model."""

import logging
from dataclasses import fields
from typing import Any

from datasets import Dataset
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedTokenizerFast

from ...errors import UserError
from ...models.embeddings import load_embeddings, tokenizer_of
from ...models.loading import load_language_model
from ...models.lstm import LSTMConfig, LSTMForCausalLM
from ...tokenization import load_tokenizer, train_tokenizer
from .arguments import PretrainingArguments

logger = logging.getLogger(__name__)
END = "[EOS]"
# what two language models must have in common for one bidirectional classifier to start from both
SHARED_SIZES = ("embedding_size", "hidden_size", "num_hidden_layers")


def start_from(arguments: PretrainingArguments, new: Any) -> LSTMForCausalLM | None:
    """Load the language model that gives its tokenizer and embeddings, and take its sizes where none are given.

    new: the fields of the new model, changed in place.

    Raises:
        UserError: no such model, or keys that contradict it.
    """
    if arguments.init_from is None:
        return None
    for name in ("tokenizer_type", "tokenizer_name_or_path", "embeddings_from"):
        if getattr(arguments, name):
            raise UserError(
                f"{name} {getattr(arguments, name)!r} stands beside init_from {arguments.init_from!r}, which has its "
                "own tokenizer and embeddings; drop one"
            )
    first = load_language_model(arguments.init_from)
    for name in SHARED_SIZES:
        if getattr(new, name) is None:
            setattr(new, name, getattr(first.config, name))
    fits = {
        "embedding_size": new.embedding_size == first.config.embedding_size,
        # a limit, which the first model need not have reached
        "vocab_size": new.vocab_size is None or new.vocab_size >= first.config.vocab_size,
    }
    for name, fit in fits.items():
        if not fit:
            raise UserError(
                f"{name}={getattr(new, name)} contradicts init_from {arguments.init_from!r}, expected "
                f"{getattr(first.config, name)}; drop it"
            )
    return first


def make_tokenizer(
    texts: Dataset, arguments: PretrainingArguments, *, vocab_size: int | None
) -> PreTrainedTokenizerFast:
    """Load or train a tokenizer, and give it an end-of-text token, which it never adds to a text by itself."""
    name = arguments.init_from or arguments.tokenizer_name_or_path
    if not name and not arguments.tokenizer_type:
        name = tokenizer_of(arguments.embeddings_from)
    if name is not None:
        tokenizer = load_tokenizer(name, custom_model=True)
    else:
        tokenizer = train_tokenizer(
            iter(texts["text"]),
            tokenizer_type=arguments.tokenizer_type or "wordpiece",
            # the end of text is one more
            vocab_size=(vocab_size or 30_000) - 1,
            max_length=arguments.block_size,
        )
    if tokenizer.eos_token is None:
        tokenizer.add_special_tokens({"eos_token": tokenizer.sep_token or END})
    return tokenizer


def make_language_model(
    tokenizer: PreTrainedTokenizerFast,
    new: Any,
    *,
    reads_backwards: bool,
    first: LSTMForCausalLM | None,
    embeddings_from: str | None,
) -> LSTMForCausalLM:
    """Make a language model with random weights, or with the embeddings of the first one, which then stay as they are.

    new: the fields of the model (`LanguageModelArguments`), None where not given. embeddings_from: word vectors or a
    checkpoint whose embeddings it starts with instead.
    """
    chosen = {item.name: getattr(new, item.name) for item in fields(new) if getattr(new, item.name) is not None}
    chosen |= {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    try:
        config = LSTMConfig(reads_backwards=reads_backwards, eos_token_id=tokenizer.eos_token_id, **chosen)
    except StrictDataclassError as error:
        raise UserError(str(error).splitlines()[-1].strip()) from error
    model = LSTMForCausalLM(config)
    if first is not None:
        # the bias, the frequencies of the tokens, is a good start too
        model.lstm.embed_tokens.load_state_dict(first.lstm.embed_tokens.state_dict())
        model.lm_head.load_state_dict(first.lm_head.state_dict())
        model.lstm.embed_tokens.weight.requires_grad_(False)
    elif embeddings_from:
        logger.info("%s", load_embeddings(model, tokenizer, embeddings_from))
    # a text begins where another has ended
    model.generation_config.bos_token_id = tokenizer.eos_token_id
    return model
