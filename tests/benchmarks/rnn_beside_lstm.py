"""Why LSTM: beside it the plain recurrent network, under one config, by length of text and by distance in a text.

    python -m tests.benchmarks.rnn_beside_lstm --dataset DIR [--seeds 1 2 3] [-- --key value ...]

Both are trained by the command from configs/imdb_rnn.yaml, the LSTM with `--cell lstm`; what stands after `--` is
handed to `train` (a stated subset). Two things are then measured:

- Accuracy on test over the length of a text in tokens, as the model reads it, with Wilson's 95 % interval.
- The norm of the derivative of the last state with respect to the embedding of the token so many steps before, on
  test texts, before and after training: the Frobenius norm of that Jacobian matrix, estimated by random projections
  of the state, and its geometric mean over the texts (Pascanu et al. 2013, "On the difficulty of training recurrent
  neural networks", section 2).

Writes rnn_beside_lstm.json and rnn_beside_lstm.png into tests/benchmarks/results.
"""

import argparse
import json
import re
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.stats import binomtest
from transformers import set_seed

from hf_textclf import Classifier
from hf_textclf.data import DataArguments, load_split
from hf_textclf.models.loading import init_model, load_config
from hf_textclf.provenance import describe_hardware, describe_versions
from hf_textclf.tokenization import encode
from tests.benchmarks.real_run import CLI, RESULTS, run

CONFIG = "imdb_rnn"
# two colours of Okabe and Ito, which colour-blind eyes tell apart too
CELLS = {"lstm": ("LSTM", "#0072B2"), "rnn": ("plain RNN", "#D55E00")}
EDGES = [0, 75, 150, 200, 250, 300, 350, 400]
DISTANCE, GRADIENT_TEXTS, PROJECTIONS = 200, 64, 16


def measure(cell, seed, options, folder):
    """Train one cell with one seed and return its figures."""
    flags = ["--config", f"configs/{CONFIG}.yaml", "--dataset", options.dataset, "--cell", cell]
    flags += ["--seed", str(seed), "--output_dir", str(folder)]
    run([*CLI, "train", *flags, *options.more], folder.with_suffix(".log"))
    classifier = Classifier(str(folder))
    names, problem_type = classifier.label_names, classifier.problem_type
    data = DataArguments(options.dataset, label_names=names)
    rows = load_split(data, label_names=names, problem_type=problem_type, split="test").splits["test"]
    rows = rows.shuffle(seed=1).select(range(min(len(rows), options.max_test_samples)))
    token_ids = encode(classifier.predictor.tokenizer, rows["text"][:])["input_ids"]
    right = classifier.logits(rows["text"][:]).argmax(1) == np.asarray(rows["labels"])
    long = [ids[:DISTANCE] for ids in token_ids if len(ids) >= DISTANCE][:GRADIENT_TEXTS]
    set_seed(seed)
    untrained, trained = init_model(load_config(str(folder))), classifier.predictor.model.cpu()
    return {
        "cell": cell,
        "seed": seed,
        "num_parameters": trained.num_parameters(),
        "train_rows": json.loads((folder / "eval_results.json").read_text())["train_rows"],
        "train_seconds": json.loads((folder / "eval_results.json").read_text())["train_seconds"],
        "test_accuracy": float(right.mean()),
        "by_length": by_length(np.array([len(ids) for ids in token_ids]), right),
        "gradient_texts": len(long),
        "gradient_norm": {
            "before training": gradient_norm(untrained, torch.tensor(long)),
            "after training": gradient_norm(trained, torch.tensor(long)),
        },
    }


def by_length(lengths, right):
    """How many texts of each bucket were classified rightly. lengths, right: (texts,)."""
    longest = int(lengths.max())
    edges = [edge for edge in EDGES if edge < longest] + [longest]
    buckets = [(low, high, (low < lengths) & (lengths <= high)) for low, high in zip(edges, edges[1:], strict=False)]
    return [
        {"over": low, "to": high, "texts": int(here.sum()), "right": int(right[here].sum())}
        for low, high, here in buckets
    ]


