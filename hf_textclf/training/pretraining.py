"""One pretraining run, read top to bottom: texts, tokenizer, blocks, language model, Trainer, saved folder.

The texts are one stream, each followed by the end-of-text token, cut into blocks that are read from a state of zero,
as a classifier reads each of its texts. AWD-LSTM (Merity et al. 2017) carries the state from block to block, which
needs batches in a fixed order; blocks can be shuffled, resumed and spread over processes by the stock Trainer.
"""

import logging
import math
from dataclasses import dataclass
from itertools import chain
from typing import Any

from datasets import Dataset, DatasetDict, Features, List, Value
from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast, TrainingArguments, set_seed

from ..data import TextArguments, load_texts
from ..errors import UserError
from ..models.embeddings import load_embeddings, tokenizer_of
from ..models.loading import load_language_model
from ..models.lstm import LSTMConfig, LSTMForCausalLM
from ..provenance import describe_hardware, describe_versions
from ..tokenization import load_tokenizer, train_tokenizer
from ..tokenization.encoding import segmented
from .arguments import PretrainingArguments
from .checkpoints import check_shapes, find_checkpoint
from .origins import check_size, make_config, refuse_beside
from .output_dir import hold_output, save_folder
from .trainer import ResumableTrainer, StopAtNaN, run_trainer
from .trainer_arguments import check_arguments, check_metric, given_keys, training_keys

logger = logging.getLogger(__name__)
BATCH = 1000  # texts
END = "[EOS]"
# what two language models must have in common for one bidirectional classifier to start from both
SHARED_SIZES = ("embedding_size", "hidden_size", "num_hidden_layers")


@dataclass(frozen=True)
class PretrainingRun:
    """Everything that decides a run. `new_model` holds the fields of the model, None where not given."""

    data: TextArguments
    model: PretrainingArguments
    new_model: Any
    training: TrainingArguments


def pretrain(run: PretrainingRun) -> dict[str, Any]:
    """Train a language model and save it, with its perplexity on the texts set aside, into the output folder.

    On a CPU `bf16` concerns the products over the vocabulary alone, which cost most; the LSTM stays in float32.
    Returns what `eval_results.json` holds. Perplexity is that of a token of the tokenizer, the end-of-text included.

    Raises:
        UserError: whatever is wrong with arguments, data or output folder, before anything is written; a loss that is
            not a number, afterwards.
    """
    settings = given_keys(run.data, run.model, run.new_model) | training_keys(run.training)
    checkpoint = find_checkpoint(run.training, settings)
    check_arguments(run.training)
    check_metric(run.training)
    # the loss alone: logits over the vocabulary for all texts would not fit into memory
    run.training.prediction_loss_only = True
    set_seed(run.training.seed)
    with hold_output(run.training):
        return _pretrain(run, settings, checkpoint)


def _pretrain(run: PretrainingRun, settings: dict[str, Any], checkpoint: str | None) -> dict[str, Any]:
    first = start_from(run.model, run.new_model)
    # what is out of range, before texts are read; how many tokens they have, at least one, is known after
    sizes = given_keys(run.new_model)
    check_size(make_config(LSTMConfig.model_type, **sizes | {"vocab_size": min(sizes.get("vocab_size", 1), 1)}))
    texts = load_texts(run.data, run.model.splits)
    tokenizer = make_tokenizer(texts["train"], run.model, run.new_model.vocab_size)
    backwards = run.model.direction == "backward"
    blocks = cut_blocks(texts, tokenizer, block_size=run.model.block_size, reads_backwards=backwards)
    tokens = {name: len(rows) * run.model.block_size for name, rows in blocks.items()}
    for name, count in tokens.items():
        logger.info("%s: %s texts, %s tokens", name, f"{len(texts[name]):,}", f"{count:,}")

    model = make_language_model(run, tokenizer, first)
    logger.info("%s with %s parameters", type(model).__name__, f"{model.num_parameters():,}")
    if checkpoint:
        check_shapes(checkpoint, model)

    trainer = ResumableTrainer(
        model,
        run.training,
        train_dataset=blocks["train"],
        eval_dataset=blocks["validation"],
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
        processing_class=tokenizer,
        callbacks=[StopAtNaN()],
        settings=settings,
    )
    seconds = run_trainer(trainer, checkpoint)

    loss = trainer.evaluate()["eval_loss"]
    epochs = trainer.state.epoch or 0
    results = {
        "split": "validation",
        "rows": len(texts["validation"]),
        # a loss above 700 has no perplexity that a float can hold
        "metrics": {"loss": loss, "perplexity": math.exp(min(loss, 700))},
        "tokens": tokens,
        "train_seconds": round(seconds, 1),
        "train_tokens_per_second": round(tokens["train"] * epochs / seconds),
        "epochs": round(epochs, 2),
        "num_parameters": model.num_parameters(),
        "hardware": describe_hardware(processes=run.training.world_size),
        "versions": describe_versions(),
    }
    recorded = given_keys(run.data, run.model, run.new_model) | training_keys(run.training)
    save_folder(trainer, recorded, results)
    return results


