"""From texts to the rows of a language model's batches.

The texts are one stream, each followed by the end-of-text token, cut into blocks that are read from a state of zero.
AWD-LSTM (Merity et al. 2017) carries the state from block to block instead, which needs batches in a fixed order;
blocks can be shuffled, resumed and spread over processes by the stock Trainer, and a classifier starts each of its
texts from zero as well.
"""

from itertools import chain
from typing import Any

from datasets import DatasetDict, Features, List, Value
from transformers import PreTrainedTokenizerFast

from ...errors import UserError
from ...tokenization.encoding import segmented

BATCH = 1000  # texts


def cut_blocks(
    texts: DatasetDict, tokenizer: PreTrainedTokenizerFast, *, block_size: int, reads_backwards: bool
) -> DatasetDict:
    """Cut all splits into rows of block_size + 1 token ids, the last of which is the first of the next row: it is only
    predicted there. What is left of every thousand texts beyond whole blocks is dropped.

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

    options: dict[str, Any] = {"features": Features({"input_ids": List(Value("int32"))}), "desc": "tokenizing"}
    blocks = texts.map(step, batched=True, batch_size=BATCH, remove_columns=["text"], **options)
    for name, rows in blocks.items():
        if not len(rows):
            raise UserError(
                f"{name} has {len(texts[name]):,} texts with fewer than block_size={block_size} tokens in all, "
                "expected one block at least; set a smaller --block_size or another --validation_size"
            )
    return blocks
