"""Which pictures a comparison draws, and of which numbers."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from ...plots import confidences, plot_confusion, plot_curves, plot_metrics, plot_reliability, plot_scatter
from ...saved_model.layout import CONFUSION, CURVES, RELIABILITY_DIAGRAM, SCATTER
from ..metrics import LOWER_IS_BETTER
from ..metrics.common import MAX_RANKED_LABELS
from .answers import Answers
from .bootstrap import METRICS

# what can still be read
MAX_CONFUSED_LABELS = 30
LESS = " (less is better)"


def draw(output: Path, results: dict[str, Any], answers: dict[str, Answers], labels: np.ndarray) -> None:
    """Draw `metrics.png`, and `scatter.png` for regression, else `confusion.png`, `reliability.png`, `curves.png`.

    results: what `comparison.json` holds; labels: as `compute_metrics` takes them. There are no curves for more labels
    than the metrics rank, and none where no label is held by some of the texts and not by others.
    """
    systems = results["systems"]
    place = f"{Path(results['dataset']).name}, {results['split']}, {results['rows']:,} texts"
    metrics = {
        metric + LESS * (metric in LOWER_IS_BETTER): {
            name: (system["metrics"][metric], system["intervals"][metric])
            for name, system in systems.items()
            if None not in (system["metrics"][metric], system["intervals"][metric])
        }
        for metric in METRICS[results["problem_type"]]
    }
    costs = {
        "latency of one text, p50 (ms)": {name: system["latency_ms"]["p50"] for name, system in systems.items()},
        "size (MB)": {name: system["megabytes"] for name, system in systems.items()},
    }
    plot_metrics(output / "metrics.png", metrics, costs, title=f"{place}; bars: 95 % intervals")
    if results["problem_type"] == "regression":
        predictions = {name: said.scores for name, said in answers.items()}
        plot_scatter(output / SCATTER, predictions, labels, what=" ".join(results["label_names"]), title=place)
        return
    multi = results["problem_type"] == "multi_label_classification"
    _draw_confusion(output, results, answers, labels, title=place, multi=multi)
    plot_reliability(
        output / RELIABILITY_DIAGRAM,
        {name: confidences(said.scores, labels) for name, said in answers.items()},
        {name: system["metrics"]["expected_calibration_error"] for name, system in systems.items()},
        title=place,
        what="probability of a label" if multi else "confidence",
    )
    _draw_curves(output, results, answers, labels, title=place, multi=multi)


def _draw_confusion(
    output: Path, results: dict[str, Any], answers: dict[str, Answers], labels: np.ndarray, *, title: str, multi: bool
) -> None:
    names = results["label_names"]
    support = labels.sum(axis=0) if multi else np.bincount(labels, minlength=len(names))
    # the most frequent, in the order of their ids
    shown = np.sort(np.argsort(-support, kind="stable")[:MAX_CONFUSED_LABELS])
    shares = {name: confusion(said.predicted, labels, shown) for name, said in answers.items()}
    what = "share of the texts with a label for which a label is predicted" if multi else "share of each true label"
    cut = f" (the {len(shown)} most frequent of {len(names):,} labels)" if len(shown) < len(names) else ""
    plot_confusion(output / CONFUSION, shares, names, shown=shown.tolist(), title=f"{title}\n{what}{cut}")


def confusion(predicted: np.ndarray, labels: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Of the texts with one label, the share for which another is predicted, (shown, shown); 0 where there are none.

    predicted, labels: both (rows,) ids or (rows, labels) zeros and ones; shown: ids of labels.
    """
    if labels.ndim == 2:
        together, support = labels[:, shown].T @ predicted[:, shown], labels.sum(axis=0)
    else:
        together = confusion_matrix(labels, predicted, labels=shown)
        support = np.bincount(labels, minlength=max(shown) + 1)
    return together / np.maximum(support[shown], 1)[:, None]


def _draw_curves(
    output: Path, results: dict[str, Any], answers: dict[str, Answers], labels: np.ndarray, *, title: str, multi: bool
) -> None:
    names, prefix = results["label_names"], "macro_" if multi else ""
    if len(names) > MAX_RANKED_LABELS:
        return
    binary = not multi and len(names) == 2
    holds = labels > 0.5 if multi else labels[:, None] == np.arange(len(names))
    chosen = slice(1, 2) if binary else slice(None)
    if not ((0 < holds.sum(axis=0)) & (holds.sum(axis=0) < len(holds)))[chosen].any():
        return
    metrics = {name: system["metrics"] for name, system in results["systems"].items()}
    what = f"label {names[1]}" if binary else f"mean of {len(names)} labels"
    plot_curves(
        output / CURVES,
        {name: (said.scores[:, chosen], holds[:, chosen]) for name, said in answers.items()},
        {name: (metrics[name][f"{prefix}roc_auc"], metrics[name][f"{prefix}average_precision"]) for name in answers},
        title=f"{title}; {what}",
    )
