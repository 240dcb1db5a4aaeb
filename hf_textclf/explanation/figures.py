"""Pictures: the gates over a text, on average and every unit by itself; a bar for each of the strongest words."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..plots.canvas import canvas
from .attributions import Attribution
from .gates import GATES, DirectionGates

# colours of Okabe and Ito, which colour-blind eyes tell apart too, and another stroke for each
LINES = {"input": ("#E69F00", "-"), "forget": ("#0072B2", "--"), "output": ("#009E73", "-.")}
SIZES = {"candidate": ("#CC79A7", "-"), "cell": ("#000000", "--")}
# heat maps from top to bottom
MAPS = ("input", "forget", "output", "candidate", "cell")
# bars of words, and their colours: for the label, against it
BARS, FOR, AGAINST = 30, "#0072B2", "#E69F00"


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
        _explain(figure, panels, pictures)
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


def _explain(figure: Any, panels: Any, pictures: dict[str, Any]) -> None:
    """Names at the left, scales at the right."""
    panels[0, 0].set_ylabel("mean")
    panels[1, 0].set_ylabel("mean size")
    for axes, name in zip(panels[2:, 0], MAPS, strict=True):
        axes.set_ylabel({"candidate": "candidate", "cell": "cell state"}.get(name, f"{name} gate"))
    gates = panels[2 : 2 + len(LINES)].ravel().tolist()
    figure.colorbar(pictures["input"], ax=gates, label="0 shut, 1 open", pad=0.01, aspect=30)
    figure.colorbar(pictures["candidate"], ax=panels[-2].tolist(), pad=0.01, aspect=9)
    figure.colorbar(pictures["cell"], ax=panels[-1].tolist(), pad=0.01, aspect=9, extend="both")


def plot_contributions(path: Path, attribution: Attribution, *, title: str) -> None:
    """Draw the strongest words, from top to bottom as they follow each other in the text."""
    values = attribution.contributions
    strongest = sorted(sorted(range(len(values)), key=lambda word: -abs(values[word]))[:BARS])
    with canvas(title, [attribution.words[word] for word in strongest]) as page:
        figure = Figure(figsize=(6, 1.3 + 0.22 * len(strongest)), layout="constrained")
        axes = figure.subplots()
        shown = [values[word] for word in strongest]
        axes.barh(range(len(shown)), shown, color=[FOR if value > 0 else AGAINST for value in shown])
        axes.axvline(0, color="0.3", linewidth=1)
        axes.set_yticks(range(len(shown)), [page.written[attribution.words[word]] for word in strongest], fontsize=9)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(
            f"contribution to {attribution.label}"
            if len(shown) == len(values)
            else f"contribution; the {len(shown)} strongest of {len(values)} words"
        )
        page.save(figure, path)


__all__ = ["plot_contributions", "plot_gates"]
