"""The commands `explain` and `gates`: from a saved folder and a text to a picture, a png or HTML that light and dark
pages can show."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from ..arguments import option
from ..errors import UserError
from ..files import new_file, write_text
from ..inference import Classifier
from ..inference.predictor import readable
from ..plots.canvas import canvas
from ..tokenization import encode
from .attributions import Attribution, WordWeights, attribute
from .gates import GATES, DirectionGates, read_gates

# colours of Okabe and Ito, which colour-blind eyes tell apart too, and another stroke for each
LINES = {"input": ("#E69F00", "-"), "forget": ("#0072B2", "--"), "output": ("#009E73", "-.")}
SIZES = {"candidate": ("#CC79A7", "-"), "cell": ("#000000", "--")}
# heat maps from top to bottom
MAPS = {name: f"{name} gate" for name in LINES} | {"candidate": "candidate", "cell": "cell state"}
# bars of words, and their colours: for the label, against it
BARS, FOR, AGAINST = 30, "#0072B2", "#E69F00"
STRONG = 0.2  # from this share of the strongest word on, a word carries an arrow too
# the same colours; a solid or a dashed line below says it without them, and the number stands in the tooltip. --share
# is that of the strongest word; the text keeps the colour of the page
CSS = """
.words { line-height: 2; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.5rem 0; }
.words span { border-bottom: 2px none; border-radius: 3px; padding: 1px 0; }
.words .for { --hue: 0 114 178; border-bottom-style: solid; }
.words .against { --hue: 230 159 0; border-bottom-style: dashed; }
.words .weight { --hue: 0 158 115; border-bottom-style: solid; }
.words .for, .words .against, .words .weight {
  background: rgb(var(--hue) / calc(0.6 * var(--share))); border-bottom-color: rgb(var(--hue) / var(--share)); }
