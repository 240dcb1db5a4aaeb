"""Write RESULTS.md, the README's table and picture, and the field guide, from the files in results/.

make results
"""

import json
from pathlib import Path
from statistics import mean

from tests.benchmarks import frontier, guide
from tests.benchmarks.field_guide import field_guide, spread, thresholds

HERE = Path(__file__).parent
README = HERE.parent.parent / "README.md"
BEGIN, END = "<!-- results: written by `make results` -->", "<!-- end of the results -->"
# the metric that a data set is usually judged by
MAIN_METRIC = {"goemotions": "macro_f1", "jigsaw_toxic": "macro_roc_auc"}
# by config
TARGETS = {
    "imdb_lstm": 0.91,
    # without a GPU
    "imdb_lstm_pretrained": 0.915,
    "imdb_lstm_pretrained_large": 0.915,
    "imdb_lstm_pretrained_long": 0.915,
    "imdb_nb_svm": 0.914,
    # what Keras' run of the same recipe reached elsewhere
    "imdb_textbook_lstm": 0.847,
    "sst2_lstm": 0.86,
    "ag_news_lstm": 0.90,
    "thucnews_titles_lstm": 0.915,
    "chnsenticorp_hotel_lstm": 0.916,
    "chnsenticorp_hotel_attention_lstm": 0.916,
    "goemotions_lstm": 0.46,
    "jigsaw_toxic_lstm": 0.94,
    "jigsaw_toxic_lstm_pretrained": 0.94,
}

# benchmarks of speed: the command whose last line of output is the result file, and what it says
SPEED = {
    "import_cost": (
        "python -m tests.benchmarks.import_cost",
        '`import hf_textclf` takes {hf_textclf_ratio:.2f} x as long as `python -c "import argparse"`,'
        " `hf-textclf --help` {help_ratio:.2f} x; processes, their start included",
    ),
    "onnx_speed": (
        "python -m tests.benchmarks.onnx_speed runs/demo/lstm runs/demo/bert",
        "PyTorch takes {lstm[torch_over_onnx]:.1f} x as long for one headline as ONNX Runtime with the demo's LSTM,"
        " {bert[torch_over_onnx]:.1f} x with its BERT",
    ),
    "space_start": (
        "python -m tests.benchmarks.space_start runs/demo/lstm runs/demo/bert",
        "the page has given its first prediction {ratio:.2f} x the time after its start that importing Gradio and"
        " Transformers takes alone",
    ),
    "space_load": (
        "python -m tests.benchmarks.space_load runs/demo/lstm runs/demo/bert",
        "{clients} clients at once get {requests} answers of the page on two cores, {requests_per_second:.0f} a second"
        " with {errors} errors; 99 % of them within {p99_s:.2f} s",
    ),
    "lstm_step": (
        "python -m tests.benchmarks.lstm_step",
        "a training step of a padded batch through a packed nn.LSTM takes {packed_over_ours:.1f} x as long as ours",
    ),
}


def load():
    """The result files by name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("results/*.json"))}


def demo_table(demo):
    """The table of `make demo`."""
    lines = [
        "| | accuracy | macro-F1 | parameters | MB | training s | texts/s, one thread |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in demo["rows"].items():
        lines.append(
            f"| {name} | {row['accuracy']:.3f} | {row['macro_f1']:.3f} | {row['parameters']:,}"
            f" | {row['megabytes']:.1f} | {row['train_seconds']:.1f} | {row['texts_per_second']:,.0f} |"
        )
    return "\n".join(lines)


def row(name, result, linear):
    """One row of the table of real runs."""
    data = next(known for known in linear if result["config"].startswith(f"{known}_"))
    metric = MAIN_METRIC.get(data, "accuracy")
    runs = result["runs"]
    # a run with other settings than the config's own has no target
    target = TARGETS.get(name)
    # two classes in place of all are another task
    floor = linear[data].get("fitted", {}).get(metric, linear[data][metric])
    floor = "–" if "--positive_label" in result["command"] else f"{100 * floor:.1f}"
    return (
        f"| {name} | {metric} | {spread([run['metrics'][metric] for run in runs])}"
        f" | **{spread([run['test_metrics'][metric] for run in runs])}** | {f'{100 * target:.1f}' if target else '–'}"
        f" | {floor} | {len(runs)} | {runs[0]['train_rows']:,} | {runs[0]['test_rows']:,}"
        f" | {runs[0]['num_parameters'] / 1e6:.1f} M | {mean(run['train_seconds'] for run in runs):,.0f} |"
    )


def results_page(results):
    """The text of RESULTS.md."""
    real = {name: result for name, result in results.items() if "config" in result}
    lines = [
        "# Results",
        "",
        "Written by `make results` from the files in `results/`, which the commands below wrote. Settings were",
        "chosen on validation and the test split was read once, at the end; by ag_news_lstm twice and by",
        "goemotions_lstm and imdb_lstm three times, since settings were changed, on validation, after a reading.",
        "`DIR` is a local copy of the data set or checkpoint.",
        "",
        "## Real data",
        "",
        "Percent; mean ± standard deviation over the seeds. A run is named after its config, with what differs from",
        "it. *linear*: TF-IDF + logistic regression, untuned, test, by",
        "`python -m tests.benchmarks.linear NAME --dataset DIR`. F1 of several labels is at thresholds fitted on",
        "validation. Seconds are of shared, busy machines.",
        "",
        "| run | metric | validation | test | target | linear | seeds | train rows | test rows | parameters"
        " | training s |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(row(name, result, results["linear"]) for name, result in real.items()),
        "",
        "## How each was run",
        "",
    ]
    for name, result in real.items():
        first = result["runs"][0]
        versions = ", ".join(f"{library} {version}" for library, version in first["versions"].items())
        lines += [
            f"**{name}** ({result['date']}; {first['hardware']}; {versions})",
            "",
            "```",
            result["command"],
            "```",
            "",
        ]
    lines += [*thresholds(real, results["linear"]), *field_guide(results)]
    lines += ["## Speed beside a peer", "", "Each pair was measured in turns in one run.", ""]
    for name, (command, said) in SPEED.items():
        lines += [f"- {said.format(**results[name])} (`{command}`)"]
    lines.append("")
    if "demo" in results:
        demo = results["demo"]
        lines += [
            f"## Embedded data: `{demo['command']}`",
            "",
            f"{demo['date']}; {demo['hardware']}.",
            "",
            demo_table(demo),
            "",
        ]
    return "\n".join(lines)


def readme_page(results, text):
    """The README with its table renewed."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{frontier.table(results)}\n{END}{rest.split(END)[1]}"


def main():
    results = load()
    frontier.draw()
    guide.write(results)
    (HERE / "RESULTS.md").write_text(results_page(results), encoding="utf-8")
    README.write_text(readme_page(results, README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
