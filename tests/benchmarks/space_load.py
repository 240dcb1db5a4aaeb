"""The Space under load: clients that ask `/classify` at once over plain HTTP, while it has two cores to itself.

    python -m tests.benchmarks.space_load runs/demo/lstm runs/demo/bert

Every request is a session of its own, as of a new visitor. The last line is one JSON document.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from datetime import date

import numpy as np
import pandas as pd
import psutil

from hf_textclf.files import SAMPLES
from hf_textclf.provenance import describe_hardware

CORES = 2


def join(address, endpoint, *data):
    """Ask an endpoint; returns the address at which the answer will come."""
    asked = f"{address.rstrip('/')}/gradio_api/call/{endpoint}"
    request = urllib.request.Request(asked, json.dumps({"data": data}).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return f"{asked}/{json.load(answer)['event_id']}"


def call(address, endpoint, *data):
    """Ask an endpoint and wait for its answer. Raises RuntimeError with what it says in place of one."""
    event = ""
    with urllib.request.urlopen(join(address, endpoint, *data), timeout=120) as stream:
        for line in stream:
            key, _, value = line.decode().strip().partition(": ")
            if key == "event":
                event = value
            elif key == "data" and event == "complete":
                return json.loads(value)[0]
            elif key == "data" and event == "error":
                raise RuntimeError(value)
    raise RuntimeError("the answer broke off")


def load(address, texts, *, clients, requests):
    """Let clients ask at once, each so often in turn; returns the seconds of each answer, and the errors."""
    seconds, errors = [], []

    def client(number):
        for turn in range(requests):
            start = time.perf_counter()
            try:
                call(address, "classify", texts[(number * requests + turn) % len(texts)], None)
            except (OSError, RuntimeError) as error:
                errors.append(repr(error))
            else:
                seconds.append(time.perf_counter() - start)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds, errors


def megabytes(process):
    """The memory that a process holds."""
    return psutil.Process(process.pid).memory_info().rss / 2**20


@contextmanager
def page(folders):
    """Serve some models on the last cores of this machine; yields the address and the process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "hf_textclf.cli", "page", *folders]
    settings = os.environ | {"GRADIO_SERVER_PORT": str(port), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL)
    os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(0))[-CORES:])
    try:
        address = f"http://127.0.0.1:{port}"
        while process.poll() is None:
            try:
                urllib.request.urlopen(address, timeout=5).close()
            except OSError:
                time.sleep(0.2)
            else:
                break
        yield address, process
    finally:
        process.terminate()
        process.wait(timeout=30)


def main():
    parser = argparse.ArgumentParser(description="Ask the Space from many clients at once.")
    parser.add_argument("folders", nargs="+", help="saved models")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--requests", type=int, default=20, help="of each client")
    options = parser.parse_args()
    texts = pd.read_csv(SAMPLES / "news_en" / "test.csv").text.tolist()
    with page(options.folders) as (address, process):
        load(address, texts, clients=8, requests=25)
        before = megabytes(process)
        start = time.perf_counter()
        seconds, errors = load(address, texts, clients=options.clients, requests=options.requests)
        result = {
            "date": date.today().isoformat(),
            "hardware": f"{describe_hardware()}; {CORES} cores for the Space",
            "models": [os.path.basename(os.path.normpath(folder)) for folder in options.folders],
            "clients": options.clients,
            "requests": options.clients * options.requests,
            "errors": len(errors),
            "requests_per_second": round(len(seconds) / (time.perf_counter() - start), 1),
            "p50_s": round(float(np.quantile(seconds, 0.5)), 3),
            "p99_s": round(float(np.quantile(seconds, 0.99)), 3),
            "megabytes_before": round(before),
            "megabytes_after": round(megabytes(process)),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