.words .strong::after { font-size: 0.6em; vertical-align: super; }
.words .for.strong::after { content: "▲"; }
.words .against.strong::after { content: "▼"; }
.words .unread { opacity: 0.55; font-style: italic; }
"""


@dataclass
class ExplainArguments:
    """Which text and label are explained, and where the picture goes."""

    text: str = field(metadata={"help": "The text that is read."})
    label: str | None = option(None, "Label to explain; the most probable one.")
    output: str | None = option(None, "A new picture, .png or .html: the strongest words, or the coloured text.")
    revision: str = option("main", "Commit, tag or branch of a Hub model.")


def explain(folder: str, arguments: ExplainArguments) -> Attribution:
    """Explain what a saved model says of a text, and write the picture that was asked for.

    Raises:
        UserError: as `attribute`, or a picture that cannot be written.
    """
    path = _new_picture(arguments.output, ".png", ".html") if arguments.output is not None else None
    classifier = Classifier(folder, revision=arguments.revision)
    attribution = attribute(classifier, arguments.text, label=arguments.label)
    what = "predicted number" if classifier.problem_type == "regression" else "log-odds"
    baseline = f"without the words {attribution.baseline_score:+.2f}"
    heading = f"{attribution.label}: {what} {attribution.score:+.2f}, {baseline}"
    if path and path.suffix.lower() == ".png":
        plot_contributions(path, attribution, title=heading)
    elif path:
        write_text(path, page_html(attribution, heading=heading))
    return attribution


@dataclass
class GatesArguments:
    """Which text is looked at, and where in the model."""

    text: str = field(metadata={"help": "The text that is read."})
    output: str = field(metadata={"help": "A new picture, .png."})
    layer: int | None = option(None, "Layer to show, counted from 1; the last.")
    revision: str = option("main", "Commit, tag or branch of a Hub model.")


def draw_gates(folder: str, arguments: GatesArguments) -> int:
    """Draw the gates of one layer over one text into a new picture, and return the number of tokens.

    Raises:
        UserError: no saved LSTM, a layer that it has not, a text without tokens, or a picture that cannot be written.
    """
    path = _new_picture(arguments.output, ".png")
    classifier = Classifier(folder, revision=arguments.revision, device="cpu")
    network = classifier.predictor.network
    if network is None:
        raise UserError(f"{folder!r} holds no single network, expected one saved LSTM; name another folder")
    [token_ids] = encode(network.tokenizer, [readable(arguments.text)])["input_ids"]
    if not token_ids:
        raise UserError(f"text {arguments.text!r} has no tokens, expected a word or more; correct --text")
    readings = read_gates(network.model, torch.tensor([token_ids]))
    last = readings[-1].layer
    layer = last if arguments.layer is None else arguments.layer
    if not 1 <= layer <= last:
        raise UserError(f"layer={layer} is not there, expected 1 to {last}; correct --layer")
    [prediction] = classifier([arguments.text])
    label = prediction.label if isinstance(prediction.label, str) else ", ".join(prediction.label) or "no label"
    # decoded one by one: pieces of words and of bytes as a reader knows them
    tokens = [network.tokenizer.decode([token_id]).strip() for token_id in token_ids]
    shown = [reading for reading in readings if reading.layer == layer]
    plot_gates(path, tokens, shown, title=f"{label} ({prediction.score:.2f}) · layer {layer} of {last}")
    return len(tokens)


def _new_picture(name: str, *endings: str) -> Path:
    """The path of a picture that can be written."""
    path = Path(name)
    if path.suffix.lower() not in endings:
        raise UserError(f"output {name!r}, expected a name that ends in {' or '.join(endings)}; rename it")
    return new_file(path)


def plot_gates(path: Path, tokens: list[str], readings: Sequence[DirectionGates], *, title: str) -> None:
    """Draw readings of one text, as long as `tokens`, a column for each. In each column the units are sorted by their
    mean forget gate, those that remember longest on top."""
    with canvas(title, tokens) as page:
        width = min(max(0.25 * len(tokens), 4), 20)  # inches
        figure = Figure(figsize=(width * len(readings) + 2, 9), layout="constrained")
        heights = [1.3, 1.0] + [1.2] * len(MAPS)
        panels = figure.subplots(len(heights), len(readings), sharex=True, squeeze=False, height_ratios=heights)
        # a few units may count up without end, beside which nothing else would show
        bound = max(float(reading.cells.abs().quantile(0.98)) for reading in readings)
        for column, reading in zip(panels.T, readings, strict=True):
            column[0].set_title(reading.direction, loc="left", fontsize=10)
            pictures = _draw_direction(column, reading, bound)
            # as many labels as there is room for
            places = range(0, len(tokens), math.ceil(0.13 * len(tokens) / width))
            column[-1].set_xticks(places, [page.written[tokens[place]] for place in places], fontsize=9)
            for label in column[-1].get_xticklabels():
                label.set_rotation(0 if len(label.get_text()) <= 2 else 90)
        for axes, name in zip(panels[:, 0], ("mean", "mean size", *MAPS.values()), strict=True):
            axes.set_ylabel(name)
        gates = panels[2 : 2 + len(LINES)].ravel().tolist()
        figure.colorbar(pictures["input"], ax=gates, label="0 shut, 1 open", pad=0.01, aspect=30)
        figure.colorbar(pictures["candidate"], ax=panels[-2].tolist(), pad=0.01, aspect=9)
        figure.colorbar(pictures["cell"], ax=panels[-1].tolist(), pad=0.01, aspect=9, extend="both")
        figure.align_ylabels(panels[:, 0])
        page.save(figure, path)


def _draw_direction(column: Any, reading: DirectionGates, bound: float) -> dict[str, Any]:
    """Fill one column of panels; returns its heat maps by name. bound: of the colours for cell states."""
    order = reading.gates[0, :, GATES.index("forget")].mean(0).argsort(descending=True)
    tables = {name: reading.gates[0, :, GATES.index(name), order].T for name in GATES}  # (units, length)
    tables["cell"] = reading.cells[0][:, order].T
    for axes, lines in ((column[0], LINES), (column[1], SIZES)):
        for name, (colour, stroke) in lines.items():
            axes.plot(tables[name].abs().mean(0), color=colour, linestyle=stroke, marker=".", label=name)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, frameon=False, fontsize=8, ncols=3)
        axes.tick_params(bottom=False)
        axes.grid(visible=False, axis="x")
    column[0].set_ylim(0, 1)
    column[1].set_ylim(bottom=0)
    pictures = {}
    for axes, name in zip(column[2:], MAPS, strict=True):
        high = bound if name == "cell" else 1
        scale = {"cmap": "cividis", "vmin": 0} if name in LINES else {"cmap": "PuOr", "vmin": -high}
        pictures[name] = axes.imshow(tables[name], aspect="auto", interpolation="nearest", vmax=high, **scale)
        axes.tick_params(bottom=axes is column[-1])
        axes.grid(visible=False)
        axes.set_yticks([])
    return pictures


def plot_contributions(path: Path, attribution: Attribution, *, title: str) -> None:
    """Draw the strongest words, from top to bottom as they follow each other in the text."""
    pairs = list(zip(attribution.words, attribution.contributions, strict=True))
    strongest = sorted(sorted(range(len(pairs)), key=lambda word: -abs(pairs[word][1]))[:BARS])
    words, values = [pairs[number][0] for number in strongest], [pairs[number][1] for number in strongest]
    with canvas(title, words) as page:
        figure = Figure(figsize=(6, 1.3 + 0.22 * len(words)), layout="constrained")
        axes = figure.subplots()
        axes.barh(range(len(words)), values, color=[FOR if value > 0 else AGAINST for value in values])
        axes.axvline(0, color="0.3", linewidth=1)
        axes.set_yticks(range(len(words)), [page.written[word] for word in words], fontsize=9)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        some = f"; the {len(words)} strongest of {len(pairs)} words"
        axes.set_xlabel(f"contribution{f' to {attribution.label}' if len(words) == len(pairs) else some}")
        page.save(figure, path)


def page_html(attribution: Attribution, *, heading: str) -> str:
    """A whole page, which fetches nothing."""
    return (
        '<!doctype html>\n<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(heading)}</title><style>\n:root {{ color-scheme: light dark; }}\n"
        f"body {{ font-family: system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }}{CSS}"
        f'</style></head><body>\n<h1 style="font-size: 1.2rem">{escape(heading)}</h1>\n'
        '<p class="words"><span class="for strong" style="--share:1">for the label</span>  '
        '<span class="against strong" style="--share:1">against it</span></p>\n'
        f"{words_html(attribution)}\n</body></html>\n"
    )


def words_html(of_words: Attribution | WordWeights) -> str:
    """A paragraph: a text with its words coloured by what they contribute, for or against, or by their weight, the
    higher the greener; needs `CSS` on the page."""
    if isinstance(of_words, WordWeights):
        values, form, kinds = of_words.weights, ".3f", ("weight", "weight")
    else:
        values, form, kinds = of_words.contributions, "+.3f", ("against", "for")
    text, strongest, parts, place = of_words.text, max(map(abs, values), default=0) or 1, list[str](), 0
    # last, what stands after all words
    for (start, end), value in zip([*of_words.spans, (len(text), len(text))], [*values, 0], strict=True):
        between, word = text[place:start], escape(text[start:end])
        # blanks, or what the model did not read
        parts.append(f'<span class="unread">{escape(between)}</span>' if between.strip() else escape(between))
        share = abs(value) / strongest
        classes = kinds[value > 0] + (" strong" if share >= STRONG else "")
        if word:
            parts.append(f'<span class="{classes}" style="--share:{share:.2f}" title="{value:{form}}">{word}</span>')
        place = end
    return f'<p class="words" dir="auto">{"".join(parts)}</p>'
