"""What a comparison shows: a table for a README, one for a spreadsheet, and pictures."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..plots.charts import confidences, plot_confusion, plot_curves, plot_metrics, plot_reliability, plot_scatter
from ..saved_model.layout import CONFUSION, CURVES, RELIABILITY_DIAGRAM, SCATTER
from .metrics import LOWER_IS_BETTER
from .metrics.common import MAX_RANKED_LABELS
from .scoring import Predictions
from .significance import METRICS, sentence

# heading, value of a system, how it is written, whether less is better
Column = tuple[str, Callable[[dict[str, Any]], float | None], str, bool]

COSTS: list[Column] = [
    ("parameters", lambda system: system["num_parameters"], "{:,}", True),
    ("MB", lambda system: system["megabytes"], "{:.1f}", True),
    ("load s", lambda system: system["load_seconds"], "{:.2f}", True),
    ("p50 ms", lambda system: system["latency_ms"]["p50"], "{:.2f}", True),
    ("p99 ms", lambda system: system["latency_ms"]["p99"], "{:.2f}", True),
    ("texts/s", lambda system: system["texts_per_second"], "{:,.0f}", False),
]
# labels of a confusion matrix that can still be read
MAX_CONFUSED_LABELS = 30


def csv_rows(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one flat row for each system: every number with all its digits, undefined ones empty."""
    for name, system in results["systems"].items():
        row: dict[str, Any] = {"name": name, "folder": system["folder"]}
        for metric, value in system["metrics"].items():
            if metric != "per_label":
                row[metric] = value
            if metric in system["intervals"]:
                row[f"{metric}_low"], row[f"{metric}_high"] = system["intervals"][metric] or (None, None)
        row |= {key: system[key] for key in ("num_parameters", "megabytes", "load_seconds")}
        row |= {f"latency_{percentile}_ms": value for percentile, value in system["latency_ms"].items()}
        yield row | {"texts_per_second": system["texts_per_second"]}


def markdown(results: dict[str, Any]) -> str:
    """A table with a row for each system, the best of each column in bold, and what one must know to read it."""
    columns = [_metric_column(metric) for metric in METRICS[results["problem_type"]]]
    if results["problem_type"] != "regression":
        columns.append(("ECE", *_metric_column("expected_calibration_error")[1:]))
    systems = list(results["systems"].values())
    table = [["", *results["systems"]], *([column[0], *_cells(column, systems)] for column in columns + COSTS)]
    for number, cells in enumerate(table):
        width = max(map(len, cells))
        cells.insert(1, "-" * (width - 1) + ":" if number else "-" * width)
        # names to the left, numbers to the right
        table[number] = [cell.rjust(width) if number else cell.ljust(width) for cell in cells]
    lines = [f"| {' | '.join(row)} |" for row in zip(*table, strict=True)]
    settings = results["settings"]
    notes = (
        f"{results['dataset']}, {results['split']}: {results['rows']:,} texts. In brackets: 95 % intervals from "
        f"{settings['bootstrap_samples']:,} resamples of the texts, the same for every row of this table. "
        f"Costs on one CPU thread, from text to probabilities: MB of the files that loading needs; load s in a warm "
        f"process; p50 and p99 of {min(settings['latency_texts'], results['rows']):,} texts one by one; texts/s in "
        f"batches of {settings['batch_size']}. Machine: {results['hardware']}."
    )
    seen = {name: system["seen_texts"] for name, system in results["systems"].items()}
    counts = [f"{name} {count['train'] if count else 'not recorded'}" for name, count in seen.items()]
    lines += ["", notes, "", f"Of these texts, so many also stand in the training data: {', '.join(counts)}."]
    if results["difference"]:
        lines += ["", sentence(results["difference"], metric=METRICS[results["problem_type"]][0])]
    return "\n".join([*lines, ""])


def _metric_column(metric: str) -> Column:
    return metric, lambda system: system["metrics"][metric], "{:.3f}", metric in LOWER_IS_BETTER


def _cells(column: Column, systems: list[dict[str, Any]]) -> Iterator[str]:
    """The values of a column, in bold if they are written as the best one is, with intervals where they have them."""
    heading, value, form, less_is_better = column
    values = [value(system) for system in systems]
    defined = [number for number in values if number is not None]
    best = form.format((min if less_is_better else max)(defined)) if defined else None
    for number, system in zip(values, systems, strict=True):
        text = "undefined" if number is None else form.format(number)
        limits = system["intervals"].get(heading)
        yield (f"**{text}**" if text == best else text) + (f" [{limits[0]:.3f}, {limits[1]:.3f}]" if limits else "")


