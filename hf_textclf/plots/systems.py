"""Systems side by side: their metrics with intervals, quality over cost, the predictions of a number; and how the
training of one went."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from .canvas import canvas, colour, marker, panels

Point = tuple[float, tuple[float, float]]  # a value and its interval
Curve = tuple[Sequence[float], Sequence[float]]  # epochs, values


def plot_metrics(
    path: Path, metrics: dict[str, dict[str, Point]], costs: dict[str, dict[str, float]], *, title: str
) -> None:
    """Above, every metric with its interval; below, the first metric over each cost, on a logarithmic axis.

    metrics: name of the metric -> system -> value and interval; costs: name of the cost -> system -> number.
    """
    systems = list(next(iter(costs.values())))
    looks: dict[str, Any] = {
        name: {"color": colour(i), "marker": marker(i), "markersize": 6} for i, name in enumerate(systems)
    }
    headline = next(iter(metrics))
    height = 0.6 + 0.3 * len(systems)
    with canvas(title, systems) as page:
        figure = Figure(figsize=(3 * max(len(metrics), len(costs)) + 1.5, height + 4), layout="constrained")
        subfigures: Any = figure.subfigures(2, height_ratios=[height, 3.5])
        above = subfigures[0].subplots(1, len(metrics), squeeze=False, sharey=True)[0]
        below = subfigures[1].subplots(1, len(costs), squeeze=False, sharey=True)[0]
        for axes, (metric, points) in zip(above, metrics.items(), strict=True):
            for name, (value, limits) in points.items():
                axes.errorbar(value, systems.index(name), xerr=_arms(value, limits), capsize=3, **looks[name])
            axes.set(title=metric, ylim=(len(systems) - 0.5, -0.5))
            axes.set_yticks(range(len(systems)), [page.written[name] for name in systems])
            axes.margins(x=0.1)
        for axes, (cost, amounts) in zip(below, costs.items(), strict=True):
            for name, (value, limits) in metrics[headline].items():
                axes.errorbar(amounts[name], value, yerr=_arms(value, limits), capsize=3, **looks[name])
            axes.set(xlabel=cost, ylabel=headline)
            _logarithmic(axes, list(amounts.values()))
            axes.label_outer()
        lines = [Line2D([], [], linestyle="", **look) for look in looks.values()]
        subfigures[1].legend(lines, page.written.values(), loc="outside right upper", frameon=False)
        page.save(figure, path)


def plot_scatter(path: Path, systems: dict[str, np.ndarray], labels: np.ndarray, *, what: str, title: str) -> None:
    """Predicted over true numbers, a panel for each system; predictions and labels: (rows,)."""
    with canvas(title, [*systems, what]) as page:
        figure, places = panels(len(systems), width=3.8, height=3.9)
        target = page.written[what]
        both = np.concatenate([labels, *systems.values()])
        ends = [both.min(), both.max()]
        # few values, as stars of a review, would lie upon each other; the shift shows how many there are
        values = np.unique(labels)
        step = np.diff(values).min() if 1 < len(values) <= 20 else 0.0
        spread = " (spread out)" if step else ""
        shift = np.random.default_rng(0).uniform(-0.2, 0.2, len(labels)) * step
        for number, (axes, (name, predictions)) in enumerate(zip(places, systems.items(), strict=True)):
            axes.plot(ends, ends, color="0.6", linewidth=1, linestyle="--")
            alpha = float(np.clip(300 / len(labels), 0.05, 0.7))
            axes.scatter(labels + shift, predictions, s=12, color=colour(number), alpha=alpha, linewidths=0)
            axes.set(title=page.written[name], xlabel=f"true {target}{spread}", ylabel=f"predicted {target}")
            axes.margins(0.05)
        page.save(figure, path)


def plot_learning(
    path: Path, graphs: Mapping[str, Mapping[str, Curve]], *, title: str, best: float | None = None
) -> None:
    """A training run over its epochs, a panel for each quantity.

    graphs: name of the quantity -> split -> curve; best: the epoch with the best weights, drawn as a line.
    """
    splits = list(dict.fromkeys(split for curves in graphs.values() for split in curves))
    with canvas(title, splits) as page:
        figure, places = panels(len(graphs), width=4.6, height=3.6)
        for axes, (quantity, curves) in zip(places, graphs.items(), strict=True):
            for split, (epochs, values) in curves.items():
                number = splits.index(split)
                axes.plot(epochs, values, color=colour(number), marker=marker(number), markersize=3, label=split)
            if best is not None:
                axes.axvline(best, color="0.6", linestyle="--", linewidth=1, label="best")
            axes.set(xlabel="epoch", ylabel=quantity)
            axes.legend(fontsize=9)
        page.save(figure, path)


def _arms(value: float, limits: tuple[float, float]) -> list[list[float]]:
    """Lengths of the two arms of a bar; a percentile interval need not hold its value."""
    return [[max(value - limits[0], 0)], [max(limits[1] - value, 0)]]


def _logarithmic(axes: Axes, amounts: list[float]) -> None:
    """A logarithmic x axis with plain numbers and at least a decade of them."""
    low, high = min(amounts), max(amounts)
    axes.set(xscale="log", xlim=(min(low / 1.5, high / 8), max(high * 1.5, low * 8)))
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if high / low > 300 else (1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter("{x:g}")
