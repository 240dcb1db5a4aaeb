"""The tab that says why: the words of the text coloured by what they add to a label, and a look inside the LSTM."""

import base64
import math
import threading
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import gradio as gr
import i18n
from models import Served
from predictions import MAX_CHARACTERS, Readable, is_foreign, readable

from hf_textclf import UserError

# an explanation costs as much as hundreds of predictions
MAX_EXPLAINED, MAX_SECONDS = 1000, 10
# one at a time for all visitors, two would only slow each other down; few may wait, so that others get into the queue
LINE, TURN = threading.BoundedSemaphore(9), threading.Lock()
# rows of the table of numbers, and labels to choose from
MAX_NUMBERS, MAX_LABELS = 20, 500
# a sum of contributions that is out by more, absolute and as a share of what all words add, is called rough
EXACT, EXACT_SHARE = 0.01, 0.05
KINDS = ("for", "against")
# columns of the gates, each wide enough for a word that stands upright, and their rows
MAX_WORDS, GATES_SHOWN = 80, ("input", "forget", "output")
STYLE = Path(__file__).with_name("tab_explain.css").read_text(encoding="utf-8")


class Unexplained(UserError):
    """A sentence: the model has nothing to explain."""


def build_explain(models: dict[str, Served], text: gr.Textbox, chosen: gr.CheckboxGroup, tab: gr.Tab) -> None:
    """Fill the tab, inside it. text, chosen: the page's text box and picker of models."""

    def show(text: str | None, chosen: list[str], label: str | None, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        # None: the tab is not in front, see below
        if text is None:
            yield gr.skip(), gr.skip()
            return
        asked = [models[name] for name in models if name in (chosen or [])]
        names = list(dict.fromkeys(name for model in asked for name in model.label_names))[:MAX_LABELS]
        label = label if label in names else ""
        choices = gr.Dropdown(choices=[(i18n.say("why_predicted", request), ""), *names], value=label)
        for page in pages(asked, text, label or None, request):
            yield page, choices

    # the words that stand here first are replaced in the visitor's language by `show`
    first = [(i18n.say("why_predicted", None), "")]
    with gr.Row(elem_classes="why-ask"):
        label = gr.Dropdown(first, value="", label=i18n.label("why_label"), scale=0, min_width=260)
    page = gr.HTML(elem_id="why")
    options: dict[str, Any] = {"inputs": [text, chosen, label], "outputs": [page, label], "show_progress_on": page}
    options |= {"api_visibility": "private", "trigger_mode": "always_last", "show_progress": "minimal"}
    # they wait for `TURN`, not in Gradio's queue
    options["concurrency_limit"] = None
    tab.select(show, **options)
    # nobody is explained a text who looks at another tab
    in_front = 'document.querySelector("#why")?.offsetParent'
    send = f"(text, chosen, label) => [{in_front} ? text : null, chosen, label]"
    gr.on([text.change, text.submit, chosen.change, label.input], show, js=send, **options)


def explain(
    asked: list[Served], read: Readable, label: str | None, request: gr.Request | None
) -> dict[str, dict[str, Any]]:
    """What each word of a text adds to a label: model name -> answer, for programs; `api.explain` describes it."""
    text, say, answers = read.text[:MAX_EXPLAINED], partial(i18n.say, request=request), {}
    for model in asked:
        notices = _notices(read, say)
        answer: dict[str, Any] = {"label": None, "text": text, "words": [], "notices": notices}
        answers[model.name] = answer
        try:
            [attribution] = _look(model, read, label, request)
        except UserError as error:
            notices.append(str(error))
            continue
        notices += _remarks(model, read, attribution, say)
        answer |= {
            "label": attribution.label,
            "score": attribution.score,
            "baseline_score": attribution.baseline_score,
        }
        answer |= {"error": attribution.delta, "unread": attribution.unread}
        words = zip(attribution.words, attribution.spans, attribution.contributions, strict=True)
        answer["words"] = [
            {"word": word, "start": first, "end": last, "contribution": value} for word, (first, last), value in words
        ]
    return answers


def pages(asked: list[Served], text: str, label: str | None, request: gr.Request) -> Iterator[str]:
    """The page as it grows, model by model."""
    from hf_textclf.explanation.explain import CSS

    read = readable(text)
    if read.empty or not asked:
        key = "no_model" if not asked else "why_hint" if not text else read.empty
        yield f'<p role="status">{escape(i18n.say(key, request))}</p>'
        return
    say = partial(i18n.say, request=request)
    kinds = [f'<span class="{kind} strong" style="--share:0.8">{escape(say(f"why_{kind}"))}</span> ' for kind in KINDS]
    legend = f"{''.join(kinds)}<small>{escape(say('why_legend'))}</small>"
    notices = _notices(read, say)
    head = f'<style>{CSS}{STYLE}</style><div class="words legend">{legend}</div>'
    head += f'<p role="status">{escape(" ".join(notices))}</p>' if notices else ""
    cards: list[str] = []
    for model in asked:
        cards.append(_card(model, read, label, request))
        yield f'{head}<div class="cards">{"".join(cards)}</div>'


def _card(model: Served, read: Readable, label: str | None, request: gr.Request) -> str:
    """Everything about one model."""
    from hf_textclf.explanation import pooling_weights, word_gates
    from hf_textclf.explanation.explain import words_html

    def say(key: str, **values: object) -> str:
        return escape(i18n.say(key, request, **values))

    parts = [f"<h3>{escape(model.name)}</h3>"]
    try:
        attribution, weights, gates = _look(model, read, label, request, pooling_weights, word_gates)
    except UserError as error:
        # the sentence around it brings the full stop
        refused = say("why_refused", reason=str(error).rstrip(".。"))
        problem = escape(str(error)) if isinstance(error, Unexplained) else refused
        return f'<section class="card">{parts[0]}<p>{problem}</p></section>'
    number = model.classifier.problem_type == "regression"
    values = {"label": attribution.label, "score": attribution.score, "baseline": attribution.baseline_score}
    values["words"] = attribution.score - attribution.baseline_score
    if not number:
        values["probability"] = 1 / (1 + math.exp(-attribution.score))
    parts += [f"<p>{say('why_number' if number else 'why_odds', **values)}</p>", words_html(attribution)]
    parts += [f"<p>{remark}</p>" for remark in _remarks(model, read, attribution, say)]
    parts.append(_numbers(attribution, *(say(f"why_{key}") for key in ("numbers", "word", "adds"))))
    if weights is not None:
        parts += [f"<h4>{say('why_attention')}</h4><small>{say('why_weight')}</small>", words_html(weights)]
    if gates is not None and gates.words:
        parts.append(_gates(gates, say))
    return f'<section class="card">{"".join(parts)}</section>'


def _look(model: Served, read: Readable, label: str | None, request: gr.Request | None, *others: Any) -> list[Any]:
    """What `attribute` and other functions of `hf_textclf.explanation` say of a text, after those who wait already.
    Raises UserError: too many wait, or it cannot be explained; `Unexplained` where there is nothing to explain.
    """
    from hf_textclf.explanation import attribute

    text, say = read.text[:MAX_EXPLAINED], partial(i18n.say, request=request)
    if not LINE.acquire(blocking=False):
        raise UserError(say("why_busy"))
    try:
        with TURN:
            if not model.classifier.predictor.networks:
                raise Unexplained(say("why_linear"))
            if label is not None and label not in model.classifier.label_names:
                raise Unexplained(say("why_no_label", label=label))
            if is_foreign(model.classify([text])[0][0]):
                raise Unexplained(say("unknown_script"))
            attribution = model.run_aside(attribute, text, label=label, max_seconds=MAX_SECONDS)
            return [attribution, *(model.run_aside(other, text) for other in others)]
    finally:
        LINE.release()


def _notices(read: Readable, say: Callable[..., str]) -> list[str]:
    """What was done to the text before any model read it."""
    notices = [say(key, limit=MAX_CHARACTERS) for key in read.notices]
    return notices + ([say("why_cut", limit=MAX_EXPLAINED)] if len(read.text) > MAX_EXPLAINED else [])


def _remarks(model: Served, read: Readable, attribution: Any, say: Callable[..., str]) -> list[str]:
    """What to know of an explanation."""
    remarks = [say("why_unread", count=attribution.unread)] if attribution.unread else []
    if abs(attribution.delta) > max(EXACT, EXACT_SHARE * abs(attribution.score - attribution.baseline_score)):
        remarks.append(say("why_inexact", delta=attribution.delta))
    if len(read.text) > MAX_EXPLAINED:
        # the other tabs show this answer
        [prediction], _ = model.classify([read.text])
        name = prediction.label if isinstance(prediction.label, str) else attribution.label
        number = model.classifier.problem_type == "regression"
        value = f"{prediction.score:.2f}" if number else f"{prediction.probabilities[name]:.1%}"
        remarks.append(say("why_whole", answer=f"{name} {value}"))
    return remarks


def _numbers(attribution: Any, title: str, word: str, adds: str) -> str:
    """The strongest words as a table, for fingers, keyboards and screen readers."""
    pairs = sorted(zip(attribution.contributions, attribution.words, strict=True), key=lambda pair: -abs(pair[0]))[
        :MAX_NUMBERS
    ]
    rows = "".join(f'<tr><th scope="row">{escape(each)}</th><td>{value:+.3f}</td></tr>' for value, each in pairs)
    head = f'<tr><th scope="col">{word}</th><th scope="col">{adds}</th></tr>'
    return f"<details><summary>{title}</summary><table><thead>{head}</thead><tbody>{rows}</tbody></table></details>"


def _gates(gates: Any, say: Callable[..., str]) -> str:
    """The gates of the top layer as a heat map, which follows the page's width and colours."""
    top = [reading for reading in gates.readings if reading.layer == gates.readings[-1].layer]
    shown = gates.words[:MAX_WORDS]
    cut = say("why_gates_cut", count=MAX_WORDS) if len(gates.words) > MAX_WORDS else ""
    return (
        f"<h4>{say('why_gates')}</h4><small>{say('why_gates_note')} {cut}<br>"
        f'{say("why_shut")}<span class="scale"></span>{say("why_open")}</small>'
        f'<div class="gates" tabindex="0" style="--columns:{len(shown)}">'
        f"{''.join(_direction(reading, shown, say) for reading in top)}</div>"
    )


def _direction(reading: Any, words: list[str], say: Callable[..., str]) -> str:
    from matplotlib.image import imsave

    from hf_textclf.explanation.gates import GATES

    # (words, gates, units)
    values = reading.gates[0, : len(words)]
    order = values[:, GATES.index("forget")].mean(0).argsort(descending=True)
    means = values.mean(2)
    rows, columns = [], []
    for gate in GATES_SHOWN:
        file = BytesIO()
        imsave(file, values[:, GATES.index(gate), order].T.numpy(), cmap="cividis", vmin=0, vmax=1, format="png")
        picture = base64.b64encode(file.getvalue()).decode("ascii")
        name = say(f"why_{gate}")
        rows.append(f'<span>{name}</span><img alt="{name}" src="data:image/png;base64,{picture}">')
    for number, word in enumerate(words):
        numbers = ", ".join(f"{say(f'why_{gate}')} {means[number, GATES.index(gate)]:.2f}" for gate in GATES_SHOWN)
        columns.append(f'<li title="{escape(word)}: {numbers}">{escape(word)}</li>')
    title, below = say(f"why_{reading.direction}"), f"<ol>{''.join(columns)}</ol>"
    return f"<small>{title}</small><div>{''.join(rows)}<span></span>{below}</div>"
