"""The textbook's LSTM on imdb in Keras itself, beside which configs/imdb_textbook_lstm.yaml is judged.

    pip install tensorflow-cpu
    python -m tests.benchmarks.keras_recipe --dataset DIR [--seeds 1 2 3]

The 10,000 most frequent words, the last 250 of each review (what `pad_sequences` keeps), Embedding(100), LSTM(100)
with dropout and recurrent dropout of 0.2, one sigmoid, Adam, batches of 64, 80/20 validation on the rows of our own
runs. The epoch with the best validation accuracy counts, as in our runs; the last line of output is the result file.
"""

import argparse
import json
import platform
import time
from importlib.metadata import version

import keras
import numpy as np

from hf_textclf.data import DataArguments, load_data


def one_seed(inputs, labels, *, epochs, seed):
    """Train with one seed; return the figures."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.layers.Embedding(10_000, 100),
            keras.layers.LSTM(100, dropout=0.2, recurrent_dropout=0.2),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    best, history, start = None, [], time.perf_counter()
    for epoch in range(1, epochs + 1):
        model.fit(inputs["train"], labels["train"], batch_size=64, verbose=2)
        _, accuracy = model.evaluate(inputs["validation"], labels["validation"], batch_size=256, verbose=0)
        history.append(round(accuracy, 4))
        if history[-1] == max(history):
            best = (epoch, model.get_weights())
    seconds = time.perf_counter() - start
    model.set_weights(best[1])
    _, test = model.evaluate(inputs["test"], labels["test"], batch_size=256, verbose=0)
    figures = {"seed": seed, "validation_by_epoch": history, "epoch": best[0], "train_seconds": round(seconds, 1)}
    return figures | {"metrics": {"accuracy": max(history)}, "test_metrics": {"accuracy": round(test, 4)}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    source = DataArguments(dataset=options.dataset, label_names=["negative", "positive"], validation_size=0.2)
    splits = load_data(source).splits
    vectorizer = keras.layers.TextVectorization(max_tokens=10_000)
    vectorizer.adapt(list(splits["train"]["text"]))
    inputs, labels = {}, {}
    for name in ("train", "validation", "test"):
        ids = [row[row > 0] for row in vectorizer(list(splits[name]["text"])).numpy()]
        inputs[name] = keras.utils.pad_sequences(ids, maxlen=250)
        labels[name] = np.asarray(splits[name]["labels"])
    seeds = [one_seed(inputs, labels, epochs=options.epochs, seed=seed) for seed in options.seeds]
    words = ["python -m tests.benchmarks.keras_recipe --dataset DIR --seeds", *map(str, options.seeds)]
    result = {"keras": version("keras"), "tensorflow": version("tensorflow-cpu"), "machine": platform.machine()}
    print(json.dumps({"command": " ".join(words), "train_rows": len(labels["train"])} | result | {"runs": seeds}))


if __name__ == "__main__":
    main()
