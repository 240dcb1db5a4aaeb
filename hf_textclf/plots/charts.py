"""How classifiers err: confusion of labels, honesty of probabilities, curves over all thresholds; what systems cost
beside each other; and how the training of one went. scikit-learn draws, on our axes, what it can."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sklearn.metrics
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator
from scipy.stats import binomtest
from sklearn.calibration import CalibrationDisplay, calibration_curve

from .canvas import canvas, colour, marker, panels

Scores = dict[str, tuple[np.ndarray, np.ndarray]]  # of each system its scores, and what came true
Point = tuple[float, tuple[float, float]]  # a value and its interval
Curve = tuple[list[float], list[float]]  # epochs, values
WRITTEN_CELLS = 12  # up to this many labels, the shares of the confusion stand in their cells
BINS = 15
GREY: dict[str, Any] = {"color": "0.6", "linewidth": 1}
FRACTIONS = np.linspace(0, 1, 1001)  # where the mean of several curves is taken


def plot_confusion(
    path: Path, shares: dict[str, np.ndarray], label_names: Sequence[str], *, shown: Sequence[int], title: str
) -> None:
    """A panel for each system. shares: name -> (shown, shown), rows the true label, columns the predicted one; shown:
    the ids of these labels."""
    written_cells = len(shown) <= WRITTEN_CELLS
    with canvas(title, [*label_names, *shares]) as page:
        labels = [page.written[label_names[label]] for label in shown]
        # room for the cells, and for the names beside and below them
        side = max(2.2, (0.36 if written_cells else 0.22) * len(shown)) + 0.09 * max(map(len, labels))
        figure, places = panels(len(shares), width=side + 0.4, height=side + 0.5)
        for axes, (name, share) in zip(places, shares.items(), strict=True):
            display = sklearn.metrics.ConfusionMatrixDisplay(share, display_labels=labels).plot(
                ax=axes, cmap="Blues", colorbar=False, im_kw={"vmin": 0, "vmax": 1},
                include_values=written_cells, values_format=".2f", text_kw={"fontsize": 7.5},
                xticks_rotation="vertical" if len(shown) > 3 else "horizontal",
            )  # fmt: skip
            axes.set(title=page.written[name])
            axes.grid(False)
            axes.tick_params(length=0, labelsize=9)
        if not written_cells:
            figure.colorbar(display.im_, ax=places, shrink=0.6, aspect=30, pad=0.02)
        page.save(figure, path)


def plot_reliability(
    path: Path, systems: Scores, errors: dict[str, float], *, title: str, what: str = "confidence"
) -> None:
    """How often what was predicted with some confidence comes true (Niculescu-Mizil & Caruana 2005), a panel each.

    systems: name -> confidences in [0, 1] and whether each came true, both (n,). errors: the expected calibration
    errors; they sum the gaps of these very bins, weighted by the counts below. what: the name of the x axis.
    The bar of a point is Wilson's 95 % interval (1927).
    """
    with canvas(title, systems) as page:
        figure, places = panels(len(systems), width=3.5, height=4.6)
        for number, (place, (name, (scores, true))) in enumerate(zip(places, systems.items(), strict=True)):
            place.remove()
            grid: Any = place.get_subplotspec()
            axes, below = grid.subgridspec(2, 1, height_ratios=(3, 1)).subplots(sharex=True)
            counts, means, shares, limits = reliability_bins(scores, true)
            CalibrationDisplay(shares, means, scores).plot(ax=axes, color=colour(number), marker="o", markersize=4)
            axes.vlines(means, *limits, color=colour(number), linewidth=1)
            axes.get_legend().remove()
            axes.set(title=f"{page.written[name]}\nECE {errors[name]:.3f}", xlabel="", ylabel="share that came true")
            axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
            below.bar((np.arange(BINS) + 0.5) / BINS, counts, width=0.9 / BINS, color=colour(number))
            below.set(xlabel=what, ylabel="count", yscale="log", ylim=(0.7, 2 * counts.max()))
            below.yaxis.set_major_formatter("{x:,.0f}")
            below.minorticks_off()
        page.save(figure, path)


def confidences(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a calibration error is taken over, both (n,): the confidence, and whether what was predicted came true.

    scores: (rows, labels) probabilities; labels: (rows,) ids, then n = rows and it is the predicted label that counts;
    or (rows, labels) zeros and ones, then n is all pairs of a text and a label.
    """
    if labels.ndim == 2:
        return scores.ravel(), labels.ravel() > 0.5
    return scores.max(axis=1), scores.argmax(axis=1) == labels


