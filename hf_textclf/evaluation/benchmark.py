"""What it costs to serve a saved folder on one CPU thread: size, load time, latency, throughput.

Everything that takes time is measured in turns, so that a busy moment of the machine hits every folder.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from timeit import timeit
from typing import Any

import numpy as np
import torch
from accelerate.utils import patch_environment
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from ..inference import Classifier
from ..saved_model.layout import EVAL_RESULTS, EVALUATIONS, MEASURED, SEEN_TEXTS, TRAINER_STATE

LOADS = 3
# texts in one turn of the latency, and how often and how long at least each folder classifies all of them
TURN = 20
ROUNDS = 3
SECONDS = 0.5
# weights, configurations, tokenizers, and the code that travels with a model
NEEDED = {".json", ".model", ".npy", ".npz", ".py", ".safetensors", ".txt"}
# what a run leaves in its folder beside them
RECORDS = {"all_results.json", EVAL_RESULTS, MEASURED, SEEN_TEXTS, TRAINER_STATE}


def megabytes(folder: Path) -> float:
    """Size of the files that loading needs, in millions of bytes: no checkpoints, no records of the run."""
    size = 0
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "checkpoint-", EVALUATIONS, "runs"))]
        needed = [name for name in files if Path(name).suffix in NEEDED and name not in RECORDS]
        size += sum((Path(path) / name).stat().st_size for name in needed)
    return size / 1e6


def load_in_turns(folders: dict[str, Path]) -> tuple[dict[str, Classifier], dict[str, float]]:
    """Load every folder on the CPU; return the classifiers and the median of their load times in seconds.

    The process is warm: what Python imports is not counted. Errors: as of `Classifier`.
    """
    classifiers: dict[str, Classifier] = {}
    seconds: dict[str, list[float]] = {name: [] for name in folders}
    for name in tqdm([*folders] * LOADS, desc="loading", unit="load"):
        # never two copies at once
        classifiers.pop(name, None)
        start = time.perf_counter()
        classifiers[name] = Classifier(str(folders[name]), device="cpu")
        seconds[name].append(time.perf_counter() - start)
    return classifiers, {name: float(np.median(taken)) for name, taken in seconds.items()}


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch, the linear algebra of NumPy and the tokenizers to one thread each."""
    threads = torch.get_num_threads()
    with threadpool_limits(1), patch_environment(TOKENIZERS_PARALLELISM="false"):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def measure_speed(
    classifiers: dict[str, Classifier], texts: Sequence[str], *, batch_size: int
) -> dict[str, dict[str, Any]]:
    """Latency of one text alone and texts a second in batches, from text to probabilities, on one CPU thread.

    Returns for each name `latency_ms`, the 50th and 99th percentile over the texts, and `texts_per_second`, the best
    of three rounds.
    """
    latencies: dict[str, list[float]] = {name: [] for name in classifiers}
    rates: dict[str, list[float]] = {name: [] for name in classifiers}
    with one_thread(), tqdm(total=(1 + ROUNDS) * len(classifiers) * len(texts), desc="timing", unit="text") as bar:
        for first, (name, classifier) in product(range(0, len(texts), TURN), classifiers.items()):
            turn = texts[first : first + TURN]
            # the turn of another model has filled the caches of the processor
            classifier.probabilities(turn[:1], batch_size=1)
            for text in turn:
                latencies[name].append(timeit(partial(classifier.probabilities, [text], batch_size=1), number=1))
            bar.update(len(turn))
        for _, (name, classifier) in product(range(ROUNDS), classifiers.items()):
            count, start = 0, time.perf_counter()
            while count == 0 or time.perf_counter() - start < SECONDS:
                classifier.probabilities(texts, batch_size=batch_size)
                count += len(texts)
            rates[name].append(count / (time.perf_counter() - start))
            bar.update(len(texts))
    return {
        name: {
            "latency_ms": {f"p{share}": 1000 * float(np.percentile(latencies[name], share)) for share in (50, 99)},
            "texts_per_second": max(rates[name]),
        }
        for name in classifiers
    }
