"""What a model makes of a file: its answers in a table, how often each label is given, and how often it is right."""

import html
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
import i18n
import numpy as np
import pandas as pd
import pyarrow as pa
from predictions import JOINT, Predictions
from sklearn.metrics import confusion_matrix
from uploads import Count, Table

from hf_textclf import Classifier, UserError
from hf_textclf.data.examples import UNLABELLED, is_missing
from hf_textclf.data.labels import MULTI, REGRESSION, SINGLE, encode_labels, read_labels
from hf_textclf.evaluation.metrics import compute_metrics
from hf_textclf.saved_model.seen_texts import SeenTexts, digest_texts

# what is shown of each text; the download has it whole
SHOWN_CHARACTERS = 200
MAX_BARS, MAX_MATRIX = 20, 15
# models of more labels have too many columns for a spreadsheet
MAX_PROBABILITIES = 100
# the metrics named on the page
HEADLINES = {SINGLE: ["accuracy", "macro_f1"], REGRESSION: ["mae", "pearson"]}
HEADLINES[MULTI] = ["subset_accuracy", "macro_f1", "micro_f1"]


@dataclass(frozen=True)
class Evaluation:
    """How answers compare with the labels of a file.

    rows: how many count. matrix: (labels, labels), true by predicted, of `names`; for models that give one label.
    problem: why the labels cannot be used.
    """

    rows: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    matrix: np.ndarray | None = None
    problem: str = ""


def evaluate(answers: Predictions, table: Table, column: str, classifier: Classifier) -> Evaluation:
    """Compare with labels in any spelling that `hf-textclf evaluate` knows; rows without one, or not read, are out."""
    kind, names = classifier.problem_type, classifier.label_names
    values = {n: table.rows[n].get(column) for n in answers.read}
    values = {n: value for n, value in values.items() if not is_missing(value) and str(value) != str(UNLABELLED)}
    if not values:
        return Evaluation(problem="it is empty")
    separator = ";" if kind == MULTI and all(isinstance(value, str) for value in values.values()) else None
    try:
        labels = read_labels([*values.values()], untyped=table.untyped, separator=separator, problem_type=kind)
        targets = encode_labels(labels, problem_type=kind, known=None if kind == REGRESSION else names).array
    except UserError as error:
        return Evaluation(problem=str(error))
    predicted = answers.probabilities[[*values]]
    thresholds = 0.5 if classifier.thresholds is None else classifier.thresholds.tolist()
    numbers = predicted[:, 0] if kind == REGRESSION else predicted
    metrics = compute_metrics(numbers, targets, problem_type=kind, label_names=names, thresholds=thresholds)
    shown = {name: metrics[name] for name in HEADLINES[kind] if metrics[name] is not None}
    if kind != SINGLE:
        return Evaluation(len(values), shown)
    matrix = confusion_matrix(targets, predicted.argmax(1), labels=range(len(names)))
    return Evaluation(len(values), shown, *_most_confused(names, matrix))


