"""The tables of a card, as rows of text. What no run measured is "not measured", what has no value is "undefined"."""

from typing import Any

from ..saved_model.facts import Facts

NOT_MEASURED = "not measured"
RATES = ("precision", "recall", "f1", "support")


def results_table(facts: Facts) -> list[list[str]]:
    """A row for each metric, a column for each split; in brackets 95 % intervals."""
    metrics = dict.fromkeys(name for judged in facts.judged for name in judged["metrics"] if name != "per_label")
    rows = [["metric", *(f"{cell(_title(judged, facts))}, {judged['rows']:,} texts" for judged in facts.judged)]]
    for name in metrics:
        rows.append([name, *(_figure(judged, name) for judged in facts.judged)])
    return rows


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


def _title(judged: dict[str, Any], facts: Facts) -> str:
    """The split, and for other data than the run's own their name."""
    own = judged["dataset"] == facts.headline["dataset"]
    return judged["split"] if own else f"{judged['dataset']}, {judged['split']}"


def _figure(judged: dict[str, Any], name: str) -> str:
    if name not in judged["metrics"]:
        return NOT_MEASURED
    limits = judged.get("intervals", {}).get(name)
    written = number(judged["metrics"][name])
    return f"{written} [{limits[0]:.3f}, {limits[1]:.3f}]" if limits else written


def _cost(value: float | None, form: str) -> str:
    return NOT_MEASURED if value is None else form.format(value)
