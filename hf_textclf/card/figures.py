"""The figures of a card: tables as rows of text, and the learning curve.

What no run measured is "not measured", what has no value is "undefined".
"""

from pathlib import Path
from typing import Any

from ..files import read_json
from ..saved_model.facts import Facts
from ..saved_model.layout import LEARNING_CURVE, TRAINER_STATE

NOT_MEASURED = "not measured"
RATES = ("precision", "recall", "f1", "support")
# beside the loss, the first of these that was measured during training
CURVES = ("macro_f1", "mae")


def results_table(facts: Facts) -> list[list[str]]:
    """A row for each metric, a column for each split; in brackets 95 % intervals."""
    evaluations = facts.evaluations
    metrics = dict.fromkeys(name for each in evaluations for name in each["metrics"] if name != "per_label")
    head = ["metric", *(f"{cell(_title(each, facts))}, {each['rows']:,} texts" for each in evaluations)]
    return [head, *([name, *(_figure(each, name) for each in evaluations)] for name in metrics)]


def labels_table(facts: Facts) -> list[list[str]]:
    """A row for each label, with its threshold where it has one."""
    per_label = facts.headline.get("metrics", {}).get("per_label", {})
    thresholds = facts.config.get("calibration", {}).get("thresholds")
    limits = dict(zip(facts.label_names, thresholds, strict=False)) if thresholds else {}
    rows = [["label", *RATES, *(["threshold"] if limits else [])]]
    for label, rates in per_label.items():
        written = [f"{rates[name]:,}" if name == "support" else number(rates[name]) for name in RATES]
        rows.append([cell(label), *written, *([number(limits.get(label))] if limits else [])])
    return rows if per_label else []


def costs_table(facts: Facts) -> list[list[str]]:
    """Size and speed on one CPU thread."""
    measured, latency = facts.measured, facts.measured.get("latency_ms", {})
    parameters = facts.results.get("num_parameters", measured.get("num_parameters"))
    size = f" of {measured['settings']['batch_size']}" if measured else ""
    return [
        ["", "cost"],
        ["parameters", NOT_MEASURED if parameters is None else f"{parameters:,}"],
        ["files that loading needs (MB)", _cost(measured.get("megabytes"), "{:.1f}")],
        ["load (s)", _cost(measured.get("load_seconds"), "{:.2f}")],
        ["latency of one text, median (ms)", _cost(latency.get("p50"), "{:.2f}")],
        ["latency of one text, 99th percentile (ms)", _cost(latency.get("p99"), "{:.2f}")],
        [f"texts a second, in batches{size}", _cost(measured.get("texts_per_second"), "{:,.0f}")],
        ["measured on", cell(measured.get("hardware", NOT_MEASURED))],
    ]


def markdown(rows: list[list[str]]) -> str:
    """A Markdown table, the first row its head."""
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def cell(text: str) -> str:
    """A name as text of a table: a label may hold what Markdown or HTML would read."""
    for sign, written in {"&": "&amp;", "<": "&lt;", "|": "\\|"}.items():
        text = text.replace(sign, written)
    return " ".join(text.split())


def number(value: float | None) -> str:
    """Four decimals; None is what a metric cannot say of these texts."""
    return "undefined" if value is None else f"{value:.4f}"


def _title(evaluation: dict[str, Any], facts: Facts) -> str:
    """The split, and for other data than the run's own their name."""
    own = evaluation["dataset"] == facts.headline["dataset"]
    return evaluation["split"] if own else f"{evaluation['dataset']}, {evaluation['split']}"


def _figure(evaluation: dict[str, Any], name: str) -> str:
    if name not in evaluation["metrics"]:
        return NOT_MEASURED
    limits = evaluation.get("intervals", {}).get(name)
    written = number(evaluation["metrics"][name])
    return f"{written} [{limits[0]:.3f}, {limits[1]:.3f}]" if limits else written


def _cost(value: float | None, form: str) -> str:
    return NOT_MEASURED if value is None else form.format(value)


def draw_learning_curve(folder: Path, *, name: str) -> None:
    """Draw `learning_curve.png` where the run logged its loss at two points at least.

    name: of the model, for the title.
    """
    history = read_json(folder / TRAINER_STATE)
    log = history.get("log_history", [])
    graphs = {"loss": {"train": curve_of(log, "loss"), "validation": curve_of(log, "eval_loss")}}
    graphs |= {metric: {"validation": curve_of(log, f"eval_{metric}")} for metric in CURVES}
    graphs = {
        quantity: {split: curve for split, curve in curves.items() if len(curve[0]) > 1}
        for quantity, curves in graphs.items()
    }
    if not (graphs := {quantity: curves for quantity, curves in graphs.items() if curves}):
        return
    # here, so that nobody else waits for matplotlib
    from ..plots.charts import plot_learning

    best = [entry["epoch"] for entry in log if entry.get("step") == history.get("best_global_step")]
    plot_learning(folder / LEARNING_CURVE, graphs, title=name, best=best[0] if best else None)


def curve_of(log: list[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    """Epochs and values of everything logged under a name.

    Of an epoch the first: after the last one, the best weights may have been evaluated once more.
    """
    points: dict[float, float] = {}
    for entry in log:
        if key in entry:
            points.setdefault(entry["epoch"], entry[key])
    return list(points), list(points.values())
