"""README.md of a saved folder: the template filled, and what people wrote into the old one kept.

The author's prose is a section of ours, and stays until it is given again.
"""

import logging
import re
from pathlib import Path
from typing import Any

import yaml
from jinja2 import ChainableUndefined, Environment, FileSystemLoader

from ..errors import TOKEN, UserError
from ..files import bundled, read_json, write_text
from ..models.lstm.configuration_lstm import REQUIRED
from ..provenance import HUB_ID
from ..saved_model.facts import Facts, measured
from ..saved_model.layout import CARD, LEARNING_CURVE, RUN_CONFIG, TRAINER_STATE
from .merge import is_ours, merge_metadata, merge_sections, read_card, read_digests
from .metadata import NO_PROSE, CardArguments, card_data

logger = logging.getLogger(__name__)
EMPTY = "---\n\n---\n"
# settings that follow from others
UNSAID = {"logging_nan_inf_filter", "do_eval"}
NOT_MEASURED = "not measured"
# labels in a table
MAX_LABELS = 50
RATES = ("precision", "recall", "f1")
# the graphs of the learning curve: split -> key of the log
CURVES = {"loss": {"train": "loss", "validation": "eval_loss"}}
CURVES |= {metric: {"validation": f"eval_{metric}"} for metric in ("macro_f1", "mae")}


class _Absent(ChainableUndefined):
    """What a file does not hold: a template may ask for it and never write it."""

    __str__ = ChainableUndefined._fail_with_undefined_error


def write_card(folder: Path, arguments: CardArguments | None = None, *, name: str | None = None) -> None:
    """Write or renew the README.md of a saved folder, and draw its learning curve; raises as `render_card`.

    name: of the model, where there is no Hub id; by default that of the folder.
    """
    # refused before anything is written
    render_card(folder, arguments, name=name)
    draw_learning_curve(folder, name=arguments and arguments.repo or name or folder.resolve().name)
    write_text(folder / CARD, render_card(folder, arguments, name=name))
    for results in measured(folder)[1]:
        logger.warning(
            "%s is of other weights or another config.json, and stays out of the card; measure again", results
        )


def render_card(folder: Path, arguments: CardArguments | None = None, *, name: str | None = None) -> str:
    """The README.md that `write_card` writes; what people wrote into the one that is there stays.
    Raises UserError: no model there, a file that cannot be read, an old card with broken metadata, a card that holds
    an access token.
    """
    arguments = arguments or CardArguments()
    path = folder / CARD
    card = read_card(path.read_text(encoding="utf-8") if path.is_file() else EMPTY, where=str(path))
    ours = is_ours(path)
    prose = arguments.read_prose()
    old: Any = card.data
    hub_name = old.model_name if ours and HUB_ID.fullmatch(old.model_name or "") else None
    facts = Facts(folder, name=arguments.repo or hub_name or name or folder.resolve().name)
    data, written = card_data(facts, arguments, old, ours=ours), read_digests(card.text)
    card.data = merge_metadata(old, data, written=written, given=arguments.given)
    new = _render(facts, card.data.to_dict(), prose=prose or NO_PROSE)
    if not ours:
        card.text = f"{card.text.rstrip()}\n\n{new}" if card.text.strip() else f"\n{new}"
    keep, given = ((), ("prose",)) if prose is not None else (("prose",), ())
    card.text = merge_sections(card.text, new, metadata=(data, card.data), keep=keep, given=given)
    text = str(card)
    for line_number, line in enumerate(text.splitlines(), 1):
        if TOKEN.search(line):
            problem = f"line {line_number} of the card for {folder.name!r} holds what looks like an access token"
            raise UserError(f"{problem}; take it out of README.md or of the prose, and revoke it")
    return text


def _render(facts: Facts, metadata: dict[str, Any], *, prose: str) -> str:
    """The body of a card that nobody has written into yet."""
    loader = FileSystemLoader(bundled("model_cards"))
    environment = Environment(
        loader=loader, undefined=_Absent, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"table": markdown, "number": number, "cell": cell}
    template = "language_model.md.j2" if facts.is_language_model else "classifier.md.j2"
    settings = {key: _few(value) for key, value in facts.run.items() if key not in UNSAID}
    written = yaml.safe_dump(settings, allow_unicode=True, sort_keys=False).strip() if settings else ""
    # the code that travels with a home-made model, or a tokenizer that reads texts in a way of its own
    brings_code = "auto_map" in facts.config or "auto_map" in facts.tokenizer
    trust = ", trust_remote_code=True" if brings_code else ""
    tables = {"results": results_table(facts), "labels": labels_table(facts), "costs": costs_table(facts)}
    tables["examples"] = examples_table(facts)
    return environment.get_template(template).render(
        facts=facts,
        metadata=metadata,
        prose=prose,
        settings=written,
        trust=trust,
        shown=MAX_LABELS,
        required=REQUIRED,
        **tables,
    )


