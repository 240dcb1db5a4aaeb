"""The words of a text as readers see them, each with the tokens that a model reads of it."""

import re
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from ..tokenization import encode_whole
from ..tokenization.encoding import offsets_in_text, truncate

# scripts without blanks between words (Thai, Lao, Burmese, Khmer, kana, Chinese characters): each token is a word
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


@dataclass(frozen=True)
class Words:
    """One text. encoded: the tokens that the model reads, as `encode` returns them. word_ids: for each of them the
    number of its word, -1 for those that stand for none, such as [CLS]. spans: for each word of which a token is read
    where it begins and ends in the text, in characters; in order, without overlap. words: what stands there. unread:
    number of words cut off."""

    encoded: dict[str, list[int]]
    word_ids: list[int]
    spans: list[tuple[int, int]]
    words: list[str]
    unread: int

    def sums(self, values: Tensor) -> Tensor:
        """Sum values of tokens, (length, …), over words: (words, …). Pads at the end are left out."""
        word_ids = torch.tensor(self.word_ids, dtype=torch.long)
        sums = values.new_zeros(len(self.spans), *values.shape[1:], device="cpu")
        return sums.index_add(0, word_ids[word_ids >= 0], values[: len(word_ids)].cpu()[word_ids >= 0])


def find_words(tokenizer: PreTrainedTokenizerFast, text: str) -> Words:
    """Encode a text as `encode` does, and say which tokens make up its words.

    A word is what the tokenizer parts before it looks for pieces: at blanks and punctuation, at each Chinese
    character, or as its segmenter does. Where it leaves a script without blanks in one, each piece is a word.
    Raises UserError: the tokenizer needs a segmenter that is not installed.
    """
    whole = encode_whole(tokenizer, [text])
    offsets = offsets_in_text(tokenizer, text, whole.encodings[0].offsets)
    all_ids, spans = _words(text, offsets, whole.word_ids(0), unspaced="segmenter" not in tokenizer.init_kwargs)
    encoded = dict(whole) | {"word_ids": [all_ids]}
    truncate(tokenizer, encoded)
    [word_ids] = encoded.pop("word_ids")
    read = sorted(set(word_ids) - {-1})
    numbers = {word: number for number, word in enumerate(read)}
    return Words(
        encoded={name: rows[0] for name, rows in encoded.items()},
        word_ids=[numbers.get(word, -1) for word in word_ids],
        spans=[spans[word] for word in read],
        words=[text[slice(*spans[word])] for word in read],
        unread=len(spans) - len(read),
    )


def _words(
    text: str, offsets: list[tuple[int, int]], word_ids: list[int | None], *, unspaced: bool
) -> tuple[list[int], list[tuple[int, int]]]:
    """The word of each token, -1 for none, and the span of each word. unspaced: whether `UNSPACED` matters."""
    numbers: list[int] = []
    spans: list[tuple[int, int]] = []
    latest = None
    for (start, end), word_id in zip(offsets, word_ids, strict=True):
        # the pieces of some tokenizers are blanks: these go with the word before
        if word_id is not None and (piece := text[start:end]).strip():
            start, end = start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())
            before = spans[-1][1] if spans else 0
            begins = word_id != latest or (unspaced and UNSPACED.search(text[before - 1] + text[start]))
            # several tokens may share one character, as the bytes of one do
            if start >= before and begins:
                spans.append((start, end))
            else:
                spans[-1] = (spans[-1][0], max(end, before))
            latest = word_id
        numbers.append(-1 if word_id is None else len(spans) - 1)
    return numbers, spans
