"""How long the page takes from the start of its process to its first prediction, beside what it cannot do without.

    python -m tests.benchmarks.space_start runs/demo/lstm runs/demo/bert --runs 7

Each run is a fresh process, and the two take turns, so that a busy moment of the machine hits both. What the page
cannot do without is the import of Gradio and of the part of Transformers that every model needs; timed are the
statements alone, of the page the whole process. The last line is one JSON document.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
from datetime import date
from pathlib import Path

from hf_textclf.files import bundled
from hf_textclf.provenance import describe_hardware
from tests.benchmarks.space_load import call

FLOOR = """
import time; start = time.perf_counter()
import gradio; from transformers import PreTrainedModel
print(time.perf_counter() - start)
"""
TEXT = "The central bank kept its key rate unchanged."
# one thread, no network: neither side gains from idle cores or waits for a host
SETTINGS = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def floor():
    """Seconds of the imports alone."""
    command = [sys.executable, "-c", FLOOR]
    return float(subprocess.run(command, env=SETTINGS, check=True, capture_output=True, text=True).stdout)


def page(models):
    """Seconds until the page has answered its first request, asked again and again from the start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(bundled("spaces_app") / "app.py"), *models]
    settings = SETTINGS | {"GRADIO_SERVER_PORT": str(port)}
    start = time.perf_counter()
    process = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first = [Path(models[0]).name]
    try:
        while process.poll() is None:
            try:
                answer = call(f"http://127.0.0.1:{port}", "classify", TEXT, first)
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.02)
                continue
            assert answer[first[0]]["probabilities"]
            return time.perf_counter() - start
        raise RuntimeError(f"the page ended with {process.returncode}")
    finally:
        process.terminate()
        process.wait(timeout=30)


def main():
    parser = argparse.ArgumentParser(description="Time the start of the page against its imports.")
    parser.add_argument("models", nargs="+", help="folders, the first of which is asked")
    parser.add_argument("--runs", type=int, default=7, help="timed processes of each kind")
    options = parser.parse_args()
    times = {"imports": [], "page": []}
    for number in range(options.runs + 1):
        taken = {"imports": floor(), "page": page(options.models)}
        # the first of each reads the files from disk and compiles them
        if number:
            for name, seconds in taken.items():
                times[name].append(seconds)
    print(f"{'':>10} {'median s':>9} {'min s':>7} {'max s':>7}")
    for name, taken in times.items():
        print(f"{name:>10} {statistics.median(taken):>9.2f} {min(taken):>7.2f} {max(taken):>7.2f}")
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    result = {
        "imports_s": round(medians["imports"], 3),
        "page_s": round(medians["page"], 3),
        "ratio": round(medians["page"] / medians["imports"], 3),
        "runs": options.runs,
        "date": str(date.today()),
        "hardware": describe_hardware(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
