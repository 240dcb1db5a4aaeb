"""What RESULTS.md shows beyond single runs: thresholds, what stands side by side, comparisons and searches."""

import json
from pathlib import Path
from statistics import mean, stdev
from textwrap import fill

RESULTS = Path(__file__).parent / "results"


def spread(values):
    """Mean in percent, with the standard deviation where there are several runs."""
    text = f"{100 * mean(values):.2f}"
    return f"{text} ± {100 * stdev(values):.2f}" if len(values) > 1 else text


def thresholds(real, linear):
    """What thresholds fitted on validation change, and the ranking below them, which knows no threshold."""
    lines = [
        "## Several labels, with thresholds of their own",
        "",
        "Test, percent: F1 at 0.5 and at thresholds fitted on validation. One network for each label has none.",
        "",
        "| run | macro-F1 at 0.5 | fitted | micro-F1 at 0.5 | fitted | macro ROC AUC |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in real.items():
        runs = result["runs"]
        if "macro_roc_auc" not in runs[0]["test_metrics"] or "micro_f1" not in runs[0]["test_metrics"]:
            continue
        fitted = [run["test_metrics"] for run in runs]
        plain = [run.get("test_metrics_at_0.5") or run["test_metrics"] for run in runs]
        lines.append(threshold_row(name, plain, fitted if "test_metrics_at_0.5" in runs[0] else None))
    for data, figures in linear.items():
        if "fitted" in figures:
            lines.append(threshold_row(f"linear, {data}", [figures], [figures["fitted"]]))
    return [*lines, ""]


def threshold_row(name, plain, fitted):
    """One row: the metrics of some runs at 0.5, and with fitted thresholds where there are."""
    cells = []
    for metric in ("macro_f1", "micro_f1"):
        for runs in (plain, fitted):
            cells.append(spread([run[metric] for run in runs]) if runs else "–")
    cells.append(spread([run["macro_roc_auc"] for run in plain]))
    return f"| {name} | {' | '.join(cells)} |"


def field_guide(results):
    """What the field guide shows beyond single runs."""
    keras, cells = results["keras_recipe"], results["rnn_beside_lstm"]
    small, ngram = results["ngram"], results["ngram_large"]
    ours = spread([run["test_metrics"]["accuracy"] for run in results["imdb_textbook_lstm"]["runs"]])
    theirs = spread([run["test_metrics"]["accuracy"] for run in keras["runs"]])
    accuracy = {run["cell"]: 100 * run["test_accuracy"] for run in cells["runs"]}
    said = [
        f"**The textbook's LSTM on imdb**: Keras {keras['keras']}'s own run {theirs} on test, ours {ours}, three seeds"
        f" each, the epoch with the best validation accuracy (`{keras['command']}`).",
        f"**LSTM beside plain RNN** on a part of imdb: {accuracy['lstm']:.1f} and {accuracy['rnn']:.1f} on test."
        " Accuracy over length and gradient over distance: [rnn_beside_lstm.png](results/rnn_beside_lstm.png)"
        f" (`{cells['command']}`).",
        f"**Language model beside {ngram['order']}-grams** (interpolated Kneser-Ney), on the same"
        f" {ngram['train_tokens']:,} tokens of unlabelled reviews and judged on the same"
        f" {ngram['held_out_tokens']:,} held-out word pieces: perplexity {ngram['ngram_perplexity']:.1f} of the"
        f" n-grams, {small['lstm_perplexity']:.1f} of `imdb_lm`, {ngram['lstm_perplexity']:.1f} of `imdb_large_lm`"
        f" (`{ngram['command']}`). The larger one and the n-grams write on from the same words, by sampling:",
    ]
    wrap = {"width": 118, "subsequent_indent": "  ", "break_long_words": False, "break_on_hyphens": False}
    lines = ["## Side by side", "", *(fill(f"- {text}", **wrap) for text in said), "", "| | |", "|---|---|"]
    for sample in ngram["samples"]:
        for name, writer in (("LSTM", "lstm"), ("n-grams", "ngram")):
            text = sample[writer].replace("|", " ").replace("<", "&lt;")
            lines.append(f"| {name} | {text} |")
    lines += ["", *learning_curve(results["learning_curve"]), *long_documents(results["long_documents"])]
    return [*lines, *compared(), *searched()]


def compared():
    """The tables of `hf-textclf compare`, as they are, and their pictures."""
    lines = []
    for table in sorted(RESULTS.glob("compare_*/comparison.md")):
        folder = f"results/{table.parent.name}"
        systems = json.loads((table.parent / "comparison.json").read_text(encoding="utf-8"))["systems"]
        pictures = ", ".join(f"[{path.stem}]({folder}/{path.name})" for path in sorted(table.parent.glob("*.png")))
        folders = " ".join(system["folder"] for system in systems.values())
        lines += [f"**Compared** by `hf-textclf compare {folders} --dataset DIR`: {pictures}.", ""]
        lines += [table.read_text(encoding="utf-8")]
    return lines


def searched():
    """What each search found; its first line is the comment on top of the best config."""
    lines = []
    for best in sorted(RESULTS.glob("tune_*/best.yaml")):
        folder, config = best.parent.name, best.parent.name.removeprefix("tune_")
        found = best.read_text(encoding="utf-8").splitlines()[0].removeprefix("# The ").rstrip(".")
        lines += [
            f"**Searched** by `hf-textclf tune --config {config} --dataset DIR`: {found};",
            f"[trials](results/{folder}/trials.png), [best config](results/{folder}/best.yaml).",
            "",
        ]
    return lines


def learning_curve(result):
    """What language models bring, by the number of labelled texts."""
    said = (
        f"**Language models first**, by the number of labelled reviews of imdb ({result['test_rows']:,} texts of test,"
        f" one seed; `{result['command']}`): [learning_curve.png](results/learning_curve.png)."
    )
    lines = [fill(said, 118, break_long_words=False, break_on_hyphens=False), ""]
    lines += ["| |" + "".join(f" {rows:,} |" for rows in result["rows"]), "|---|" + "---|" * len(result["rows"])]
    for name in ("from language models", "from random weights"):
        lines.append(f"| {name} |" + "".join(f" {100 * value:.1f} |" for value in result[name]))
    return [*lines, ""]


def long_documents(result):
    """One network, and the ways in which it reads a long text."""
    said = (
        f"**Reviews of more than {result['longer_than']} tokens**, {result['rows']['test']:,} of imdb's test, by how"
        f" they are read (`{result['command']}`; the networks were trained by a first run of it and read by a second)."
        " `key_sentences` is a network of its own; the whole text at once is open to LSTMs only. Test of `head`"
        " was read three times and of `key_sentences` twice, with the same settings."
    )
    lines = [fill(said, 118, break_long_words=False, break_on_hyphens=False), ""]
    lines += ["| read as | validation | test | 95 % | texts/CPU s |", "|---|---|---|---|---|"]
    for name, way in result["ways"].items():
        low, high = way["test"]["interval"]
        lines.append(
            f"| {name} | {100 * way['validation']['accuracy']:.1f} | **{100 * way['test']['accuracy']:.1f}**"
            f" | {100 * low:.1f}–{100 * high:.1f} | {way['texts_per_second']:.0f} |"
        )
    return [*lines, ""]
