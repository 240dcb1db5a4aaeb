"""What of a visitor's text the models read, and what is said where they cannot."""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cache

from serving import Served

MAX_CHARACTERS = 10_000
# Chinese characters, kana, hangul
CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")
# 2 % of the vocabulary of an English BERT are Chinese or Japanese characters
MIN_CJK = 0.05
# of the samples' Chinese texts 30-95 % is unknown to it; a vocabulary of bytes knows everything
MAX_UNKNOWN = 0.25
# control and format characters that belong to texts: line ends, tabs, and what joins letters and emoji
KEPT = {"\n", "\r", "\t", "\u200c", "\u200d"}
WORDS = {
    "en": {
        "no_text": "There is no text: write or paste some words.",
        "no_words": "There are no words in this text, only signs. The models read words: write some.",
        "cut": "Only the first {limit:,} characters were read.",
        "invisible": "Characters that cannot be seen were left out.",
        "foreign": "Its vocabulary lacks the language of this text, so its numbers would mean nothing.",
        "unknown_model": "There is no such model here, expected some of: {names}.",
    },
    "zh": {
        "no_text": "还没有文本：请输入或粘贴一些文字。",
        "no_words": "这段文本里没有文字，只有符号。模型读的是文字，请写几个字。",
        "cut": "只读取了前 {limit:,} 个字符。",
        "invisible": "不可见的字符已被忽略。",
        "foreign": "该模型的词表不包含这段文本的语言，给出数字没有意义。",
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
    """Whether a text is mostly Chinese, Japanese or Korean and the model's vocabulary is of other languages."""
    if 2 * len(CJK.findall(text)) < sum(not character.isspace() for character in text):
        return False
    with model.turn:
        tokenizer = getattr(model.classifier.system, "tokenizer", None)
        if tokenizer is None:  # a linear model counts what it finds
            return False
        ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids.count(tokenizer.unk_token_id) > MAX_UNKNOWN * len(ids) and not _knows_cjk(model)


@cache
def _knows_cjk(model: Served) -> bool:
    """Whether Chinese, Japanese or Korean is among the languages of a vocabulary."""
    vocabulary = model.classifier.system.tokenizer.get_vocab()
    return sum(bool(CJK.search(token)) for token in vocabulary) >= MIN_CJK * len(vocabulary)
