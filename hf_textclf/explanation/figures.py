"""Pictures: the gates over a text, on average and every unit by itself; a bar for each of the strongest words; and the
words of a text coloured by what they contribute or weigh, as HTML that light and dark pages can show."""

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..plots.canvas import canvas
from .attributions import Attribution, WordWeights
from .gates import GATES, DirectionGates

# colours of Okabe and Ito, which colour-blind eyes tell apart too, and another stroke for each
LINES = {"input": ("#E69F00", "-"), "forget": ("#0072B2", "--"), "output": ("#009E73", "-.")}
SIZES = {"candidate": ("#CC79A7", "-"), "cell": ("#000000", "--")}
# heat maps from top to bottom
MAPS = (*LINES, *SIZES)
# bars of words, and their colours: for the label, against it
BARS, FOR, AGAINST = 30, "#0072B2", "#E69F00"
# from this share of the strongest word on, a word carries an arrow too
STRONG = 0.2
# the same colours: blue is for, orange against; a solid or a dashed line below says it without them, and the number
# stands in the tooltip. --share is that of the strongest word; the text keeps the colour of the page
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


def plot_gates(path: Path, tokens: list[str], readings: Sequence[DirectionGates], *, title: str) -> None:
    """Draw readings of one text, a column for each, and write the picture whole or not at all.

    readings: batches of one text, as long as `tokens`. In each column the units are sorted by their mean forget gate,
    those that remember longest on top.
    """
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
        names = ["mean", "mean size", *(f"{name} gate" for name in LINES), "candidate", "cell state"]
        for axes, name in zip(panels[:, 0], names, strict=True):
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


def contributions_html(attribution: Attribution) -> str:
    """The text of an attribution with its words coloured; needs `CSS` on the page."""
    return _coloured(attribution.text, attribution.spans, attribution.contributions, form="+.3f")


def weights_html(weights: WordWeights) -> str:
    """The text with its words coloured by their weight, the higher the greener; needs `CSS` on the page."""
    return _coloured(weights.text, weights.spans, weights.weights, kind="weight", form=".3f")


def page_html(attribution: Attribution, *, heading: str) -> str:
    """A whole page, which fetches nothing."""
    return (
        '<!doctype html>\n<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(heading)}</title><style>\n:root {{ color-scheme: light dark; }}\n"
        f"body {{ font-family: system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }}{CSS}"
        f'</style></head><body>\n<h1 style="font-size: 1.2rem">{escape(heading)}</h1>\n'
        '<p class="words"><span class="for strong" style="--share:1">for the label</span>  '
        '<span class="against strong" style="--share:1">against it</span></p>\n'
        f"{contributions_html(attribution)}\n</body></html>\n"
    )


def _coloured(
    text: str, spans: Sequence[tuple[int, int]], values: Sequence[float], *, form: str, kind: str | None = None
) -> str:
    """A paragraph. kind: class of the words; by default `for` and `against` by their sign."""
    strongest = max(map(abs, values), default=0) or 1
    parts, place = [], 0
    # last, what stands after all words
    for (start, end), value in zip([*spans, (len(text), len(text))], [*values, 0], strict=True):
        between, word = text[place:start], escape(text[start:end])
        # blanks, or what the model did not read
        parts.append(f'<span class="unread">{escape(between)}</span>' if between.strip() else escape(between))
        share = abs(value) / strongest
        classes = (kind or ("for" if value > 0 else "against")) + (" strong" if share >= STRONG else "")
        if word:
            parts.append(f'<span class="{classes}" style="--share:{share:.2f}" title="{value:{form}}">{word}</span>')
        place = end
    return f'<p class="words" dir="auto">{"".join(parts)}</p>'
