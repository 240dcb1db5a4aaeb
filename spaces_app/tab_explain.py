"""The tab that says why: the words of the text coloured by what they add to a label, and a look inside the LSTM."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import gate_map
import gradio as gr
import i18n
from inputs import MAX_CHARACTERS, Readable, is_foreign, readable
from models import Served

from hf_textclf import UserError

# an explanation costs as much as hundreds of predictions
MAX_EXPLAINED, MAX_SECONDS = 1000, 10
# one at a time for all visitors, two would only slow each other down; few may wait, so that others get into the queue
LINE, TURN = threading.BoundedSemaphore(9), threading.Lock()
# rows of the table of numbers, and labels to choose from
MAX_NUMBERS, MAX_LABELS = 20, 500
# a sum of contributions that is out by more, absolute and as a share of what all words add, is called rough
EXACT, EXACT_SHARE = 0.01, 0.05
STYLE = Path(__file__).with_name("tab_explain.css").read_text(encoding="utf-8")


def build_explain(models: dict[str, Served], t: Any, text: gr.Textbox, chosen: gr.CheckboxGroup, tab: gr.Tab) -> None:
    """Fill the tab, inside it. t: makes a label of a key; text, chosen: the page's text box and picker of models."""

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

    with gr.Row(elem_classes="why-ask"):
        # the words that stand here first are replaced in the visitor's language by `show`
        label = gr.Dropdown(
            [(i18n.say("why_predicted", None), "")], value="", label=t("why_label"), scale=0, min_width=260
        )
    page = gr.HTML(elem_id="why")
    options: dict[str, Any] = {
        "inputs": [text, chosen, label],
        "outputs": [page, label],
        "api_visibility": "private",
        "trigger_mode": "always_last",
        "show_progress": "minimal",
        "show_progress_on": page,
        # they wait for `TURN`, not in Gradio's queue
        "concurrency_limit": None,
    }
    tab.select(show, **options)
    # nobody is explained a text who looks at another tab
    in_front = 'document.querySelector("#why")?.offsetParent'
    gr.on(
        [text.change, text.submit, chosen.change, label.input],
        show,
        js=f"(text, chosen, label) => [{in_front} ? text : null, chosen, label]",
        **options,
    )


def explain(
    asked: list[Served], read: Readable, label: str | None, request: gr.Request | None
) -> dict[str, dict[str, Any]]:
    """What each word of a text adds to a label: model name -> answer, for programs; `api.explain` describes it."""
    from hf_textclf.explanation import attribute

    def say(key: str, **values: object) -> str:
        return i18n.say(key, request, **values)

    text, answers = read.text[:MAX_EXPLAINED], {}
    for model in asked:
        notices = _notices(read, say)
        answers[model.name] = answer = {"label": None, "text": text, "words": [], "notices": notices}
        try:
            with _turn(say):
                if problem := _obstacle(model, text, label, say):
                    notices.append(problem)
                    continue
                found = model.run_aside(attribute, text, label=label, max_seconds=MAX_SECONDS)
        except UserError as error:
            notices.append(str(error))
            continue
        notices += _remarks(model, read, found, say)
        answer |= {
            "label": found.label,
            "score": found.score,
            "baseline_score": found.baseline_score,
            "words": [
                {"word": word, "start": first, "end": last, "contribution": value}
                for word, (first, last), value in zip(found.words, found.spans, found.contributions, strict=True)
            ],
            "error": found.delta,
            "unread": found.unread,
        }
    return answers


def pages(asked: list[Served], text: str, label: str | None, request: gr.Request) -> Iterator[str]:
    """The page as it grows, model by model."""
    from hf_textclf.explanation.figures import CSS

    read = readable(text)
    if read.empty or not asked:
        key = "no_model" if not asked else "why_hint" if not text else read.empty
        yield f'<p role="status">{escape(i18n.say(key, request))}</p>'
        return
    notices = _notices(read, lambda key, **values: i18n.say(key, request, **values))
    head = f'<style>{CSS}{STYLE}</style><div class="words legend">{_legend(request)}</div>'
    head += f'<p role="status">{escape(" ".join(notices))}</p>' if notices else ""
    cards: list[str] = []
    for model in asked:
        cards.append(_card(model, read, label, request))
        yield f'{head}<div class="cards">{"".join(cards)}</div>'


def _legend(request: gr.Request) -> str:
    kinds = [
        f'<span class="{kind} strong" style="--share:0.8">{escape(i18n.say(f"why_{kind}", request))}</span>'
        for kind in ("for", "against")
    ]
    return f"{' '.join(kinds)} <small>{escape(i18n.say('why_legend', request))}</small>"


