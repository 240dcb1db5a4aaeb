"""How classifiers err: confusion of labels, honesty of probabilities, and the curves over all thresholds.

scikit-learn draws, on our axes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.calibration import CalibrationDisplay, calibration_curve
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    precision_recall_curve,
    roc_curve,
)

from .canvas import canvas, colour, panels

# up to this many labels, the shares of the confusion stand in their cells
WRITTEN_CELLS = 12
BINS = 15
CHANCE = {"color": "0.6", "linewidth": 1}
# where the mean of several curves is taken
FRACTIONS = np.linspace(0, 1, 1001)


def plot_confusion(
    path: Path, shares: dict[str, np.ndarray], label_names: Sequence[str], *, shown: Sequence[int], title: str
) -> None:
    """A panel for each system.

    shares: name -> (shown, shown), rows the true label, columns the predicted one; shown: the ids of these labels.
    """
    written_cells = len(shown) <= WRITTEN_CELLS
    with canvas(title, [*label_names, *shares]) as page:
        labels = [page.written[label_names[label]] for label in shown]
        # room for the cells, and for the names beside and below them
        side = max(2.2, (0.36 if written_cells else 0.22) * len(shown)) + 0.09 * max(map(len, labels))
        figure, places = panels(len(shares), width=side + 0.4, height=side + 0.5)
        for axes, (name, share) in zip(places, shares.items(), strict=True):
            display = ConfusionMatrixDisplay(share, display_labels=labels).plot(
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
    path: Path,
    systems: dict[str, tuple[np.ndarray, np.ndarray]],
    errors: dict[str, float],
    *,
    title: str,
    what: str = "confidence",
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


def reliability_bins(
    scores: np.ndarray, true: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[list[float], list[float]]]:
    """Counts of the equal-width bins, (bins,); of those not empty the mean confidence, the share that came true, and
    low and high end of this share's 95 % interval.

    scores, true: (n,). The bins are closed on the right, as in the expected calibration error.
    """
    # rounding may carry a probability a little over the edge
    scores = np.clip(scores, 0, 1)
    shares, means = calibration_curve(true, scores, n_bins=BINS)
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], scores), minlength=BINS)
    tests = [binomtest(round(n * share), n) for n, share in zip(counts[counts > 0].tolist(), shares, strict=True)]
    intervals = [test.proportion_ci(method="wilson") for test in tests]
    return counts, means, shares, ([one.low for one in intervals], [one.high for one in intervals])


def plot_curves(
    path: Path, systems: dict[str, tuple[np.ndarray, np.ndarray]], areas: dict[str, tuple[float, float]], *, title: str
) -> None:
    """The ROC and the precision-recall curve of each system, the mean over its labels (macro).

    systems: name -> scores and whether each label holds, both (rows, labels); labels that always or never hold are
    left out. areas: name -> area under the ROC curve, average precision, as the metrics give them.
    """
    with canvas(title, systems) as page:
        figure, [roc, pr] = panels(2, width=4.6, height=4.8)
        lines: dict[Any, list[Any]] = {roc: [], pr: []}
        for number, system in enumerate(systems.values()):
            sensitivity, precision = mean_curves(*system)
            look = {"color": colour(number), "linestyle": ("-", "--", ":")[number // 10 % 3]}
            display = RocCurveDisplay(fpr=np.append(0, FRACTIONS), tpr=np.append(0, sensitivity))
            lines[roc].append(
                display.plot(roc, curve_kwargs=look, plot_chance_level=number == 0, chance_level_kw=CHANCE).line_
            )
            display = PrecisionRecallDisplay(precision=precision, recall=FRACTIONS[1:])
            lines[pr].append(display.plot(pr, curve_kwargs=look).line_)
        roc.set_title("ROC (area)")
        pr.set_title("precision and recall (average precision)")
        for which, axes in enumerate((roc, pr)):
            # handed over, because a line does not take a name that begins with _
            texts = [f"{page.written[name]} ({areas[name][which]:.3f})" for name in systems]
            axes.legend(lines[axes], texts, loc=("lower right", "lower left")[which], fontsize=9)
        page.save(figure, path)


def mean_curves(scores: np.ndarray, holds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The true positive rate at each of `FRACTIONS` as false positive rate, and the precision at each as recall but 0.

    scores, holds: (rows, labels). Each is the mean over the labels; precision goes in steps, so that its mean is the
    average precision.
    """
    sensitivities, precisions = [], []
    for score, true in zip(scores.T, holds.T, strict=True):
        if 0 < true.sum() < len(true):
            false_rate, true_rate, _ = roc_curve(true, score)
            sensitivities.append(np.interp(FRACTIONS, false_rate, true_rate))
            precision, recall, _ = precision_recall_curve(true, score)
            precisions.append(precision[::-1][np.searchsorted(recall[::-1], FRACTIONS[1:])])
    return np.mean(sensitivities, axis=0), np.mean(precisions, axis=0)
