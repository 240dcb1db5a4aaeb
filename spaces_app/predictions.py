"""Many texts for one model: in chunks, so that other visitors get their turn and a client that leaves ends it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import i18n
import numpy as np
from inputs import MAX_CHARACTERS, is_foreign, readable
from models import Served
from uploads import MAX_ROWS, Count

CHUNK = 64
# stands between several labels of a text on the page; unlike ";" alone in none of them
JOINT = ";\u2009"


@dataclass
class Predictions:
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


def ask(served: Served, texts: list[str]) -> Iterator[Predictions]:
    """Classify texts; yields the same answers after every chunk, and at least once."""
    with served.turn:
        names = served.classifier.label_names
    count = len(texts)
    answers = Predictions([None] * count, np.zeros(count), np.zeros((count, len(names)), np.float32))
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
        raise gr.Error(i18n.say("many_list", request), print_exception=False)
    if len(texts) > MAX_ROWS:
        said = i18n.say("many_limit", request, rows=len(texts), limit=MAX_ROWS)
        raise gr.Error(said, print_exception=False)
    # a list cannot be looked up
    if not isinstance(model, str | None) or model is not None and model not in models:
        raise gr.Error(i18n.say("unknown_model", request, names=", ".join(models)), print_exception=False)
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


def notices(answers: Predictions, request: gr.Request | None) -> list[str]:
    """Sentences on the texts that were not read, or not to their end."""
    return [
        i18n.say(key, request, rows=Count(number), limit=MAX_CHARACTERS) for key, number in answers.left_out.items()
    ]