def start_from(arguments: PretrainingArguments, new: Any) -> LSTMForCausalLM | None:
    """Load the language model that gives its tokenizer and embeddings, and write its sizes into `new`, the fields of
    the new model, where none are given.

    Raises:
        UserError: no such model, or keys that contradict it.
    """
    if arguments.init_from is None:
        return None
    refuse_beside("init_from", ("tokenizer_type", "tokenizer_name_or_path", "embeddings_from"), arguments)
    first = load_language_model(arguments.init_from)
    for name in SHARED_SIZES:
        if getattr(new, name) is None:
            setattr(new, name, getattr(first.config, name))
    for name in ("embedding_size", "vocab_size"):
        value, expected = getattr(new, name), getattr(first.config, name)
        # vocab_size is a limit, which the first model need not have reached
        if value is not None and (value < expected or value > expected and name == "embedding_size"):
            raise UserError(
                f"{name}={value} contradicts init_from {arguments.init_from!r}, expected {expected}; drop it"
            )
    return first


def make_tokenizer(texts: Dataset, arguments: PretrainingArguments, vocab_size: int | None) -> PreTrainedTokenizerFast:
    """Load or train a tokenizer, and give it an end-of-text token, which it never adds to a text by itself."""
    own = None if arguments.tokenizer_type else tokenizer_of(arguments.embeddings_from)
    if name := arguments.init_from or arguments.tokenizer_name_or_path or own:
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
    run: PretrainingRun, tokenizer: PreTrainedTokenizerFast, first: LSTMForCausalLM | None
) -> LSTMForCausalLM:
    """Make a language model with random weights, but for the embeddings that the run names, or those of the first
    model, which then stay as they are."""
    keys = given_keys(run.new_model) | {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    keys |= {"eos_token_id": tokenizer.eos_token_id, "reads_backwards": run.model.direction == "backward"}
    model = LSTMForCausalLM(make_config(LSTMConfig.model_type, **keys))
    if first is not None:
        # the bias, the frequencies of the tokens, is a good start too
        model.lstm.embed_tokens.load_state_dict(first.lstm.embed_tokens.state_dict())
        model.lm_head.load_state_dict(first.lm_head.state_dict())
        model.lstm.embed_tokens.weight.requires_grad_(False)
    elif run.model.embeddings_from:
        logger.info("%s", load_embeddings(model, tokenizer, run.model.embeddings_from))
    # a text begins where another has ended
    model.generation_config.bos_token_id = tokenizer.eos_token_id
    return model


def cut_blocks(
    texts: DatasetDict, tokenizer: PreTrainedTokenizerFast, *, block_size: int, reads_backwards: bool
) -> DatasetDict:
    """Cut all splits into rows of block_size + 1 token ids; the last, only predicted, is the first of the next row.
    What is left of every thousand texts beyond whole blocks is dropped.

    Raises:
        UserError: a split that is shorter than one block.
    """

    def step(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        # not verbose: the warning about long sequences is untrue where we cut them
        words = segmented(tokenizer, batch["text"])
        rows = tokenizer(words, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        end = [tokenizer.eos_token_id]
        stream = [*end, *chain.from_iterable((row[::-1] if reads_backwards else row) + end for row in rows)]
        starts = range(0, len(stream) - block_size, block_size)
        return {"input_ids": [stream[start : start + block_size + 1] for start in starts]}

    features = Features({"input_ids": List(Value("int32"))})
    options: Any = {"remove_columns": ["text"], "features": features, "desc": "tokenizing"}
    blocks = texts.map(step, batched=True, batch_size=BATCH, **options)
    for name, rows in blocks.items():
        if not len(rows):
            raise UserError(
                f"{name} has {len(texts[name]):,} texts with fewer than block_size={block_size} tokens in all, "
                "expected one block at least; set a smaller --block_size or another --validation_size"
            )
    return blocks
