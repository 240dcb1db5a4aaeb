"""The endpoints for programs: /classify, /explain, /batch, through gradio_client, plain HTTP or as tools of MCP."""

from typing import Any

import gradio as gr
import words
from serving import Served
from texts import MAX_CHARACTERS, Readable, is_foreign, readable


def add_endpoints(served: dict[str, Served]) -> None:
    """Put the endpoints on the page that is being built."""

    def classify(text: str, models: list[str] | None = None, request: gr.Request | None = None) -> dict[str, Any]:
        """Classify a text.

        Args:
            text: What to classify. Of a long text the first 10,000 characters are read.
            models: Names of the models to ask; by default all.

        Returns:
            Model name -> answer. label: the most probable label, the list of all predicted labels of a multi-label
            model, the target of a regression, or null where the model cannot read the language of the text. score:
            the label's probability, or the number. probabilities: label -> probability. milliseconds: the time it
            took. notices: what there is to know.
        """
        read = _text(text, request)
        notices = [words.say(key, request, limit=MAX_CHARACTERS) for key in read.notices]
        answers = {}
        for model in _models(served, models, request):
            if is_foreign(read.text, model):
                nothing = {"label": None, "score": None, "probabilities": {}, "milliseconds": None}
                answers[model.name] = nothing | {"notices": [*notices, words.say("foreign", request)]}
                continue
            [said], milliseconds = model.classify([read.text])
            answers[model.name] = {
                "label": said.label,
                "score": said.score,
                "probabilities": said.probabilities,
                "milliseconds": round(milliseconds, 3),
                "notices": notices,
            }
        return answers

    gr.api(classify, api_name="classify")


def _text(text: object, request: gr.Request | None) -> Readable:
    """The readable part of a text.

    Raises:
        gr.Error: there is none.
    """
    read = readable(text)
    if read.empty:
        raise gr.Error(words.say(read.empty, request), print_exception=False)
    return read


def _models(served: dict[str, Served], names: object, request: gr.Request | None) -> list[Served]:
    """The models that a client names, all by default; none but those that are served.

    Raises:
        gr.Error: another one.
    """
    if names is None or names == []:
        return list(served.values())
    if not isinstance(names, list) or not all(isinstance(name, str) and name in served for name in names):
        raise gr.Error(words.say("unknown_model", request, names=", ".join(served)), print_exception=False)
    return [served[name] for name in served if name in names]
