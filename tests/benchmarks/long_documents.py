"""Long reviews: cut, or read in windows, sentences or key sentences, with weights of each kind.

    python -m tests.benchmarks.long_documents --dataset DIR [--sentences FOLDER] [--key_sentences FOLDER]

Trains configs/imdb_sentences_lstm.yaml and configs/imdb_key_sentences_lstm.yaml, unless their folders are given. The
first network, which is trained on 250 tokens of each review, then reads the reviews of more than 400 tokens in every
way, the second one their key sentences. Accuracy has a 95 % interval (Wilson 1927). Speed is texts a second of CPU
time on one thread, tokenizing and splitting included. The last line is the result file.
"""

import argparse
import json
import subprocess
import sys
import time
from datetime import date
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from scipy.stats import binomtest

from hf_textclf import Classifier
from hf_textclf.data import DataArguments, load_data
from hf_textclf.files import read_yaml
from hf_textclf.inference.networks import Network
from hf_textclf.provenance import describe_hardware, describe_versions
from hf_textclf.saved_model.layout import RUN_CONFIG
from hf_textclf.tokenization import set_truncation
from hf_textclf.training.arguments import ModelArguments
from hf_textclf.training.documents import fit_attention, make_reader

LONG = 400
MAX_LENGTH = 250
CONFIGS = {"sentences": "imdb_sentences_lstm", "key_sentences": "imdb_key_sentences_lstm"}


def train(config, dataset, folder):
    """Train a config through the command line."""
    command = [sys.executable, "-m", "hf_textclf.cli", "train", "--config", config, "--dataset", dataset]
    subprocess.run([*command, "--output_dir", str(folder)], check=True, stdout=sys.stderr)


def ways(network, data):
    """Yield each way to read a text with the network: its name and a function from texts to logits."""
    model, tokenizer = network.model, network.tokenizer
    for truncation in ("head", "tail", "head_tail"):
        set_truncation(tokenizer, truncation=truncation, max_length=MAX_LENGTH)
        yield f"truncate: {truncation}", network.logits
    # an LSTM has no limit of its own; few texts a batch, since the longest decides
    set_truncation(tokenizer, truncation="head", max_length=1_000_000)
    yield "the whole text at once", lambda texts: network.logits(texts, batch_size=16)
    set_truncation(tokenizer, truncation="head", max_length=MAX_LENGTH)
    choices = [(strategy, weights, None) for strategy in ("windows", "sentences") for weights in
               ("uniform", "tfidf", "attention")]  # fmt: skip
    for strategy, weights, stride in [*choices, ("windows", "uniform", 50)]:
        chosen = ModelArguments(document_strategy=strategy, sentence_weights=weights, stride=stride)
        reader = make_reader(data, tokenizer, chosen)
        if reader.needs_attention:
            fit_attention(reader, model, tokenizer, data, loss=None, batch_size=64, seed=1)
        name = f"{strategy}: {weights}" + (f", stride {stride}" if stride else "")
        yield name, lambda texts, reader=reader: reader.logits(model, tokenizer, texts, batch_size=64)


def long_rows(network, split):
    """The texts of more than LONG tokens, and their labels."""
    ids = network.tokenizer(split["text"][:], truncation=False, verbose=False)["input_ids"]
    rows = split.select(np.flatnonzero([len(row) > LONG for row in ids]))
    return rows["text"][:], np.asarray(rows["labels"])


def judged(logits_of, sets):
    """Accuracy on each set of texts, and the speed on the last one."""
    row = {}
    for name, (texts, labels) in sets.items():
        start = time.process_time()
        right = logits_of(texts).argmax(1) == labels
        seconds = time.process_time() - start
        interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
        row[name] = {"accuracy": round(float(right.mean()), 4), "interval": [round(float(end), 4) for end in interval]}
    return row | {"texts_per_second": round(len(texts) / seconds, 1)}


def compared(folders):
    """Every way on the long reviews of validation and test."""
    data = load_data(DataArguments(**data_keys(folders["sentences"])))
    network = Network(str(folders["sentences"]), device="cpu")
    sets = {name: long_rows(network, data.splits[name]) for name in ("validation", "test")}
    found = {"rows": {name: len(labels) for name, (_, labels) in sets.items()}, "ways": {}}
    shortened = Classifier(str(folders["key_sentences"]), device="cpu")
    # one by one, since each way sets the tokenizer for itself
    for name, logits_of in chain(ways(network, data), [("key_sentences: 10", shortened.logits)]):
        found["ways"][name] = judged(logits_of, sets)
        print(f"{name:>25} {found['ways'][name]}", file=sys.stderr)
    return found


def data_keys(folder):
    """What the run knew about its data."""
    recorded = read_yaml(Path(folder) / RUN_CONFIG)
    return {key: recorded[key] for key in ("dataset", "label_names", "validation_size")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True)
    for name in CONFIGS:
        parser.add_argument(f"--{name}", type=Path, help=f"folder of a finished run of {CONFIGS[name]}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as place:
        folders = {name: getattr(options, name) or Path(place) / name for name in CONFIGS}
        for name, folder in folders.items():
            if not folder.exists():
                train(CONFIGS[name], options.dataset, folder)
        result = {
            "benchmark": "long_documents",
            "command": "python -m tests.benchmarks.long_documents --dataset DIR",
            "date": str(date.today()),
            "longer_than": LONG,
            "max_length": MAX_LENGTH,
            **compared(folders),
            "hardware": describe_hardware(),
            "versions": describe_versions(),
        }
    text = json.dumps(result, ensure_ascii=False)
    path = Path(__file__).parent / "results" / "long_documents.json"
    path.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
