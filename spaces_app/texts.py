"""What of a visitor's text the models read, and what is said where they cannot."""

import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

from serving import Served
from transformers import PreTrainedTokenizerFast

from hf_textclf.tokenization import encode_whole
from hf_textclf.tokenization.encoding import segmented
from hf_textclf.tokenization.loading import head_and_tail, special_tokens_around

MAX_CHARACTERS = 10_000
# what a text must keep of its letters, or its model cannot read it
MIN_READ = 0.5
# A vocabulary knows a script that a fifth of it is written in, or so many of its pieces, as in one of many languages.
# Of the 30,522 of an English BERT 8 are pieces of Cyrillic words, some 500 are Chinese characters; of 30,000 for
# Chinese news 700 are pieces of English words.
KNOWN_SHARE, KNOWN_PIECES = 0.2, 2000
# letters of a piece that tells nothing of its word
FRAGMENT = 2
# scripts in which one character is a piece already
CHARACTERS = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}
# control and format characters that belong to texts: line ends, tabs, and what joins letters and emoji
KEPT = {"\n", "\r", "\t", "\u200c", "\u200d"}
WORDS = {
    "en": {
        "no_text": "There is no text: write or paste some words.",
        "no_words": "There are no words in this text, only signs. The models read words: write some.",
        "cut": "Only the first {limit:,} characters were read.",
        "invisible": "Characters that cannot be seen were left out.",
        "foreign": "Its vocabulary lacks the language of this text, so its numbers would mean nothing.",
        "part_head": "The text is longer than this model reads: the first {head:,} of {whole:,} tokens.",
        "part_tail": "The text is longer than this model reads: the last {tail:,} of {whole:,} tokens.",
        "part_both": "The text is longer than the model reads: the first {head:,}, last {tail:,} of {whole:,} tokens.",
        "unknown_model": "There is no such model here, expected some of: {names}.",
    },
    "zh": {
        "no_text": "还没有文本：请输入或粘贴一些文字。",
        "no_words": "这段文本里没有文字，只有符号。模型读的是文字，请写几个字。",
        "cut": "只读取了前 {limit:,} 个字符。",
        "invisible": "不可见的字符已被忽略。",
        "foreign": "该模型的词表不包含这段文本的语言，给出数字没有意义。",
        "part_head": "文本超出该模型的读取长度：只读取了 {whole:,} 个词元中的前 {head:,} 个。",
        "part_tail": "文本超出该模型的读取长度：只读取了 {whole:,} 个词元中的后 {tail:,} 个。",
        "part_both": "文本超出该模型的读取长度：只读取了 {whole:,} 个词元中的前 {head:,} 个和后 {tail:,} 个。",
        "unknown_model": "这里没有这个模型，可选：{names}。",
    },
}


@dataclass(frozen=True)
class Readable:
    """What models read of a text; keys of `WORDS` for what was done to it, and for why there is nothing to read."""

    text: str
    notices: list[str] = field(default_factory=list)
    empty: str = ""


def readable(text: object) -> Readable:
    """Take the start of a text and drop what cannot be seen; anything but a text counts as none."""
    if not isinstance(text, str):
        return Readable("", empty="no_text")
    # half an emoji (a lone surrogate) is no character to a tokenizer
    start = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    seen = "".join(c for c in start if c in KEPT or unicodedata.category(c) not in ("Cc", "Cf"))
    if not seen.strip():
        return Readable("", empty="no_text")
    if not any(c.isalnum() for c in seen):
        return Readable("", empty="no_words")
    done = {"cut": len(text) > MAX_CHARACTERS, "invisible": len(seen) < len(start)}
    return Readable(seen, [key for key, happened in done.items() if happened])


def is_foreign(text: str, model: Served) -> bool:
    """Whether most letters are of a script that the vocabulary lacks: unknown, or fallen apart into single letters."""
    with model.turn:
        tokenizer = _tokenizer(model)
        if tokenizer is None:
            return False
        [text] = segmented(tokenizer, [text])
        encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    lost = {
        place
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        if token == tokenizer.unk_token_id or _is_fragment(text, start, end)
        for place in range(start, end)
    }
    letters = [place for place, character in enumerate(text) if character.isalpha()]
    missed = Counter(_script(text[place]) for place in letters if place in lost)
    too_many = (1 - MIN_READ) * len(letters)
    # the vocabulary is looked at last: most texts are read
    return missed.total() > too_many and sum(missed[script] for script in missed.keys() - _scripts(model)) > too_many


def part_read(text: str, model: Served) -> tuple[str, dict[str, int]] | None:
    """Where a model reads only part of a text: the key of `WORDS` that says so, and its numbers; else None."""
    with model.turn:
        tokenizer = _tokenizer(model)
        # documents are read window by window, whole
        if tokenizer is None or hasattr(model.classifier.system, "reader"):
            return None
        whole = len(encode_whole(tokenizer, [text])["input_ids"][0])
        kept, around = head_and_tail(tokenizer), special_tokens_around(tokenizer)
    if whole <= sum(kept):
        return None
    head, tail = (number - special for number, special in zip(kept, around, strict=True))
    key = "part_both" if head and tail else "part_head" if head else "part_tail"
    return key, {"head": head, "tail": tail, "whole": whole - sum(around)}


def _tokenizer(model: Served) -> PreTrainedTokenizerFast | None:
    """The model's, the first of several; none of a linear model, which counts what it finds."""
    system = model.classifier.system
    return getattr(getattr(system, "networks", [system])[0], "tokenizer", None)


def _is_fragment(text: str, start: int, end: int) -> bool:
    """Whether a token is a letter or two of a longer word."""
    piece = text[start:end]
    # some tokens carry the blank before them
    start, end = end - len(piece.lstrip()), start + len(piece.rstrip())
    return end - start <= FRAGMENT and (text[start - 1 : start].isalpha() or text[end : end + 1].isalpha())


def _script(letter: str) -> str:
    """LATIN, CYRILLIC, CJK, …: as the name of a character begins."""
    return unicodedata.name(letter, "").split(" ")[0].split("-")[0]


@cache
def _scripts(model: Served) -> set[str]:
    """The scripts that a vocabulary has words of, or characters where these are words."""
    # decoded: a vocabulary of bytes shows its pieces in no script
    tokenizer = _tokenizer(model)
    assert tokenizer is not None
    ids = sorted(set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids))
    pieces = tokenizer.backend_tokenizer.decode_batch([[number] for number in ids])
    found: Counter[str] = Counter()
    for piece in pieces:
        letters = [character for character in piece if character.isalpha()]
        script = _script(letters[0]) if letters else ""
        found[script] += len(letters) >= (1 if script in CHARACTERS else 2)
    return {script for script, number in found.items() if number >= min(KNOWN_PIECES, KNOWN_SHARE * found.total())}