def _card(model: Served, read: Readable, label: str | None, request: gr.Request) -> str:
    """Everything about one model."""
    from hf_textclf.explanation import attribute, pooling_weights, word_gates
    from hf_textclf.explanation.figures import contributions_html, weights_html

    def say(key: str, **values: object) -> str:
        return escape(i18n.say(key, request, **values))

    text, parts = read.text[:MAX_EXPLAINED], [f"<h3>{escape(model.name)}</h3>"]
    try:
        # the sentence around it brings the full stop
        with _turn(lambda key: i18n.say(key, request).rstrip(".。")):
            if problem := _obstacle(model, text, label, say):
                return f'<section class="card">{parts[0]}<p>{problem}</p></section>'
            found = model.run_aside(attribute, text, label=label, max_seconds=MAX_SECONDS)
            weights, gates = model.run_aside(pooling_weights, text), model.run_aside(word_gates, text)
    except UserError as error:
        return f'<section class="card">{parts[0]}<p>{say("why_refused", reason=error)}</p></section>'
    added = found.score - found.baseline_score
    number = model.classifier.problem_type == "regression"
    values = {"label": found.label, "score": found.score, "baseline": found.baseline_score, "words": added}
    if not number:
        values["probability"] = 1 / (1 + math.exp(-found.score))
    parts.append(f"<p>{say('why_number' if number else 'why_odds', **values)}</p>")
    parts.append(contributions_html(found))
    parts += [f"<p>{remark}</p>" for remark in _remarks(model, read, found, say)]
    parts.append(_numbers(found, *(say(f"why_{key}") for key in ("numbers", "word", "adds"))))
    if weights is not None:
        parts += [f"<h4>{say('why_attention')}</h4><small>{say('why_weight')}</small>", weights_html(weights)]
    if gates is not None and gates.words:
        parts.append(gate_map.draw(gates, say))
    return f'<section class="card">{"".join(parts)}</section>'


@contextmanager
def _turn(say: Callable[..., str]) -> Iterator[None]:
    """Wait for the explanations before this one.

    Raises:
        UserError: too many wait already.
    """
    if not LINE.acquire(blocking=False):
        raise UserError(say("why_busy"))
    try:
        with TURN:
            yield
    finally:
        LINE.release()


def _notices(read: Readable, say: Callable[..., str]) -> list[str]:
    """What was done to the text before any model read it."""
    notices = [say(key, limit=MAX_CHARACTERS) for key in read.notices]
    return notices + ([say("why_cut", limit=MAX_EXPLAINED)] if len(read.text) > MAX_EXPLAINED else [])


def _remarks(model: Served, read: Readable, found: Any, say: Callable[..., str]) -> list[str]:
    """What to know of an explanation."""
    remarks = [say("why_unread", count=found.unread)] if found.unread else []
    added = found.score - found.baseline_score
    if abs(found.delta) > max(EXACT, EXACT_SHARE * abs(added)):
        remarks.append(say("why_inexact", delta=found.delta))
    if len(read.text) > MAX_EXPLAINED:
        # the other tabs show this answer
        [said], _ = model.classify([read.text])
        name = said.label if isinstance(said.label, str) else found.label
        number = model.classifier.problem_type == "regression"
        value = f"{said.score:.2f}" if number else f"{said.probabilities[name]:.1%}"
        remarks.append(say("why_whole", answer=f"{name} {value}"))
    return remarks


def _obstacle(model: Served, text: str, label: str | None, say: Callable[..., str]) -> str:
    """Why a model is not explained; nothing where it can be."""
    if not model.classifier.predictor.networks:
        return say("why_linear")
    if label is not None and label not in model.classifier.label_names:
        return say("why_no_label", label=label)
    [prediction], _ = model.classify([text])
    return say("unknown_script") if is_foreign(prediction) else ""


def _numbers(found: Any, title: str, word: str, adds: str) -> str:
    """The strongest words as a table, for fingers, keyboards and screen readers."""
    pairs = sorted(zip(found.contributions, found.words, strict=True), key=lambda pair: -abs(pair[0]))[:MAX_NUMBERS]
    rows = "".join(f'<tr><th scope="row">{escape(each)}</th><td>{value:+.3f}</td></tr>' for value, each in pairs)
    head = f'<tr><th scope="col">{word}</th><th scope="col">{adds}</th></tr>'
    return f"<details><summary>{title}</summary><table><thead>{head}</thead><tbody>{rows}</tbody></table></details>"
