"""How a training run went: its losses over the epochs, and what was measured on the way."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from .canvas import canvas, colour, marker, panels

Curve = tuple[Sequence[float], Sequence[float]]  # epochs, values


def plot_learning(
    path: Path, graphs: Mapping[str, Mapping[str, Curve]], *, title: str, best: float | None = None
) -> None:
    """A panel for each quantity.

    graphs: name of the quantity -> split -> curve; best: the epoch with the best weights, drawn as a line.
    """
    splits = list(dict.fromkeys(split for curves in graphs.values() for split in curves))
    with canvas(title, splits) as page:
        figure, places = panels(len(graphs), width=4.6, height=3.6)
        for [axes], (quantity, curves) in zip(places, graphs.items(), strict=True):
            for split, (epochs, values) in curves.items():
                number = splits.index(split)
                axes.plot(epochs, values, color=colour(number), marker=marker(number), markersize=3, label=split)
            if best is not None:
                axes.axvline(best, color="0.6", linestyle="--", linewidth=1, label="best")
            axes.set(xlabel="epoch", ylabel=quantity)
            axes.legend(fontsize=9)
        page.save(figure, path)
