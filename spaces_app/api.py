"""The endpoints for programs: /classify, /explain, /batch, through gradio_client, plain HTTP or as tools of MCP."""

from collections.abc import Iterator
from typing import Any

import gradio as gr
import i18n
import predictions
import tab_explain
from models import Served
from predictions import MAX_CHARACTERS, Readable, is_foreign, notice_texts, pick, readable


def add_endpoints(served: dict[str, Served]) -> None:
    """Put the endpoints on the page that is being built."""

    def classify(text: str, models: list[str] | None = None, request: gr.Request | None = None) -> dict[str, Any]:
        """Classify a text with each model: model name -> answer. An answer has the label (of a multi-label model the
        list of all predicted ones, of a regression the name of the number, null where the model cannot read the
        language of the text), score (the label's probability, or the number), probabilities of all labels,
        milliseconds and notices, as where only part of the text is read.

        Args:
            text: What to classify. Of a long text the first 10,000 characters are read.
            models: Names of the models to ask; by default all.
        """
        read = _text(text, request)
        notices = [i18n.say(key, request, limit=MAX_CHARACTERS) for key in read.notices]
        of_models = {}
        for model in pick(served, models, request):
            [prediction], milliseconds = model.classify([read.text])
            answer: dict[str, Any] = {
                "label": prediction.label,
                "score": prediction.score,
                "probabilities": prediction.probabilities,
                "milliseconds": round(milliseconds, 3),
                "notices": [*notices, *notice_texts(prediction, request)],
            }
            if is_foreign(prediction):
                answer |= {"label": None, "score": None, "probabilities": {}, "milliseconds": None}
            of_models[model.name] = answer
        return of_models

    def explain(
        text: str, model: str | None = None, label: str | None = None, request: gr.Request | None = None
    ) -> dict[str, Any]:
        """What each word of a text adds to a label, by integrated gradients: model name -> answer. An answer has the
        label (null where nothing could be explained), its score and baseline_score as log-odds (of a regression the
        number), the text that was explained (without invisible characters), words, each with contribution and with
        start and end in that text, error, what the sum of contributions is out by, unread, the number of words that
        the model does not read, and notices.

        Args:
            text: What to explain. The first 1,000 characters are.
            model: Name of the model to ask; by default all.
            label: Which label; by default the one that each model predicts.
        """
        asked = pick(served, None if model is None else [model], request)
        return tab_explain.explain(asked, _text(text, request), label, request)

    # yields, so that Gradio can stop it when the client has gone; what a client gets is the last
    def batch(
        texts: list[str], model: str | None = None, request: gr.Request | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """Classify many texts with one model: for each text its label (several joined by ";"), score, and
        probabilities of all labels. Label and score are null where the model cannot read the text.

        Args:
            texts: What to classify, up to 10,000 texts; of a long text the first 10,000 characters are read.
            model: Name of the model to ask; by default the first.
        """
        yield from predictions.batch(served, texts, model, request)

    gr.api(classify, api_name="classify")
    # they wait in a line of their own, as in the tab
    gr.api(explain, api_name="explain", concurrency_limit=None)
    # in one queue with the files of the tab "Many texts"
    gr.api(batch, api_name="batch", concurrency_id="many")


def _text(text: object, request: gr.Request | None) -> Readable:
    """The readable part of a text.

    Raises:
        gr.Error: there is none.
    """
    read = readable(text)
    if read.empty:
        raise gr.Error(i18n.say(read.empty, request), print_exception=False)
    return read