def draw(output: Path, results: dict[str, Any], predictions: dict[str, Predictions], labels: np.ndarray) -> None:
    """Draw `metrics.png`, and `scatter.png` for regression, else `confusion.png`, `reliability.png`, `curves.png`.

    results: what `comparison.json` holds; labels: as `compute_metrics` takes them. There are no curves for more labels
    than the metrics rank, and none where no label is held by some of the texts and not by others.
    """
    systems, names = results["systems"], results["label_names"]
    title = f"{Path(results['dataset']).name}, {results['split']}, {results['rows']:,} texts"
    metrics = {
        metric + " (less is better)" * (metric in LOWER_IS_BETTER): {
            name: pair
            for name, system in systems.items()
            if None not in (pair := (system["metrics"][metric], system["intervals"][metric]))
        }
        for metric in METRICS[results["problem_type"]]
    }
    costs = {
        "latency of one text, p50 (ms)": {name: system["latency_ms"]["p50"] for name, system in systems.items()},
        "size (MB)": {name: system["megabytes"] for name, system in systems.items()},
    }
    plot_metrics(output / "metrics.png", metrics, costs, title=f"{title}; bars: 95 % intervals")
    scores = {name: system.scores for name, system in predictions.items()}
    if results["problem_type"] == "regression":
        plot_scatter(output / SCATTER, scores, labels, what=" ".join(names), title=title)
        return
    shown = {name: confidences(probabilities, labels) for name, probabilities in scores.items()}
    errors = {name: system["metrics"]["expected_calibration_error"] for name, system in systems.items()}
    what = "confidence" if labels.ndim == 1 else "probability of a label"
    plot_reliability(output / RELIABILITY_DIAGRAM, shown, errors, title=title, what=what)
    support = np.bincount(labels, minlength=len(names)) if labels.ndim == 1 else labels.sum(axis=0)
    # the most frequent, in the order of their ids
    frequent = np.sort(np.argsort(-support, kind="stable")[:MAX_CONFUSED_LABELS])
    shares = {name: confusion(system.predicted, labels, frequent) for name, system in predictions.items()}
    what = "of each true label" if labels.ndim == 1 else "of the texts with a label for which a label is predicted"
    cut = f" (the {len(frequent)} most frequent of {len(names):,} labels)" if len(frequent) < len(names) else ""
    plot_confusion(output / CONFUSION, shares, names, shown=frequent.tolist(), title=f"{title}\nshare {what}{cut}")
    if len(names) <= MAX_RANKED_LABELS:
        _draw_curves(output / CURVES, results, scores, labels, title=title)


def confusion(predicted: np.ndarray, labels: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Of the texts with one label, the share for which another is predicted, (shown, shown); 0 where there are none.

    predicted, labels: both (rows,) ids or (rows, labels) zeros and ones; shown: ids of labels.
    """
    truth, answered = (
        (side[:, None] == shown if side.ndim == 1 else side[:, shown]).astype(float) for side in (labels, predicted)
    )
    return truth.T @ answered / np.maximum(truth.sum(axis=0), 1)[:, None]


def _draw_curves(
    path: Path, results: dict[str, Any], scores: dict[str, np.ndarray], labels: np.ndarray, *, title: str
) -> None:
    names = results["label_names"]
    binary = labels.ndim == 1 and len(names) == 2
    shown = np.array([1]) if binary else np.arange(len(names))
    holds = labels[:, None] == shown if labels.ndim == 1 else labels > 0.5
    if (holds.min(axis=0) == holds.max(axis=0)).all():
        return
    areas = [f"{'macro_' if labels.ndim == 2 else ''}{area}" for area in ("roc_auc", "average_precision")]
    plot_curves(
        path,
        {name: (probabilities[:, shown], holds) for name, probabilities in scores.items()},
        {name: tuple(system["metrics"][area] for area in areas) for name, system in results["systems"].items()},
        title=f"{title}; {f'label {names[1]}' if binary else f'mean of {len(names)} labels'}",
    )
