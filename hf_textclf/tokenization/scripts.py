"""The scripts that a vocabulary has words of, and texts in another one, which its model cannot read."""

import unicodedata
from collections import Counter
from functools import cached_property

from tokenizers import Encoding
from transformers import PreTrainedTokenizerFast

# a text whose model reads less than this share of its letters is foreign to it
MIN_READ = 0.5
# A vocabulary knows a script that a fifth of it is written in, or so many of its pieces, as in one of many languages.
# Of the 30,522 of an English BERT 8 are pieces of Cyrillic words, some 500 are Chinese characters; of 30,000 for
# Chinese news 700 are pieces of English words.
KNOWN_SHARE, KNOWN_PIECES = 0.2, 2000
# characters at the start of a text that tell its script
START = 10_000
# letters of a piece that tells nothing of its word
FRAGMENT = 2
# scripts in which one character is a piece already
CHARACTERS = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}


class VocabularyScripts:
    """The scripts of one tokenizer's vocabulary, counted when they are first asked for."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer

    @cached_property
    def known(self) -> set[str]:
        """LATIN, CJK, …: the scripts that the vocabulary has words of, or characters where these are words."""
        ids = sorted(set(self.tokenizer.get_vocab().values()) - set(self.tokenizer.all_special_ids))
        counts: Counter[str] = Counter()
        # decoded: a vocabulary of bytes shows its pieces in no script
        for piece in self.tokenizer.backend_tokenizer.decode_batch([[number] for number in ids]):
            letters = [character for character in piece if character.isalpha()]
            script = _script(letters[0]) if letters else ""
            counts[script] += len(letters) >= (1 if script in CHARACTERS else 2)
        lowest = min(KNOWN_PIECES, KNOWN_SHARE * counts.total())
        return {script for script, count in counts.items() if count >= lowest}

    def lack(self, text: str, encoding: Encoding | None = None) -> bool:
        """Say whether most letters of a text are of scripts that the vocabulary lacks: their tokens are unknown, or
        have fallen apart into single letters.

        text: segmented where the tokenizer has a segmenter. encoding: of the whole text, where it was made already.
        """
        if encoding is None or len(text) > START:
            text = text[:START]
            [encoding] = self.tokenizer([text], add_special_tokens=False, verbose=False).encodings
        lost = {
            place
            for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
            if token == self.tokenizer.unk_token_id or _is_fragment(text, start, end)
            for place in range(start, end)
        }
        too_many = (1 - MIN_READ) * sum(map(str.isalpha, text))
        missed = Counter(_script(text[place]) for place in lost if text[place].isalpha())
        # the vocabulary is looked at last: most texts are read
        return missed.total() > too_many and sum(missed[script] for script in missed.keys() - self.known) > too_many


def _is_fragment(text: str, start: int, end: int) -> bool:
    """Whether a token is a letter or two of a longer word."""
    piece = text[start:end]
    # some tokens carry the blank before them
    start, end = end - len(piece.lstrip()), start + len(piece.rstrip())
    return end - start <= FRAGMENT and (text[start - 1 : start].isalpha() or text[end : end + 1].isalpha())


def _script(letter: str) -> str:
    """LATIN, CYRILLIC, CJK, …: as the name of a character begins."""
    return unicodedata.name(letter, "").split(" ")[0].split("-")[0]
