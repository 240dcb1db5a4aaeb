"""One pretraining run, read top to bottom: texts, tokenizer, blocks, language model, Trainer, saved folder."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import DataCollatorForLanguageModeling, Trainer, TrainingArguments, set_seed

from ...card import write_card
from ...data import TextArguments, load_texts
from ...provenance import describe_hardware, describe_versions
from ..output_dir import check_checkpoint, find_checkpoint, save_folder
from ..trainer import StopAtNaN, run_trainer
from ..trainer_arguments import check_arguments, given_keys, training_keys
from .arguments import PretrainingArguments
from .blocks import cut_blocks
from .setup import make_language_model, make_tokenizer, start_from

logger = logging.getLogger(__name__)


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
    checkpoint = find_checkpoint(run.training)
    check_arguments(run.training)
    # the loss alone: logits over the vocabulary for all texts would not fit into memory
    run.training.prediction_loss_only = True
    set_seed(run.training.seed)

    first = start_from(run.model, run.new_model)
    texts = load_texts(run.data, run.model.splits)
    tokenizer = make_tokenizer(texts["train"], run.model, vocab_size=run.new_model.vocab_size)
    backwards = run.model.direction == "backward"
    blocks = cut_blocks(texts, tokenizer, block_size=run.model.block_size, reads_backwards=backwards)
    tokens = {name: len(rows) * run.model.block_size for name, rows in blocks.items()}
    for name, count in tokens.items():
        logger.info("%s: %s texts, %s tokens", name, f"{len(texts[name]):,}", f"{count:,}")

    model = make_language_model(
        tokenizer,
        run.new_model,
        reads_backwards=backwards,
        first=first,
        embeddings_from=run.model.embeddings_from,
    )
    logger.info("%s with %s parameters", type(model).__name__, f"{model.num_parameters():,}")
    if checkpoint:
        check_checkpoint(checkpoint, model)

    trainer = Trainer(
        model,
        run.training,
        train_dataset=blocks["train"],
        eval_dataset=blocks["validation"],
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
        processing_class=tokenizer,
        callbacks=[StopAtNaN()],
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
    if trainer.is_world_process_zero():
        recorded = given_keys(run.data, run.model, run.new_model) | training_keys(run.training)
        name = Path(str(run.training.output_dir)).resolve().name
        save_folder(
            trainer, recorded=recorded, results=results, write_more=lambda folder: write_card(folder, name=name)
        )
    trainer.accelerator.wait_for_everyone()
    return results
