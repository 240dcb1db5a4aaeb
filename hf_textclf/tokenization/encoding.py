"""Texts to token ids: Chinese words first where asked, then one slice of the whole sequence, or all of it in windows.

`tokenizers` cannot save a pre-tokenizer written in Python. So jieba's words are joined by blanks, and
tokenizer_config.json says so under `segmenter`, which `encode` heeds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from transformers import BatchEncoding, DataCollatorWithPadding, PreTrainedTokenizerFast

from ..errors import UserError
from .loading import NO_JIEBA, head_and_tail, special_tokens_around
from .tokenization_classifier import cut_words

SEGMENTERS = ("jieba",)


def segment(texts: Iterable[str], segmenter: str) -> list[str]:
    """Cut texts into words and join these by blanks. What is not Chinese keeps its own blanks.

    Raises UserError for an unknown segmenter, or one that is not installed.
    """
    if segmenter not in SEGMENTERS:
        raise UserError(f"segmenter {segmenter!r} is unknown; choose one of {', '.join(SEGMENTERS)}")
    try:
        return cut_words(texts)
    except ImportError as error:
        raise UserError(NO_JIEBA) from error


def segmented(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> list[str]:
    """Return the texts as this tokenizer wants them: cut into words where it was trained on such texts."""
    segmenter = tokenizer.init_kwargs.get("segmenter")
    return texts if segmenter is None else segment(texts, segmenter)


def encode_whole(tokenizer: PreTrainedTokenizerFast, texts: list[str], *, is_segmented: bool = False) -> BatchEncoding:
    """Turn texts, of which there is one at least, into token ids without cutting them; further as `encode`."""
    texts = texts if is_segmented else segmented(tokenizer, texts)
    # not verbose: the warning about long sequences is untrue where we cut them
    return tokenizer(texts, truncation=False, padding=False, verbose=False)


def truncate(tokenizer: PreTrainedTokenizerFast, encoded: dict[str, list[Any]]) -> list[int]:
    """Cut encoded texts in place, as `set_truncation` decided; returns how many tokens each had before."""
    lengths = [len(row) for row in encoded["input_ids"]]
    head, tail = head_and_tail(tokenizer)
    for rows in encoded.values():
        for number, length in enumerate(lengths):
            if length > head + tail:
                rows[number] = rows[number][:head] + rows[number][length - tail :]
    return lengths


def encode(
    tokenizer: PreTrainedTokenizerFast, texts: list[str], *, with_lengths: bool = False
) -> dict[str, list[Any]]:
    """Turn texts into token ids, cut as `set_truncation` decided. Not padded: collators do that batch by batch.

    Returns one list of ints for each text under each of the tokenizer's `model_input_names` that it can fill
    (`input_ids`, `attention_mask`, for BERT `token_type_ids`). with_lengths: also `untruncated_length`, the number of
    tokens that each text has before it is cut. Raises UserError where a segmenter is needed but not installed.
    """
    encoded = dict(encode_whole(tokenizer, texts)) if texts else {name: [] for name in tokenizer.model_input_names}
    lengths = truncate(tokenizer, encoded)
    return encoded | ({"untruncated_length": lengths} if with_lengths else {})


class PaddingCollator(DataCollatorWithPadding):
    """The stock collator, which also takes a batch of nothing but empty texts."""

    def __call__(self, features: list[dict[str, Any]]) -> BatchEncoding:
        """Pad a list of encoded texts into one batch of tensors, (batch, length)."""
        if not any(len(row["input_ids"]) for row in features):
            # a tensor of no numbers at all would have no integer type
            pad = {"input_ids": [self.tokenizer.pad_token_id], "attention_mask": [0]}
            features = [row | pad for row in features]
        return super().__call__(features)


def batches_by_length(
    encoded: dict[str, list[Any]], collate: PaddingCollator, *, batch_size: int
) -> Iterator[tuple[np.ndarray, BatchEncoding]]:
    """Yield padded batches of encoded texts, in which texts of similar length stand together, with their rows."""
    order = np.argsort([len(row) for row in encoded["input_ids"]], kind="stable")
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield rows, collate([{name: values[row] for name, values in encoded.items()} for row in rows])


@dataclass(frozen=True)
class Windows:
    """Whole texts as windows of at most `model_max_length` tokens, none of which is lost, in the order of the texts.

    encoded: one list of ints for each window under each input of the model, as `encode` returns them. text_index: for
    each window the number of its text. spans: for each window where it begins and ends in its text, in characters.
    """

    encoded: dict[str, list[Any]]
    text_index: list[int]
    spans: list[tuple[int, int]]


def encode_windows(tokenizer: PreTrainedTokenizerFast, texts: list[str], *, stride: int = 0) -> Windows:
    """Turn texts into windows, each with the special tokens around it. A text that fits, an empty one too, is a single
    window, the same as `encode` makes of it.

    stride: number of tokens that a window shares with the one before it. The last window of a text reaches further
    back, to be as long as the others: a rest of three tokens would be a text of its own kind. Raises UserError for a
    stride that leaves no room for a new token.
    """
    prefix, suffix = special_tokens_around(tokenizer)
    room = tokenizer.model_max_length - prefix - suffix
    if not 0 <= stride < room:
        raise UserError(f"stride={stride} in windows of {room}, expected 0 to {room - 1}; change it or --max_length")
    if not texts:
        return Windows({name: [] for name in tokenizer.model_input_names}, [], [])
    encoded = encode_whole(tokenizer, texts)
    windows = Windows({name: [] for name in encoded}, [], [])
    for number, text in enumerate(texts):
        length = len(encoded["input_ids"][number])
        over = length - prefix - suffix - room
        starts = [0] if over <= 0 else [*range(0, over, room - stride), over]
        offsets = offsets_in_text(tokenizer, text, encoded.encodings[number].offsets) if over > 0 else []
        for start in starts:
            for name, rows in encoded.items():
                row = rows[number]
                cut = row[:prefix] + row[prefix + start : prefix + start + room] + row[length - suffix :]
                windows.encoded[name].append(row if over <= 0 else cut)
            begin = offsets[prefix + start][0] if start > 0 else 0
            end = offsets[prefix + start + room - 1][1] if start < over else len(text)
            windows.text_index.append(number)
            windows.spans.append((begin, end))
    return windows


def offsets_in_text(
    tokenizer: PreTrainedTokenizerFast, text: str, offsets: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return where tokens stand in a text, from where they do in the segmented one, which differs in its blanks."""
    [words] = segmented(tokenizer, [text])
    if words == text:
        return offsets
    positions = [position for position, character in enumerate(text) if not character.isspace()]
    starts, ends = [*positions, len(text)], [0, *(position + 1 for position in positions)]
    # the number of characters before each position
    before = list(accumulate((not character.isspace() for character in words), initial=0))
    return [(starts[before[start]], ends[before[end]]) for start, end in offsets]