def reliability_bins(scores: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, ...]:
    """Counts of the equal-width bins, (bins,); of those not empty the mean confidence, the share that came true, and
    low and high end of this share's 95 % interval, (2, bins).

    scores, true: (n,). The bins are closed on the right, as in the expected calibration error.
    """
    # rounding may carry a probability a little over the edge
    scores = np.clip(scores, 0, 1)
    shares, means = calibration_curve(true, scores, n_bins=BINS)
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], scores), minlength=BINS)
    tests = [binomtest(round(n * share), n) for n, share in zip(counts[counts > 0].tolist(), shares, strict=True)]
    return counts, means, shares, np.array([[*test.proportion_ci(method="wilson")] for test in tests]).T


def plot_curves(path: Path, systems: Scores, areas: dict[str, tuple[float, float]], *, title: str) -> None:
    """The ROC and the precision-recall curve of each system, the mean over its labels (macro).

    systems: name -> scores and whether each label holds, both (rows, labels); labels that always or never hold are
    left out. areas: name -> area under the ROC curve, average precision, as the metrics give them.
    """
    with canvas(title, systems) as page:
        figure, [roc, pr] = panels(2, width=4.6, height=4.8)
        lines = []
        for number, system in enumerate(systems.values()):
            sensitivity, precision = mean_curves(*system)
            look = {"color": colour(number), "linestyle": ("-", "--", ":")[number // 10 % 3]}
            left = sklearn.metrics.RocCurveDisplay(fpr=np.append(0, FRACTIONS), tpr=np.append(0, sensitivity))
            left.plot(roc, curve_kwargs=look, plot_chance_level=number == 0, chance_level_kw=GREY)
            right = sklearn.metrics.PrecisionRecallDisplay(precision=precision, recall=FRACTIONS[1:])
            right.plot(pr, curve_kwargs=look)
            lines.append((left.line_, right.line_))
        looks = (("ROC (area)", "lower right"), ("precision and recall (average precision)", "lower left"))
        for which, (axes, (heading, corner)) in enumerate(zip((roc, pr), looks, strict=True)):
            axes.set_title(heading)
            # handed over, because a line does not take a name that begins with _
            texts = [f"{page.written[name]} ({areas[name][which]:.3f})" for name in systems]
            axes.legend([pair[which] for pair in lines], texts, loc=corner, fontsize=9)
        page.save(figure, path)


def mean_curves(scores: np.ndarray, holds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The true positive rate at each of `FRACTIONS` as false positive rate, and the precision at each as recall but 0.

    scores, holds: (rows, labels). Each is the mean over the labels; precision goes in steps, so that its mean is the
    average precision.
    """
    sensitivities, precisions = [], []
    for score, true in zip(scores.T, holds.T, strict=True):
        if 0 < true.sum() < len(true):
            false_rate, true_rate, _ = sklearn.metrics.roc_curve(true, score)
            sensitivities.append(np.interp(FRACTIONS, false_rate, true_rate))
            precision, recall, _ = sklearn.metrics.precision_recall_curve(true, score)
            precisions.append(precision[::-1][np.searchsorted(recall[::-1], FRACTIONS[1:])])
    return np.mean(sensitivities, axis=0), np.mean(precisions, axis=0)


def plot_metrics(
    path: Path, metrics: dict[str, dict[str, Point]], costs: dict[str, dict[str, float]], *, title: str
) -> None:
    """Above, every metric with its interval; below, the first metric over each cost, on a logarithmic axis.

    metrics: name of the metric -> system -> value and interval, which need not hold the value if it is of percentiles;
    costs: name of the cost -> system -> number.
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
            for name, (value, (low, high)) in points.items():
                arms = np.maximum([[value - low], [high - value]], 0)
                axes.errorbar(value, systems.index(name), xerr=arms, capsize=3, **looks[name])
            axes.set(title=metric, ylim=(len(systems) - 0.5, -0.5))
            axes.set_yticks(range(len(systems)), [page.written[name] for name in systems])
            axes.margins(x=0.1)
        for axes, (cost, amounts) in zip(below, costs.items(), strict=True):
            for name, (value, (low, high)) in metrics[headline].items():
                arms = np.maximum([[value - low], [high - value]], 0)
                axes.errorbar(amounts[name], value, yerr=arms, capsize=3, **looks[name])
            axes.set(xlabel=cost, ylabel=headline)
            # at least a decade, with plain numbers
            low, high = min(amounts.values()), max(amounts.values())
            axes.set(xscale="log", xlim=(min(low / 1.5, high / 8), max(high * 1.5, low * 8)))
            axes.xaxis.set_major_locator(LogLocator(subs=(1,) if high / low > 300 else (1, 2, 5)))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter("{x:g}")
            axes.label_outer()
        lines = [Line2D([], [], linestyle="", **look) for look in looks.values()]
        subfigures[1].legend(lines, page.written.values(), loc="outside right upper", frameon=False)
        page.save(figure, path)


def plot_scatter(path: Path, systems: dict[str, np.ndarray], labels: np.ndarray, *, what: str, title: str) -> None:
    """Predicted over true numbers, a panel for each system; predictions and labels: (rows,)."""
    with canvas(title, [*systems, what]) as page:
        figure, places = panels(len(systems), width=3.8, height=3.9)
        target = page.written[what]
        ends = [pick([labels, *systems.values()]) for pick in (np.min, np.max)]
        # few values, as stars of a review, would lie upon each other; the shift shows how many there are
        values = np.unique(labels)
        step = np.diff(values).min() if 1 < len(values) <= 20 else 0.0
        spread = " (spread out)" if step else ""
        shift = np.random.default_rng(0).uniform(-0.2, 0.2, len(labels)) * step
        for number, (axes, (name, predictions)) in enumerate(zip(places, systems.items(), strict=True)):
            axes.plot(ends, ends, linestyle="--", **GREY)
            alpha = float(np.clip(300 / len(labels), 0.05, 0.7))
            axes.scatter(labels + shift, predictions, s=12, color=colour(number), alpha=alpha, linewidths=0)
            axes.set(title=page.written[name], xlabel=f"true {target}{spread}", ylabel=f"predicted {target}")
            axes.margins(0.05)
        page.save(figure, path)


def plot_learning(path: Path, graphs: dict[str, dict[str, Curve]], *, title: str, best: float | None = None) -> None:
    """A training run over its epochs, a panel for each quantity. graphs: name of the quantity -> split -> curve; best:
    the epoch with the best weights, drawn as a line."""
    splits = list(dict.fromkeys(split for curves in graphs.values() for split in curves))
    with canvas(title, splits) as page:
        figure, places = panels(len(graphs), width=4.6, height=3.6)
        for axes, (quantity, curves) in zip(places, graphs.items(), strict=True):
            for split, (epochs, values) in curves.items():
                number = splits.index(split)
                axes.plot(epochs, values, color=colour(number), marker=marker(number), markersize=3, label=split)
            if best is not None:
                axes.axvline(best, linestyle="--", label="best", **GREY)
            axes.set(xlabel="epoch", ylabel=quantity)
            axes.legend(fontsize=9)
        page.save(figure, path)