def _few(value: Any) -> Any:
    """A setting as the card shows it: of a long list its first values."""
    if isinstance(value, list) and len(value) > MAX_LABELS:
        return [*value[:MAX_LABELS], f"… and {len(value) - MAX_LABELS:,} more, in {RUN_CONFIG}"]
    return value


def results_table(facts: Facts) -> list[list[str]]:
    """A row for each metric, a column for each split; in brackets 95 % intervals."""
    head = ["metric"]
    metrics: dict[str, None] = {}
    for each in facts.evaluations:
        # other data than the run's own by their name
        place = "" if each["dataset"] == facts.headline["dataset"] else f"{each['dataset']}, "
        head.append(f"{cell(place + each['split'])}, {each['rows']:,} texts")
        metrics |= dict.fromkeys(name for name in each["metrics"] if name != "per_label")
    return [head, *([name, *(_figure(each, name) for each in facts.evaluations)] for name in metrics)]


def examples_table(facts: Facts) -> list[list[str]]:
    """A row for each label, in id order, with a text where the data are public; of many labels the first ones."""
    examples = facts.results.get("examples", {})
    rows = [["label", *(["a text of it"] if examples else [])]]
    for label in facts.label_names[:MAX_LABELS]:
        rows.append([cell(label), *([cell(examples.get(label, ""))] if examples else [])])
    return rows


def labels_table(facts: Facts) -> list[list[str]]:
    """A row for each label, with its threshold where it has one; where there are many, the most frequent ones."""
    if not (per_label := facts.headline.get("metrics", {}).get("per_label")):
        return []
    thresholds = facts.config.get("calibration", {}).get("thresholds") or []
    limits = dict(zip(facts.label_names, thresholds, strict=False))
    rows = [["label", *RATES, "support", *(["threshold"] if limits else [])]]
    if len(per_label) > MAX_LABELS:
        per_label = dict(sorted(per_label.items(), key=lambda item: -item[1]["support"])[:MAX_LABELS])
    for label, rates in per_label.items():
        written = [*(number(rates[name]) for name in RATES), f"{rates['support']:,}"]
        rows.append([cell(label), *written, *([number(limits.get(label))] if limits else [])])
    return rows


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
    text = re.sub(r"([\\`*\[\]|])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;"))
    return " ".join(text.split())


def number(value: float | None) -> str:
    """Four decimals; None is what a metric cannot say of these texts."""
    return "undefined" if value is None else f"{value:.4f}"


def _figure(evaluation: dict[str, Any], name: str) -> str:
    if name not in evaluation["metrics"]:
        return NOT_MEASURED
    limits = evaluation.get("intervals", {}).get(name)
    written = number(evaluation["metrics"][name])
    return f"{written} [{limits[0]:.3f}, {limits[1]:.3f}]" if limits else written


def _cost(value: float | None, form: str) -> str:
    return NOT_MEASURED if value is None else form.format(value)


def draw_learning_curve(folder: Path, *, name: str) -> None:
    """Draw `learning_curve.png` with what the run logged at two points at least; name: of the model, for the title."""
    history = read_json(folder / TRAINER_STATE)
    log = history.get("log_history", [])
    graphs: dict[str, Any] = {}
    for quantity, keys in CURVES.items():
        curves = {split: curve for split, key in keys.items() if len((curve := curve_of(log, key))[0]) > 1}
        graphs |= {quantity: curves} if curves else {}
    if not graphs:
        return
    # here, so that nobody else waits for matplotlib
    from ..plots.charts import plot_learning

    best = [entry["epoch"] for entry in log if entry.get("step") == history.get("best_global_step")]
    plot_learning(folder / LEARNING_CURVE, graphs, title=name, best=best[0] if best else None)


def curve_of(log: list[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    """Epochs and values of everything logged under a name.

    Of an epoch the first: after the last one, the best weights may have been evaluated once more.
    """
    points = {entry["epoch"]: entry[key] for entry in reversed(log) if key in entry}
    return list(points)[::-1], list(points.values())[::-1]
