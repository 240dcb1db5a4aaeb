"""How classifiers err: confusion of labels, honesty of probabilities, and the curves over all thresholds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from .canvas import canvas, colour, panels, unit_axes

# up to this many labels, the shares of the confusion stand in their cells
WRITTEN_CELLS = 12
BINS = 15
# the line of pure chance, or of perfect honesty
DIAGONAL: dict[str, Any] = {"color": "0.6", "linewidth": 1, "linestyle": "--"}
FRACTIONS = np.linspace(0, 1, 1001)


def plot_confusion(
    path: Path, shares: dict[str, np.ndarray], label_names: Sequence[str], *, shown: Sequence[int], title: str
) -> None:
    """A panel for each system.

    shares: name -> (shown, shown), rows the true label, columns the predicted one; shown: the ids of these labels.
    """
    size = len(shown)
    with canvas(title, [*label_names, *shares]) as page:
        labels = [page.written[label_names[label]] for label in shown]
        # room for the cells, and for the names beside and below them
        side = max(2.2, (0.36 if size <= WRITTEN_CELLS else 0.22) * size) + 0.09 * max(map(len, labels))
        figure, places = panels(len(shares), width=side + 0.4, height=side + 0.5)
        for [axes], (name, share) in zip(places, shares.items(), strict=True):
            image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
            axes.grid(False)
            axes.set(title=page.written[name], xlabel="predicted", ylabel="true")
            axes.set_xticks(range(size), labels, rotation=90 if size > 3 else 0)
            axes.set_yticks(range(size), labels)
            axes.tick_params(length=0, labelsize=9)
            if size <= WRITTEN_CELLS:
                for (row, column), value in np.ndenumerate(share):
                    shade = "white" if value > 0.5 else "0.2"
                    axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=shade, fontsize=7.5)
        if size > WRITTEN_CELLS:
            figure.colorbar(image, ax=[axes for [axes] in places], shrink=0.6, aspect=30, pad=0.02)
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
        figure, places = panels(len(systems), width=3.5, height=4.6, ratios=(3, 1))
        for number, ([above, below], (name, (confidences, true))) in enumerate(
            zip(places, systems.items(), strict=True)
        ):
            counts, means, shares = _bins(confidences, true)
            there = counts > 0
            low, high = _wilson(shares[there], counts[there])
            above.plot([0, 1], [0, 1], **DIAGONAL)
            above.vlines(means[there], low, high, color=colour(number), linewidth=1)
            above.plot(means[there], shares[there], "o-", color=colour(number), markersize=4, linewidth=1)
            unit_axes(above, xlabel="", ylabel="share that came true")
            above.set_title(f"{page.written[name]}\nECE {errors[name]:.3f}")
            below.bar((np.arange(BINS) + 0.5) / BINS, counts, width=0.9 / BINS, color=colour(number))
            below.set(xlabel=what, ylabel="count", yscale="log", ylim=(0.7, 2 * counts.max()), xlim=(-0.01, 1.01))
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


def plot_curves(
    path: Path, systems: dict[str, tuple[np.ndarray, np.ndarray]], areas: dict[str, tuple[float, float]], *, title: str
) -> None:
    """The ROC and the precision-recall curve of each system, the mean over its labels (macro).

    systems: name -> scores and whether each label holds, both (rows, labels); labels that always or never hold are
    left out. areas: name -> area under the ROC curve, average precision, as the metrics give them.
    """
    with canvas(title, systems) as page:
        figure, [[roc], [pr]] = panels(2, width=4.6, height=4.8)
        roc.plot([0, 1], [0, 1], **DIAGONAL)
        for number, (scores, holds) in enumerate(systems.values()):
            defined = [label for label in range(holds.shape[1]) if 0 < holds[:, label].sum() < len(holds)]
            sensitivity = np.mean([_roc(scores[:, label], holds[:, label]) for label in defined], axis=0)
            precision = np.mean([_precision(scores[:, label], holds[:, label]) for label in defined], axis=0)
            look: dict[str, Any] = {"color": colour(number), "linestyle": ("-", "--", ":")[number // 10 % 3]}
            roc.plot([0, *FRACTIONS], [0, *sensitivity], **look)
            pr.plot(FRACTIONS[1:], precision, **look)
        unit_axes(roc, xlabel="false positive rate", ylabel="true positive rate (recall)")
        unit_axes(pr, xlabel="recall", ylabel="precision")
        roc.set_title("ROC (area)")
        pr.set_title("precision and recall (average precision)")
        for which, (axes, corner) in enumerate(((roc, "lower right"), (pr, "lower left"))):
            # handed over, because a line does not take a name that begins with _
            texts = [f"{page.written[name]} ({areas[name][which]:.3f})" for name in systems]
            axes.legend(axes.lines[-len(systems) :], texts, loc=corner, fontsize=9)
        page.save(figure, path)


def _bins(confidences: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count, mean confidence and share that came true in each of the equal-width bins."""
    # closed on the right, as in the expected calibration error
    bin_of = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidences, side="left")
    counts = np.bincount(bin_of, minlength=BINS)
    means, shares = (
        np.bincount(bin_of, values, minlength=BINS) / np.maximum(counts, 1) for values in (confidences, true)
    )
    return counts, means, shares


def _wilson(share: np.ndarray, counts: np.ndarray, z: float = 1.96) -> tuple[np.ndarray, np.ndarray]:
    """Low and high end of a share's interval; inside [0, 1] and never empty, unlike the normal approximation's."""
    centre = (share + z**2 / (2 * counts)) / (1 + z**2 / counts)
    half = z / (1 + z**2 / counts) * np.sqrt(share * (1 - share) / counts + z**2 / (4 * counts**2))
    return centre - half, centre + half


def _roc(scores: np.ndarray, holds: np.ndarray) -> np.ndarray:
    """True positive rate at each of the false positive rates."""
    false_rate, true_rate, _ = roc_curve(holds, scores)
    return np.interp(FRACTIONS, false_rate, true_rate)


def _precision(scores: np.ndarray, holds: np.ndarray) -> np.ndarray:
    """Precision at each recall above 0, in steps, so that its mean is the average precision."""
    precision, recall, _ = precision_recall_curve(holds, scores)
    return precision[::-1][np.searchsorted(recall[::-1], FRACTIONS[1:], side="left")]
