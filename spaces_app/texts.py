"""What of a visitor's text the models read, and what is said where they cannot."""

import unicodedata
from dataclasses import dataclass, field

import gradio as gr
import words

from hf_textclf import Prediction
from hf_textclf.inference.predictor import NOTICES

MAX_CHARACTERS = 10_000
# control and format characters that belong to texts: line ends, tabs, and what joins letters and emoji
KEPT = {"\n", "\r", "\t", "\u200c", "\u200d"}
WORDS = {
    "en": {
        "no_text": "There is no text: write or paste some words.",
        "no_words": "There are no words in this text, only signs. The models read words: write some.",
        "cut": "Only the first {limit:,} characters were read.",
        "invisible": "Characters that cannot be seen were left out.",
        "unknown_model": "There is no such model here, expected some of: {names}.",
        **NOTICES,
    },
    "zh": {
        "no_text": "还没有文本：请输入或粘贴一些文字。",
        "no_words": "这段文本里没有文字，只有符号。模型读的是文字，请写几个字。",
        "cut": "只读取了前 {limit:,} 个字符。",
        "invisible": "不可见的字符已被忽略。",
        "unknown_script": "该模型的词表不包含这段文本的语言，给出数字没有意义。",
        "cut_tail": "文本超出该模型的读取长度：只读取了 {length:,} 个词元中的前 {head:,} 个。",
        "cut_head": "文本超出该模型的读取长度：只读取了 {length:,} 个词元中的后 {tail:,} 个。",
        "cut_middle": "文本超出该模型的读取长度：只读取了 {length:,} 个词元中的前 {head:,} 个和后 {tail:,} 个。",
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


def told(prediction: Prediction, request: gr.Request | None) -> list[str]:
    """The notices of a prediction in the visitor's language."""
    return [words.say(notice.kind, request, **vars(notice)) for notice in prediction.notices]


def is_foreign(prediction: Prediction) -> bool:
    """Whether the numbers of a prediction mean nothing: the vocabulary lacks the script of the text."""
    return any(notice.kind == "unknown_script" for notice in prediction.notices)
