"""The main job on the embedded data: train an LSTM and a BERT, judge and compare both, show some predictions.

    make demo          (or: python -m tests.benchmarks.demo [--record])

A TF-IDF + logistic regression stands in the table as a third row, for honesty. Everything goes to runs/demo, which a
second run replaces. `--record` also writes tests/benchmarks/results/demo.json. The last line of output says what to
type next; nothing waits for input.
"""

import json
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pandas as pd
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline
from transformers.utils.logging import disable_progress_bar

from hf_textclf import Classifier
from hf_textclf.files import SAMPLES
from hf_textclf.provenance import describe_hardware
from tests.benchmarks.minilm import minilm_folder

RUNS = Path("runs/demo")
CLI = [sys.executable, "-m", "hf_textclf.cli"]
RESULT = Path(__file__).parent / "results" / "demo.json"
NEWS = {name: pd.read_csv(SAMPLES / "news_en" / f"{name}.csv") for name in ("train", "test")}
TEXTS = [
    "Central bank keeps interest rates unchanged as inflation slows",
    "Striker scores twice to send the visitors into the final",
    "New chip promises phones that charge once a week",
]


def neural_row(name, config, flag):
    """Train and evaluate one config through the command line; return its folder and its row of the table."""
    folder = RUNS / name
    subprocess.run([*CLI, "train", "--config", config, "--output_dir", folder, flag, minilm_folder()], check=True)
    subprocess.run([*CLI, "evaluate", folder], check=True)
    # intervals and costs, for the card and the page
    subprocess.run([*CLI, "card", folder, "--language", "en", "--costs", "true"], check=True)
    trained = json.loads((folder / "eval_results.json").read_text())
    metrics = json.loads((folder / "evaluation_test" / "eval_results.json").read_text())["metrics"]
    return folder, {
        "accuracy": metrics["accuracy"],
        "macro_f1": metrics["macro_f1"],
        "parameters": trained["num_parameters"],
        "megabytes": (folder / "model.safetensors").stat().st_size / 1e6,
        "train_seconds": trained["train_seconds"],
    }


def linear_row():
    """Fit TF-IDF + logistic regression on the same split; return the model and its row."""
    start = time.perf_counter()
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10))
    model.fit(NEWS["train"].text, NEWS["train"].topic)
    seconds = time.perf_counter() - start
    predicted = model.predict(NEWS["test"].text)
    weights, vocabulary = model[-1].coef_, model[0].vocabulary_
    return model, {
        "accuracy": accuracy_score(NEWS["test"].topic, predicted),
        "macro_f1": f1_score(NEWS["test"].topic, predicted, average="macro"),
        "parameters": weights.size + model[-1].intercept_.size,
        # what a pickle-free file of it would need: the weights in float32 and the vocabulary
        "megabytes": (4 * weights.size + sum(len(word.encode()) + 1 for word in vocabulary)) / 1e6,
        "train_seconds": seconds,
    }


def speeds(predictors, texts, rounds=3):
    """Texts per second on one thread: the best of some rounds, the models taking turns."""
    torch.set_num_threads(1)
    best = dict.fromkeys(predictors, float("inf"))
    for _ in range(rounds):
        for name, predict in predictors.items():
            start = time.perf_counter()
            predict(texts)
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: len(texts) / seconds for name, seconds in best.items()}


def show(rows):
    """Print the table."""
    print(f"\n{'':28}{'accuracy':>9}{'macro-F1':>9}{'parameters':>12}{'MB':>7}{'training s':>11}{'texts/s':>9}")
    for name, row in rows.items():
        print(
            f"{name:28}{row['accuracy']:9.3f}{row['macro_f1']:9.3f}{row['parameters']:12,}"
            f"{row['megabytes']:7.1f}{row['train_seconds']:11.1f}{row['texts_per_second']:9,.0f}"
        )
    print(f"test split of {len(NEWS['test'])} English headlines, six topics; texts/s: batches of 64 on one CPU thread")


def main():
    hardware = describe_hardware()
    disable_progress_bar()
    shutil.rmtree(RUNS, ignore_errors=True)
    lstm_folder, lstm = neural_row("lstm", "configs/demo_lstm.yaml", "--embeddings_from")
    bert_folder, bert = neural_row("bert", "configs/demo_bert.yaml", "--model_name_or_path")
    comparison = RUNS / "comparison"
    subprocess.run([*CLI, "compare", lstm_folder, bert_folder, "--output_dir", comparison], check=True)
    linear_model, linear = linear_row()
    rows = {"LSTM": lstm, "BERT (MiniLM)": bert, "TF-IDF + logistic": linear}

    classifiers = {"LSTM": Classifier(lstm_folder), "BERT (MiniLM)": Classifier(bert_folder)}
    texts = NEWS["test"].text.tolist() * 2
    measured = speeds({**classifiers, "TF-IDF + logistic": linear_model.predict_proba}, texts)
    for name, row in rows.items():
        row["texts_per_second"] = measured[name]
    show(rows)

    print("\nexamples:")
    for text in TEXTS:
        said = [
            f"{name} {(p := classifier([text])[0]).label} {p.score:.2f}" for name, classifier in classifiers.items()
        ]
        print(f"  {text}\n    {' · '.join(said)}")
    if "--record" in sys.argv:
        result = {"command": "make demo", "date": str(date.today()), "hardware": hardware, "rows": rows}
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print("\nmodels, cards and pictures are in runs/demo; now try: make page")


if __name__ == "__main__":
    main()
