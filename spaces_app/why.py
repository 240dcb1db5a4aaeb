"""The tab that says why: the words of the text coloured by what they add to a label, and a look inside the LSTM."""

import math
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import gate_map
import gradio as gr
import words
from serving import Served
from texts import MAX_CHARACTERS, is_foreign, readable

from hf_textclf import UserError

# an explanation costs as much as hundreds of predictions
MAX_EXPLAINED, MAX_SECONDS = 1000, 10
# rows of the table of numbers, and labels to choose from
MAX_NUMBERS, MAX_LABELS = 20, 500
# a sum of contributions that is out by more, absolute and as a share of what all words add, is called rough
EXACT, EXACT_SHARE = 0.01, 0.05
WORDS = {
    "en": {
        "why_tab": "Why",
        "why_label": "Label to explain",
        "why_predicted": "what each model predicts",
        "why_hint": "Write something above: each word is coloured by what it adds to the answer.",
        "why_for": "for the label",
        "why_against": "against it",
        "why_legend": "The stronger the colour, the more the word counts. Point at a word to see its number.",
        "why_odds": "{label} {probability:.1%}: log-odds {score:+.2f} = {baseline:+.2f} without the words "
        "and {words:+.2f} from them",
        "why_number": "{label} {score:.2f} = {baseline:.2f} without the words and {words:+.2f} from them",
        "why_cut": "The first {limit:,} characters are explained.",
        "why_unread": "{count:,} words were not read: the text is too long for this model.",
        "why_inexact": "The contributions are rough: their sum is out by {delta:+.2f}.",
        "why_refused": "Not explained: {reason}.",
        "why_linear": "This model is no neural network; only networks are explained here.",
        "why_no_label": "This model has no label “{label}”.",
        "why_numbers": "Numbers",
        "why_word": "word",
        "why_adds": "adds",
        "why_attention": "Where its attention looks",
        "why_weight": "the greener, the more weight in the pooled state",
    },
    "zh": {
        "why_tab": "原因",
        "why_label": "要解释的标签",
        "why_predicted": "各模型预测的标签",
        "why_hint": "请在上方输入文字：每个词按它对答案的贡献着色。",
        "why_for": "支持该标签",
        "why_against": "反对该标签",
        "why_legend": "颜色越深，这个词的作用越大。把指针放在词上可看到数值。",
        "why_odds": "{label} {probability:.1%}：对数几率 {score:+.2f} = 没有这些词时 {baseline:+.2f}，"
        "加上这些词 {words:+.2f}",
        "why_number": "{label} {score:.2f} = 没有这些词时 {baseline:.2f}，加上这些词 {words:+.2f}",
        "why_cut": "只解释前 {limit:,} 个字符。",
        "why_unread": "有 {count:,} 个词没有读取：文本超出了该模型的长度。",
        "why_inexact": "贡献只是近似：总和相差 {delta:+.2f}。",
        "why_refused": "无法解释：{reason}。",
        "why_linear": "该模型不是神经网络；这里只解释神经网络。",
        "why_no_label": "该模型没有标签“{label}”。",
        "why_numbers": "数值",
        "why_word": "词",
        "why_adds": "贡献",
        "why_attention": "注意力看哪里",
        "why_weight": "越绿，在汇总状态里的权重越大",
    },
}
STYLE = """
.why-ask { align-items: end; }
#why .legend { margin: 0 0 0.5rem; } #why .legend span { margin-right: 0.5rem; }
#why .cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 14px;
  align-items: start; }
#why .card { border: 1px solid var(--border-color-primary); border-radius: var(--radius-lg); padding: 12px 16px;
  background: var(--block-background-fill); color: var(--body-text-color); min-width: 0; }
#why h3 { margin: 0 0 4px; font-size: 1.05rem; overflow-wrap: anywhere; }
#why h4 { margin: 14px 0 0; font-size: 0.95rem; }
#why p { color: var(--body-text-color); } #why small { opacity: 0.8; }
#why table { width: auto; border: 0; } #why tr, #why th, #why td { border: 0; padding: 1px 16px 1px 0; }
#why th { font-weight: 400; text-align: left; } #why td { text-align: right; font-variant-numeric: tabular-nums; }
#why thead th:last-child { text-align: right; padding-left: 16px; padding-right: 16px; }
#why summary { cursor: pointer; }
"""
for language, texts_of_gates in gate_map.WORDS.items():
    WORDS[language] |= texts_of_gates


