"""What language models bring where labels are few: accuracy over the number of labelled reviews, with and without.

    python -m tests.benchmarks.learning_curve --dataset DIR --init_from LM LM_BACK --output_dir RUNS

The same classifier (configs/imdb_lstm_pretrained.yaml), tokenizer and sizes, once from the language models and once
from random weights. Both see as many epochs; the epoch with the best validation accuracy is judged on the same seeded
5,000 texts of test. The runs stay in RUNS, so that the same command goes on where it was stopped. Writes
results/learning_curve.json and .png.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt

from hf_textclf.files import read_yaml, write_json
from hf_textclf.models.loading import load_config
from hf_textclf.provenance import describe_hardware

RESULTS = Path(__file__).parent / "results"
CLI = [sys.executable, "-m", "hf_textclf.cli"]
# labelled rows and epochs: few rows are seen more often
SIZES = {250: 24, 1000: 12, 4000: 6, 16000: 3}


def accuracy(folder, options, rows, epochs, flags):
    """Train on so many rows and return the accuracy on test; what is done already stays."""
    source = ["--dataset", options.dataset]
    sizes = ["--max_train_samples", str(rows), "--num_train_epochs", str(epochs), "--validation_size", "0.05"]
    train = ["train", "--config", "configs/imdb_lstm_pretrained.yaml", *source, *sizes, *flags]
    if not (folder / "eval_results.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([*CLI, *train, "--output_dir", str(folder)], check=True)
    judged = folder / "evaluation_test" / "eval_results.json"
    if not judged.exists():
        evaluate = ["evaluate", str(folder), *source, "--split", "test", "--max_samples", "5000"]
        subprocess.run([*CLI, *evaluate], check=True)
    return json.loads(judged.read_text())["metrics"]["accuracy"]


def draw(result, path):
    """Two lines over the number of labelled rows."""
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    # the figures of one line stand above its points, those of the other below
    for name, style, above in (("from language models", "o-", 7), ("from random weights", "s--", -15)):
        values = result[name]
        axes.plot(result["rows"], values, style, label=name)
        for x, y in zip(result["rows"], values, strict=True):
            place = {"textcoords": "offset points", "xytext": (0, above), "ha": "center", "fontsize": 8}
            axes.annotate(f"{100 * y:.1f}", (x, y), **place)
    axes.set(xscale="log", xlabel="labelled reviews", ylabel="test accuracy", title="imdb")
    axes.set_xticks(result["rows"], [f"{rows:,}" for rows in result["rows"]])
    axes.minorticks_off()
    axes.margins(y=0.15)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--init_from", nargs=2, required=True)
    parser.add_argument("--output_dir", required=True)
    options = parser.parse_args()
    forward, _ = options.init_from
    model = load_config(forward)
    same = {"tokenizer_name_or_path": forward, "bidirectional": "true"}
    same |= {name: getattr(model, name) for name in ("embedding_size", "hidden_size")}
    arms = {
        "from language models": ["--init_from", *options.init_from],
        "from random weights": [f"--{name}={value}" for name, value in same.items()],
    }
    result = {
        "command": "python -m tests.benchmarks.learning_curve --dataset DIR --init_from LM LM_BACK --output_dir RUNS",
        "pretraining": read_yaml(Path(forward) / "run_config.yaml")["splits"],
        "rows": list(SIZES),
        "test_rows": 5000,
        "hardware": describe_hardware(),
    }
    for name, flags in arms.items():
        result[name] = [
            accuracy(Path(options.output_dir) / f"{name} {rows}", options, rows, epochs, flags)
            for rows, epochs in SIZES.items()
        ]
    write_json(RESULTS / "learning_curve.json", result)
    draw(result, RESULTS / "learning_curve.png")


if __name__ == "__main__":
    main()
