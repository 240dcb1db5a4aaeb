"""What of a visitor's text the models read, and what is said where they cannot."""

import unicodedata
from dataclasses import dataclass, field

import gradio as gr
import i18n

from hf_textclf import Prediction

MAX_CHARACTERS = 10_000
# control and format characters that belong to texts: line ends, tabs, and what joins letters and emoji
KEPT = {"\n", "\r", "\t", "\u200c", "\u200d"}


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


def notice_texts(prediction: Prediction, request: gr.Request | None) -> list[str]:
    """The notices of a prediction in the visitor's language."""
    return [i18n.say(notice.kind, request, **vars(notice)) for notice in prediction.notices]


def is_foreign(prediction: Prediction) -> bool:
    """Whether the numbers of a prediction mean nothing: the vocabulary lacks the script of the text."""
    return any(notice.kind == "unknown_script" for notice in prediction.notices)
