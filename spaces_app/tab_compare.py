"""What each model makes of the same text: bars for all labels, time, size, accuracy, and where the models disagree."""

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr
import i18n
from models import Served
from predictions import MAX_CHARACTERS, is_foreign, notice_texts, readable

from hf_textclf import Prediction

# with more labels than this, the most probable stand first
MANY = 12
# by problem type, the metric that the page shows, and its name
HEADLINE = {"single_label_classification": "accuracy", "multi_label_classification": "macro_f1", "regression": "mae"}


def compare(models: dict[str, Served], text: str, chosen: list[str], request: gr.Request) -> Iterator[str]:
    """Yield the results as HTML: at once for the models that are loaded, then as each of the others is done."""
    read = readable(text)
    asked = [models[name] for name in models if name in chosen]
    if not asked:
        yield _note(i18n.say("no_model", request))
        return
    if read.empty:
        # a page without a text shows what there is
        empty = i18n.say("hint" if not text else read.empty, request)
        yield _page([_note(empty)], [_card(model, request, _bars(model, None, request)) for model in asked])
        return
    notices = [_note(i18n.say(key, request, limit=MAX_CHARACTERS)) for key in read.notices]
    loading = f'<p class="message">{escape(i18n.say("loading", request))}</p>'
    bodies = {model.name: _bars(model, None, request) if model.is_loaded else loading for model in asked}
    cards = {model.name: _card(model, request, bodies[model.name], busy=not model.is_loaded) for model in asked}
    answers: dict[str, tuple[Served, Prediction]] = {}
    for model in sorted(asked, key=lambda model: not model.is_loaded):
        if not model.is_loaded:
            yield _page([*notices, *_verdict(answers, request)], list(cards.values()))
        [prediction], milliseconds = model.classify([read.text])
        remark = " ".join(notice_texts(prediction, request))
        if is_foreign(prediction):
            cards[model.name] = _card(model, request, f'<p class="message">{escape(remark)}</p>')
            continue
        answers[model.name] = model, prediction
        took = i18n.say("took", request, time=milliseconds)
        cards[model.name] = _card(model, request, _bars(model, prediction, request), took=took, remark=remark)
    yield _page([*notices, *_verdict(answers, request)], list(cards.values()))


def _page(lines: list[str], cards: list[str]) -> str:
    return f'<div role="status">{"".join(lines)}</div><div class="cards">{"".join(cards)}</div>'


def _note(text: str) -> str:
    return f'<p class="note">{escape(text)}</p>'


def _verdict(answers: dict[str, tuple[Served, Prediction]], request: gr.Request) -> list[str]:
    """Whether the models agree; nothing of a single one, of numbers, or of models for different labels."""
    tasks = {(model.classifier.problem_type, frozenset(model.classifier.label_names)) for model, _ in answers.values()}
    if len(answers) < 2 or len(tasks) > 1 or next(iter(tasks))[0] == "regression":
        return []
    nothing = i18n.say("nothing", request)
    labels = {name: ", ".join(_predicted(prediction)) or nothing for name, (_, prediction) in answers.items()}
    kind = "agree" if len(set(labels.values())) == 1 else "disagree"
    each = ", ".join(i18n.say("says", request, name=name, answer=answer) for name, answer in labels.items())
    sentence = i18n.say(kind, request, answer=next(iter(labels.values())), answers=each)
    return [f'<p class="note {kind}">{escape(sentence)}</p>']


def _predicted(prediction: Prediction) -> list[str]:
    return [prediction.label] if isinstance(prediction.label, str) else prediction.label


def _card(
    model: Served, request: gr.Request, body: str, *, took: str = "", remark: str = "", busy: bool = False
) -> str:
    """One model: what it is, and its bars, or the reason why there are none."""
    body += f'<p class="remark">{escape(remark)}</p>' if remark else ""
    waits = ' aria-busy="true"' if busy else ""
    head = f'<header><h3>{escape(model.name)}</h3><span class="took">{took}</span></header>'
    return f'<section class="card"{waits}>{head}{body}<footer>{_facts(model, request)}</footer></section>'


def _bars(model: Served, prediction: Prediction | None, request: gr.Request) -> str:
    """A table with a bar in each row, of a regression the number; without a prediction the labels alone.

    A few labels stay where they are, so that models can be compared and nothing jumps while somebody types.
    """
    if prediction is not None and model.classifier.problem_type == "regression":
        return f'<p class="number"><b>{prediction.score:.2f}</b> {escape(str(prediction.label))}</p>'
    rows: dict[str, Any] = dict.fromkeys(model.label_names)
    limits, chosen = {}, []
    if prediction is not None:
        rows, chosen = prediction.probabilities, _predicted(prediction)
        if (thresholds := model.classifier.thresholds) is not None:
            limits = dict(zip(model.classifier.label_names, thresholds.tolist(), strict=True))
        if len(rows) > MANY:
            rows = dict(sorted(rows.items(), key=lambda item: -item[1]))
    lines = []
    for name, value in rows.items():
        mark, shown = "", escape(name)
        if (limit := limits.get(name)) is not None:
            title = escape(i18n.say("threshold", request, value=limit))
            mark = f'<i style="left:{limit:.1%}" title="{title}"></i>'
        width, written = (0.0, "") if value is None else (value, f"{value:.1%}")
        lines.append(
            f'<tr class="{"chosen" if name in chosen else ""}"><th scope="row" title="{shown}">{shown}</th>'
            f'<td><div class="bar"><b style="width:{width:.1%}"></b>{mark}</div></td><td>{written}</td></tr>'
        )
    label, probability = (f'<th scope="col">{i18n.say(key, request)}</th>' for key in ("label", "probability"))
    head = f"<thead><tr>{label}<td></td>{probability}</tr></thead>"
    return f'<div class="bars"><table>{head}<tbody>{"".join(lines)}</tbody></table></div>'


def _facts(model: Served, request: gr.Request) -> str:
    """Size, and how good the model was on texts that it had not seen."""
    unknown = f"<span>{escape(i18n.say('not_measured', request))}</span>"
    if (facts := model.facts) is None:
        return unknown
    spans = ""
    if count := facts.results.get("num_parameters", facts.measured.get("num_parameters")):
        short = f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.0f} k" if count >= 1e3 else str(count)
        spans += f"<span>{escape(i18n.say('parameters', request, count=short))}</span>"
    if megabytes := facts.measured.get("megabytes"):
        spans += f"<span>{megabytes:,.1f} MB</span>"
    metric, results = HEADLINE[facts.problem_type], facts.headline
    value = results.get("metrics", {}).get(metric)
    if value is None:
        return spans + unknown
    written = f"{i18n.say(metric, request, split=i18n.say(results['split'], request))} {value:.3f}"
    if limits := results.get("intervals", {}).get(metric):
        written += f" [{limits[0]:.3f}, {limits[1]:.3f}]"
    title = i18n.say("interval_title", request, rows=results["rows"])
    return f'{spans}<span title="{escape(title)}">{escape(written)}</span>'
