"""The comparison as a table for a README and as one for a spreadsheet, both from what `comparison.json` holds."""

from collections.abc import Callable, Iterator
from typing import Any

from ..metrics import LOWER_IS_BETTER
from .bootstrap import METRICS
from .significance import sentence

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


def csv_rows(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield one flat row for each system: every number with all its digits, undefined ones empty."""
    for name, system in results["systems"].items():
        row: dict[str, Any] = {"name": name, "folder": system["folder"]}
        for metric, value in system["metrics"].items():
            if metric == "per_label":
                continue
            row[metric] = value
            if metric in system["intervals"]:
                row[f"{metric}_low"], row[f"{metric}_high"] = system["intervals"][metric] or (None, None)
        for key in ("num_parameters", "megabytes", "load_seconds"):
            row[key] = system[key]
        yield row | {
            "latency_p50_ms": system["latency_ms"]["p50"],
            "latency_p99_ms": system["latency_ms"]["p99"],
            "texts_per_second": system["texts_per_second"],
        }


def markdown(results: dict[str, Any]) -> str:
    """A table with a row for each system, the best of each column in bold, and what one must know to read it."""
    systems = results["systems"]
    columns = [_metric_column(metric) for metric in METRICS[results["problem_type"]]]
    if results["problem_type"] != "regression":
        columns.append(("ECE", lambda system: system["metrics"]["expected_calibration_error"], "{:.3f}", True))
    table = [["", *systems]]
    for heading, value, form, less_is_better in columns + COSTS:
        written = {name: _written(value(system), form) for name, system in systems.items()}
        defined = [number for system in systems.values() if (number := value(system)) is not None]
        best = _written((min if less_is_better else max)(defined), form) if defined else ""
        table.append([heading, *(_cell(systems[name], heading, text, best) for name, text in written.items())])
    lines = [_line(row) for row in zip(*[_padded(column) for column in table], strict=True)]
    rules = ["-" * max(map(len, column)) for column in table]
    lines.insert(1, "|".join(["", f" {rules[0]} ", *(f" {rule[1:]}: " for rule in rules[1:]), ""]))
    return "\n".join([*lines, "", *_notes(results), ""])


def _metric_column(metric: str) -> Column:
    return metric, lambda system: system["metrics"][metric], "{:.3f}", metric in LOWER_IS_BETTER


def _written(value: float | None, form: str) -> str:
    return "undefined" if value is None else form.format(value)


def _cell(system: dict[str, Any], heading: str, text: str, best: str) -> str:
    """A value, in bold if it is written as the best one is, with its interval where it has one."""
    shown = f"**{text}**" if text == best else text
    limits = system["intervals"].get(heading)
    return shown if limits is None else f"{shown} [{limits[0]:.3f}, {limits[1]:.3f}]"


def _padded(column: list[str]) -> list[str]:
    """Names to the left, numbers to the right."""
    width = max(map(len, column))
    return [cell.ljust(width) if column[0] == "" else cell.rjust(width) for cell in column]


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _notes(results: dict[str, Any]) -> list[str]:
    settings = results["settings"]
    texts = min(settings["latency_texts"], results["rows"])
    notes = [
        f"{results['dataset']}, {results['split']}: {results['rows']:,} texts. In brackets: 95 % intervals from "
        f"{settings['bootstrap_samples']:,} resamples of the texts, the same for every row of this table. "
        f"Costs on one CPU thread, from text to probabilities: MB of the files that loading needs; load s in a warm "
        f"process; p50 and p99 of {texts:,} texts one by one; texts/s in batches of {settings['batch_size']}. "
        f"Machine: {results['hardware']}."
    ]
    if results["difference"]:
        notes += ["", sentence(results["difference"], metric=METRICS[results["problem_type"]][0])]
    return notes
