"""Whole texts as windows of at most `model_max_length` tokens, none of which is lost."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from transformers import PreTrainedTokenizerFast

from ..errors import UserError
from .encoding import encode_whole, special_tokens_around
from .segmentation import segmented


@dataclass(frozen=True)
class Windows:
    """The windows of some texts, in the order of the texts.

    encoded: one list of ints for each window under each input of the model, as `encode` returns them. owners: for
    each window the number of its text. spans: for each window where it begins and ends in its text, in characters.
    """

    encoded: dict[str, list[Any]]
    owners: list[int]
    spans: list[tuple[int, int]]


def encode_windows(tokenizer: PreTrainedTokenizerFast, texts: list[str], *, stride: int = 0) -> Windows:
    """Turn texts into windows, each with the special tokens around it. A text that fits, an empty one too, is a single
    window, the same as `encode` makes of it.

    stride: number of tokens that a window shares with the one before it. The last window of a text reaches further
    back, to be as long as the others: a rest of three tokens would be a text of its own kind.

    Raises:
        UserError: a stride that leaves no room for a new token.
    """
    prefix, suffix = special_tokens_around(tokenizer)
    room = tokenizer.model_max_length - prefix - suffix
    if not 0 <= stride < room:
        raise UserError(
            f"stride={stride} of windows with room for {room} tokens, expected 0 to {room - 1}; change --stride or "
            "--max_length"
        )
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
                part = row[:prefix] + row[prefix + start : prefix + start + room] + row[length - suffix :]
                windows.encoded[name].append(row if over <= 0 else part)
            begin = offsets[prefix + start][0] if start > 0 else 0
            end = offsets[prefix + start + room - 1][1] if start < over else len(text)
            windows.owners.append(number)
            windows.spans.append((begin, end))
    return windows


def offsets_in_text(
    tokenizer: PreTrainedTokenizerFast, text: str, offsets: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Where the tokens of a text stand in it; offsets: where they stand in the segmented text, which has other blanks
    and nothing else that differs."""
    [cut] = segmented(tokenizer, [text])
    if cut == text:
        return offsets
    places = [place for place, character in enumerate(text) if not character.isspace()]
    starts, ends = [*places, len(text)], [0, *(place + 1 for place in places)]
    # the number of characters before each place
    before = list(accumulate((not character.isspace() for character in cut), initial=0))
    return [(starts[before[start]], ends[before[end]]) for start, end in offsets]