def build_why(models: dict[str, Served], t: Any, text: gr.Textbox, chosen: gr.CheckboxGroup, tab: gr.Tab) -> None:
    """Fill the tab, inside it. t: makes a label of a key; text, chosen: the page's text box and picker of models."""

    def show(text: str | None, chosen: list[str], label: str | None, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        # None: the tab is not in front, see below
        if text is None:
            yield gr.skip(), gr.skip()
            return
        asked = [models[name] for name in models if name in (chosen or [])]
        names = list(dict.fromkeys(name for model in asked for name in model.label_names))[:MAX_LABELS]
        label = label if label in names else ""
        choices = gr.Dropdown(choices=[(words.say("why_predicted", request), ""), *names], value=label)
        for page in pages(asked, text, label or None, request):
            yield page, choices

    with gr.Row(elem_classes="why-ask"):
        # the words that stand here first are replaced in the visitor's language by `show`
        label = gr.Dropdown(
            [(WORDS["en"]["why_predicted"], "")], value="", label=t("why_label"), scale=0, min_width=260
        )
    page = gr.HTML(elem_id="why")
    options: dict[str, Any] = {
        "inputs": [text, chosen, label],
        "outputs": [page, label],
        "api_visibility": "private",
        "trigger_mode": "always_last",
        "show_progress": "minimal",
        "show_progress_on": page,
        # one at a time for all visitors: two would only slow each other down
        "concurrency_limit": 1,
        "concurrency_id": "why",
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
    models: dict[str, Served], text: str, model: str | None = None, label: str | None = None
) -> dict[str, dict[str, Any]]:
    """What each word of a text adds to a label, for one model or all: model name -> answer, for programs.

    text: as `readable` gives it. label: the most probable one by default. In an answer label is what was explained,
    null where nothing could be; score and baseline_score are log-odds, for regression the number; words have each
    word, start, end and contribution, whose sum is score - baseline_score + error; unread counts the words that the
    model does not read; notices say what there is to know, in English.
    """
    from hf_textclf.explanation import attribute

    start, answers = text[:MAX_EXPLAINED], {}
    for name in [model] if model else list(models):
        notices = [] if start == text else [WORDS["en"]["why_cut"].format(limit=MAX_EXPLAINED)]
        try:
            found = models[name].run(attribute, start, label=label, max_seconds=MAX_SECONDS)
        except UserError as error:
            answers[name] = {"label": None, "words": [], "notices": [str(error)]}
            continue
        answers[name] = {
            "label": found.label,
            "score": found.score,
            "baseline_score": found.baseline_score,
            "words": [
                {"word": word, "start": first, "end": last, "contribution": value}
                for word, (first, last), value in zip(found.words, found.spans, found.contributions, strict=True)
            ],
            "error": found.delta,
            "unread": found.unread,
            "notices": notices,
        }
    return answers


def pages(asked: list[Served], text: str, label: str | None, request: gr.Request) -> Iterator[str]:
    """The page as it grows, model by model."""
    from hf_textclf.explanation.word_html import CSS

    read = readable(text)
    if read.empty or not asked:
        key = "no_model" if not asked else "why_hint" if not text else read.empty
        yield f'<p role="status">{escape(words.say(key, request))}</p>'
        return
    notices = [words.say(key, request, limit=MAX_CHARACTERS) for key in read.notices]
    if len(read.text) > MAX_EXPLAINED:
        notices.append(words.say("why_cut", request, limit=MAX_EXPLAINED))
    head = f'<style>{CSS}{STYLE}{gate_map.STYLE}</style><div class="words legend">{_legend(request)}</div>'
    head += f'<p role="status">{escape(" ".join(notices))}</p>' if notices else ""
    cards: list[str] = []
    for model in asked:
        cards.append(_card(model, read.text[:MAX_EXPLAINED], label, request))
        yield f'{head}<div class="cards">{"".join(cards)}</div>'


def _legend(request: gr.Request) -> str:
    kinds = [
        f'<span class="{kind} strong" style="--share:0.8">{escape(words.say(f"why_{kind}", request))}</span>'
        for kind in ("for", "against")
    ]
    return f"{' '.join(kinds)} <small>{escape(words.say('why_legend', request))}</small>"


def _card(model: Served, text: str, label: str | None, request: gr.Request) -> str:
    """Everything about one model."""
    from hf_textclf.explanation import attribute, pooling_weights, word_gates
    from hf_textclf.explanation.word_html import contributions_html, weights_html

    def say(key: str, **values: object) -> str:
        return escape(words.say(key, request, **values))

    parts = [f"<h3>{escape(model.name)}</h3>"]
    with model.turn:
        problem = _obstacle(model, text, label, say)
        if not problem:
            try:
                found = model.run(attribute, text, label=label, max_seconds=MAX_SECONDS)
            except UserError as error:
                problem = say("why_refused", reason=error)
        if problem:
            return f'<section class="card">{parts[0]}<p>{problem}</p></section>'
        weights, gates = model.run(pooling_weights, text), model.run(word_gates, text)
    added = found.score - found.baseline_score
    number = model.classifier.problem_type == "regression"
    values = {"label": found.label, "score": found.score, "baseline": found.baseline_score, "words": added}
    if not number:
        values["probability"] = 1 / (1 + math.exp(-found.score))
    parts.append(f"<p>{say('why_number' if number else 'why_odds', **values)}</p>")
    parts.append(contributions_html(found))
    if found.unread:
        parts.append(f"<p>{say('why_unread', count=found.unread)}</p>")
    if abs(found.delta) > max(EXACT, EXACT_SHARE * abs(added)):
        parts.append(f"<p>{say('why_inexact', delta=found.delta)}</p>")
    parts.append(_numbers(found, *(say(f"why_{key}") for key in ("numbers", "word", "adds"))))
    if weights is not None:
        parts += [f"<h4>{say('why_attention')}</h4><small>{say('why_weight')}</small>", weights_html(weights)]
    if gates is not None and gates.words:
        parts.append(gate_map.draw(gates, say))
    return f'<section class="card">{"".join(parts)}</section>'


def _obstacle(model: Served, text: str, label: str | None, say: Callable[..., str]) -> str:
    """Why a model is not explained; nothing where it can be."""
    system = model.classifier.system
    # one network, or one for each label
    if not hasattr(system, "tokenizer") and not hasattr(system, "networks"):
        return say("why_linear")
    if label is not None and label not in model.classifier.label_names:
        return say("why_no_label", label=label)
    return say("foreign") if is_foreign(text, model) else ""


def _numbers(found: Any, title: str, word: str, adds: str) -> str:
    """The strongest words as a table, for fingers, keyboards and screen readers."""
    pairs = sorted(zip(found.contributions, found.words, strict=True), key=lambda pair: -abs(pair[0]))[:MAX_NUMBERS]
    rows = "".join(f'<tr><th scope="row">{escape(each)}</th><td>{value:+.3f}</td></tr>' for value, each in pairs)
    head = f'<tr><th scope="col">{word}</th><th scope="col">{adds}</th></tr>'
    return f"<details><summary>{title}</summary><table><thead>{head}</thead><tbody>{rows}</tbody></table></details>"
