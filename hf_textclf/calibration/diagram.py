"""A reliability diagram: how often it is true what a model gives a probability of."""

from pathlib import Path

import numpy as np

from ..metrics.common import expected_calibration_error

BINS = 15


def plot_reliability(path: Path, models: dict[str, np.ndarray], labels: np.ndarray, *, problem_type: str) -> None:
    """Write a PNG file with a panel of the curves and one of how many probabilities fall into each bin.

    models: name -> probabilities (rows, labels) of the same rows; labels: (rows,) ids or (rows, labels) zeros and
    ones. What is shown are the probabilities of the predicted labels, for multi-label data those of all labels.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect")
    edges = np.linspace(0, 1, BINS + 1)
    for name, probabilities in models.items():
        shown, true = _shown(probabilities, labels, problem_type)
        # each bin closed on the right, as in the calibration error
        bins = np.searchsorted(edges[1:-1], shown, side="left")
        counts = np.bincount(bins, minlength=BINS)
        filled = counts > 0
        claimed, found = (
            np.bincount(bins, weights=values, minlength=BINS)[filled] / counts[filled] for values in (shown, true)
        )
        error = expected_calibration_error(shown, true, bins=BINS)
        upper.plot(claimed, found, marker="o", markersize=4, label=f"{name}, calibration error {error:.3f}")
        lower.stairs(counts, edges, label=name)
    kind = "all labels" if problem_type == "multi_label_classification" else "predicted label"
    upper.set(ylabel="share that is true", xlim=(0, 1), ylim=(0, 1))
    upper.legend()
    lower.set(xlabel=f"probability ({kind})", ylabel="count", yscale="log")
    figure.savefig(path, dpi=120)


def _shown(probabilities: np.ndarray, labels: np.ndarray, problem_type: str) -> tuple[np.ndarray, np.ndarray]:
    """Both (n,): probabilities, and 1 where what they are given to is true."""
    if problem_type == "multi_label_classification":
        return probabilities.ravel(), (labels > 0.5).ravel().astype(float)
    return probabilities.max(axis=1), (probabilities.argmax(axis=1) == labels).astype(float)
