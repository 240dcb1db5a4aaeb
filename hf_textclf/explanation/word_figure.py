"""The picture of an attribution: a bar for each of the words that say most."""

from pathlib import Path

from matplotlib.figure import Figure

from ..plots.canvas import canvas
from .attributions import Attribution

BARS = 30
# of Okabe and Ito: for the label, against it
FOR, AGAINST = "#0072B2", "#E69F00"


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


__all__ = ["plot_contributions"]
