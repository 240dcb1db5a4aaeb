"""What of visitors' texts the models read, and many texts for one model.

Those go in chunks, so that other visitors get their turn and a client that leaves ends it.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import i18n
import numpy as np
from models import Served
from uploads import MAX_ROWS

from hf_textclf import Prediction
from hf_textclf.inference.predictor import readable as readable_characters

MAX_CHARACTERS = 10_000
CHUNK = 64
# stands between several labels of a text on the page; unlike ";" alone in none of them
JOINT = ";\u2009"
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
    # as everywhere: half an emoji (a lone surrogate) is no character to a tokenizer
    start = readable_characters(text[:MAX_CHARACTERS])
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


@dataclass
class Predictions:
    """What a model says of some texts.

    labels: of each text its label, or all that it has of several; None for a text that was not read. scores: (texts,),
    the probability of the label; for regression the number. probabilities: (texts, labels), float32. done: how many
    texts were dealt with so far. left_out: key of a sentence -> how many texts were not read, or not to their end.
    """

    labels: list[list[str] | None]
    scores: np.ndarray
    probabilities: np.ndarray
    done: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def read(self) -> list[int]:
        """The positions of the texts that were read."""
        return [n for n, labels in enumerate(self.labels) if labels is not None]

    @property
    def joined(self) -> list[str | None]:
        """Labels as `hf-textclf predict` writes them: several joined by ";"."""
        return [None if labels is None else ";".join(labels) for labels in self.labels]


def ask(served: Served, texts: list[str]) -> Iterator[Predictions]:
    """Classify texts; yields the same answers after every chunk, and at least once."""
    with served.turn:
        names = served.classifier.label_names
    count = len(texts)
    answers = Predictions([None] * count, np.zeros(count), np.zeros((count, len(names)), np.float32))
    # texts of similar length share a chunk, which saves padding
    order = sorted(range(count), key=lambda n: len(texts[n]))
    for start in range(0, count, CHUNK):
        chunk = {n: readable(texts[n]) for n in order[start : start + CHUNK]}
        filled = {n: text for n, text in chunk.items() if not text.empty}
        predictions = served.classify([text.text for text in filled.values()])[0] if filled else []
        known = {n: each for n, each in zip(filled, predictions, strict=True) if not is_foreign(each)}
        for n, prediction in known.items():
            answers.labels[n] = [prediction.label] if isinstance(prediction.label, str) else list(prediction.label)
            answers.scores[n], answers.probabilities[n] = prediction.score, list(prediction.probabilities.values())
        left_out = {"many_empty": len(chunk) - len(filled), "many_foreign": len(filled) - len(known)}
        left_out["many_cut"] = sum("cut" in chunk[n].notices for n in known)
        answers.left_out += Counter(left_out)
        answers.done += len(chunk)
        yield answers
    if not texts:
        yield answers


def pick(models: dict[str, Served], names: object, request: gr.Request | None) -> list[Served]:
    """The models that a client names, all by default.

    Raises:
        gr.Error: one that is not served.
    """
    if names is None or names == []:
        return list(models.values())
    if not isinstance(names, list) or not all(isinstance(name, str) and name in models for name in names):
        raise gr.Error(i18n.say("unknown_model", request, names=", ".join(models)), print_exception=False)
    return [models[name] for name in models if name in names]


def batch(
    models: dict[str, Served], texts: list[str], model: str | None = None, request: gr.Request | None = None
) -> Iterator[list[dict[str, Any]]]:
    """The endpoint `/batch`, which `api` describes; yields empty lists while it works, so that it can be stopped.

    Raises:
        gr.Error: no texts, too many, or an unknown model.
    """
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise gr.Error(i18n.say("many_list", request), print_exception=False)
    if len(texts) > MAX_ROWS:
        raise gr.Error(i18n.say("many_limit", request, rows=len(texts), limit=MAX_ROWS), print_exception=False)
    served = pick(models, None if model is None else [model], request)[0]
    for answers in ask(served, texts):  # noqa: B007 (the last is used below)
        yield []
    names = served.classifier.label_names
    yield [
        {"label": None, "score": None, "probabilities": {}}
        if label is None
        else {"label": label, "score": float(score), "probabilities": dict(zip(names, row.tolist(), strict=True))}
        for label, score, row in zip(answers.joined, answers.scores, answers.probabilities, strict=True)
    ]
