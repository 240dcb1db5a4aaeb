"""Many texts for one model: in chunks, so that other visitors get their turn and a client that leaves ends it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import numpy as np
import words
from serving import Served
from tables import MAX_ROWS, Count
from texts import MAX_CHARACTERS, is_foreign, readable

CHUNK = 64
# stands between several labels of a text on the page; unlike ";" alone in none of them
JOINT = ";\u2009"
# `many.WORDS` takes them in
WORDS = {
    "en": {
        "many_empty": "Left out: {rows:row} without words.",
        "many_foreign": "Left out: {rows:row} in languages that the model's vocabulary lacks.",
        "many_cut": "Of {rows:text} only the first {limit:,} characters were read.",
        "many_list": "There are no texts, expected a list of strings.",
        "many_limit": "{rows:,} texts, expected at most {limit:,}; send them in parts.",
    },
    "zh": {
        "many_empty": "{rows:,} 行没有文字，已略过。",
        "many_foreign": "{rows:,} 行已略过：模型的词表不包含其语言。",
        "many_cut": "{rows:,} 条文本过长，只读取前 {limit:,} 个字符。",
        "many_list": "没有文本，应为字符串列表。",
        "many_limit": "共 {rows:,} 条文本，最多 {limit:,} 条，请分批发送。",
    },
}


@dataclass
class Answers:
    """What a model says of some texts.

    Attributes:
        labels: For each text its label, or all that it has of several; None for a text that was not read.
        scores: (texts,), the probability of the label; for regression the number.
        probabilities: (texts, labels), float32.
        done: How many texts were dealt with so far.
        left_out: Key of the sentence about it -> how many texts were not read, or not to their end.
    """

    labels: list[list[str] | None]
    scores: np.ndarray
    probabilities: np.ndarray
    done: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def read(self) -> list[int]:
        """The positions of the texts that were read."""
        return [n for n, labels in enumerate(self.labels) if labels is not None]

    @property
    def joined(self) -> list[str | None]:
        """Labels as `hf-textclf predict` writes them: several joined by ";"."""
        return [None if labels is None else ";".join(labels) for labels in self.labels]


def ask(served: Served, texts: list[str]) -> Iterator[Answers]:
    """Classify texts; yields the same answers after every chunk, and at least once."""
    with served.turn:
        names = served.classifier.label_names
    count = len(texts)
    answers = Answers([None] * count, np.zeros(count), np.zeros((count, len(names)), np.float32))
    notices = {"many_empty": 0, "many_foreign": 0, "many_cut": 0}
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
        notices["many_empty"] += len(chunk) - len(filled)
        notices["many_foreign"] += len(filled) - len(known)
        notices["many_cut"] += sum("cut" in chunk[n].notices for n in known)
        answers.done += len(chunk)
        answers.left_out = {key: number for key, number in notices.items() if number}
        yield answers
    if not texts:
        yield answers


def batch(
    models: dict[str, Served], texts: list[str], model: str | None = None, request: gr.Request | None = None
) -> Iterator[list[dict[str, Any]]]:
    """Classify up to 10,000 texts with one model, by default the first; the body of the endpoint `/batch`.

    Yields empty lists while it works, so that it can be stopped, and last a dict for each text with its `label`
    (several joined by ";"), `score`, and `probabilities` by label; `label` and `score` are None where the model cannot
    read the text.

    Raises:
        gr.Error: no texts, too many, or an unknown model.
    """
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise gr.Error(words.say("many_list", request), print_exception=False)
    if len(texts) > MAX_ROWS:
        said = words.say("many_limit", request, rows=len(texts), limit=MAX_ROWS)
        raise gr.Error(said, print_exception=False)
    # a list cannot be looked up
    if not isinstance(model, str | None) or model is not None and model not in models:
        raise gr.Error(words.say("unknown_model", request, names=", ".join(models)), print_exception=False)
    served = models[model or next(iter(models))]
    for answers in ask(served, texts):  # noqa: B007 (the last is used below)
        yield []
    names = served.classifier.label_names
    yield [
        {"label": None, "score": None, "probabilities": {}}
        if label is None
        else {"label": label, "score": float(score), "probabilities": dict(zip(names, row.tolist(), strict=True))}
        for label, score, row in zip(answers.joined, answers.scores, answers.probabilities, strict=True)
    ]


def notices(answers: Answers, request: gr.Request | None) -> list[str]:
    """Sentences on the texts that were not read, or not to their end."""
    return [
        words.say(key, request, rows=Count(number), limit=MAX_CHARACTERS) for key, number in answers.left_out.items()
    ]