def _most_confused(names: list[str], matrix: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Of a large confusion matrix the part with the labels that are most often mistaken, in their order."""
    if len(names) <= MAX_MATRIX:
        return names, matrix
    wrong = matrix.sum(0) + matrix.sum(1) - 2 * np.diag(matrix)
    worst = np.sort(np.argsort(-wrong, kind="stable")[:MAX_MATRIX])
    return [names[n] for n in worst], matrix[np.ix_(worst, worst)]


def matrix_table(evaluation: Evaluation, *, caption: str) -> str:
    """The confusion matrix as html that light and dark pages can show: one hue, stronger for more of its row."""
    if evaluation.matrix is None:
        return ""
    names = [html.escape(name) for name in evaluation.names]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = ""
    for name, row in zip(names, evaluation.matrix, strict=True):
        cells = "".join(
            f'<td style="background: rgba(0, 114, 178, {0.7 * count / max(1, row.sum()):.2f})">{count}</td>'
            for count in row
        )
        body += f'<tr><th scope="row">{name}</th>{cells}</tr>'
    return (
        f'<div class="matrix"><table><caption>{html.escape(caption)}</caption>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def counts(answers: Predictions, classifier: Classifier, *, none: str) -> dict[str, int]:
    """How many texts got each label or `none`, the most frequent first; for regression, how many lie in each tenth."""
    if classifier.problem_type == REGRESSION:
        numbers, edges = np.histogram(answers.scores[answers.read])
        names = [f"{low:.3g} – {high:.3g}" for low, high in zip(edges, edges[1:], strict=False)]
        return dict(zip(names, numbers.tolist(), strict=True))
    return dict(Counter(name for n in answers.read for name in answers.labels[n] or [none]).most_common(MAX_BARS))


def learnt_from(answers: Predictions, texts: list[str], classifier: Classifier) -> int:
    """How many of the texts that were read a model was trained on; 0 where its folder does not say."""
    seen = SeenTexts.load(Path(classifier.name_or_path))
    return seen.count(digest_texts(pa.chunked_array([[texts[n] for n in answers.read]])))["train"] if seen else 0


def summary(
    answers: Predictions, table: Table, columns: list[str], classifier: Classifier, request: gr.Request | None
) -> str:
    """As html: the labels given, and beside the labels of a file how good they are, or why that is not known.

    columns: that of the texts and that of the labels, which may be empty.
    """
    numbers = counts(answers, classifier, none=i18n.say("nothing", request))
    # bars that begin at 0
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{number:,}</td>'
        f'<td><div style="width: {100 * number / max(1, *numbers.values()):.1f}%"></div></td></tr>'
        for name, number in numbers.items()
    )
    caption = f"<caption>{html.escape(i18n.say('many_counts', request))}</caption>"
    tables, verdict = f'<div class="counts"><table>{caption}<tbody>{rows}</tbody></table></div>', ""
    text_column, label_column = columns
    if label_column:
        evaluation = evaluate(answers, table, label_column, classifier)
        metrics = ", ".join(f"{name} {value:.3f}" for name, value in evaluation.metrics.items())
        verdict = i18n.say("many_evaluated", request, rows=Count(evaluation.rows), metrics=metrics)
        if learnt := learnt_from(answers, table.texts(text_column), classifier):
            verdict += " " + i18n.say("many_learnt", request, rows=Count(learnt))
        if evaluation.problem:
            verdict = i18n.say("many_unfit", request, problem=evaluation.problem)
        tables += matrix_table(evaluation, caption=i18n.say("many_matrix", request))
    return f"<p>{html.escape(verdict)}</p><div class='many-tables'>{tables}</div>"


def listed(
    answers: Predictions, texts: list[str], classifier: Classifier, headers: list[str], *, none: str
) -> pd.DataFrame:
    """What the page shows: label, confidence, text, row of the file from 1; the least confident first.

    headers: the four names. none: what stands for no label. The numbers of a regression stay in the order of the file.
    """
    read = answers.read
    short = [texts[n][:SHOWN_CHARACTERS] + "…" * (len(texts[n]) > SHOWN_CHARACTERS) for n in read]
    labels = [JOINT.join(answers.labels[n] or [none]) for n in read]
    columns = [labels, answers.scores[read], short, [n + 1 for n in read]]
    frame = pd.DataFrame(dict(zip(headers, columns, strict=True)))
    frame = frame if classifier.problem_type == REGRESSION else frame.sort_values(headers[1], kind="stable")
    return frame.round({headers[1]: 4})


def extended(answers: Predictions, table: Table, classifier: Classifier) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows and columns of the download: all of the file, with label, score and the probability of each label.

    A column that the file has already gets `predicted_` in front.
    """
    names = classifier.label_names if len(classifier.label_names) <= MAX_PROBABILITIES else []
    added = []
    for name in ["label", "score", *(f"probability_{name}" for name in names)]:
        while name in table.columns or name in added:
            name = f"predicted_{name}"
        added.append(name)
    rows, numbers = [], np.column_stack([answers.scores, answers.probabilities[:, : len(names)]]).round(6).tolist()
    for row, label, of_row in zip(table.rows, answers.joined, numbers, strict=True):
        rows.append(row if label is None else row | dict(zip(added, [label, *of_row], strict=True)))
    return rows, [*table.columns, *added]