def gradient_norm(model, input_ids):
    """|d h_T / d x_(T - distance)| for distance 0, 1, ... input_ids: (texts, length). Returns `length` numbers."""
    lstm = model.lstm.eval()
    embeddings = lstm.embed_tokens(input_ids).detach().requires_grad_()
    state = lstm(inputs_embeds=embeddings).last_hidden_state[:, -1]  # (texts, hidden_size)
    generator = torch.Generator().manual_seed(1)
    squares = torch.zeros(input_ids.shape)
    for _ in range(PROJECTIONS):
        # for a standard normal v, the expectation of |v J|^2 is the squared Frobenius norm of J
        direction = torch.randn(state.shape, generator=generator)
        (gradient,) = torch.autograd.grad(state, embeddings, direction, retain_graph=True)
        squares += gradient.square().sum(-1)
    norms = (squares / PROJECTIONS).sqrt().flip(1)
    # what float32 rounds to nothing counts as its smallest number, since zero has no logarithm
    return norms.clamp(min=torch.finfo(torch.float32).tiny).log().mean(0).exp().tolist()


def draw(runs):
    """Accuracy over length on the left, gradient norm over distance on the right."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for place, (cell, (name, colour)) in enumerate(CELLS.items()):
        mine = [one for one in runs if one["cell"] == cell]
        buckets = [rows for rows in zip(*(one["by_length"] for one in mine), strict=True) if rows[0]["texts"]]
        counts = [(sum(row["right"] for row in rows), sum(row["texts"] for row in rows)) for rows in buckets]
        share = np.array([100 * hits / texts for hits, texts in counts])
        bounds = [binomtest(*count).proportion_ci(method="wilson") for count in counts]
        spread = [share - [100 * bound.low for bound in bounds], [100 * bound.high for bound in bounds] - share]
        places = np.arange(len(buckets)) + (place - 0.5) * 0.12
        left.errorbar(places, share, spread, color=colour, marker="o", capsize=3, label=name)
        left.set_xticks(range(len(buckets)), [f"{rows[0]['over'] + 1}–{rows[0]['to']}" for rows in buckets])
        for when, style in (("before training", (0, (4, 2))), ("after training", "-")):
            norms = np.exp(np.mean([np.log(one["gradient_norm"][when]) for one in mine], axis=0))
            right.plot(norms, color=colour, linestyle=style, label=f"{name}, {when}")
    left.axhline(50, color="0.6", linewidth=1, linestyle=":")
    left.set(xlabel="tokens in the text", ylabel="accuracy on test, %", title="Accuracy over length")
    right.set(xlabel="steps back from the last token", yscale="log", title="What a token still does to the last state")
    right.set_ylabel("norm of d last state / d embedding")
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.92")
    figure.savefig(RESULTS / "rnn_beside_lstm.png", dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--max_test_samples", type=int, default=sys.maxsize)
    tokens = sys.argv[1:]
    cut = tokens.index("--") if "--" in tokens else len(tokens)
    options = parser.parse_args(tokens[:cut])
    options.more = tokens[cut + 1 :]
    with TemporaryDirectory() as place:
        runs = [
            measure(cell, seed, options, Path(place) / f"{cell}_{seed}") for seed in options.seeds for cell in CELLS
        ]
    words = ["python", "-m", "tests.benchmarks.rnn_beside_lstm", *(re.sub(r".*/.*", "DIR", word) for word in tokens)]
    result = {"command": " ".join(words), "date": str(date.today()), "hardware": describe_hardware()}
    result |= {"versions": describe_versions(), "runs": runs}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "rnn_beside_lstm.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    draw(runs)
    print(json.dumps({"result": path.name, "test_accuracy": {one["cell"]: one["test_accuracy"] for one in runs}}))


if __name__ == "__main__":
    main()
