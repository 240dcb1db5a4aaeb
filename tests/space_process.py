"""The Space as a process of its own, and clients that speak plain HTTP to it."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager

from hf_textclf.resources import bundled


@contextmanager
def running(folders, log, *, cores=None, **environment):
    """Start the app on some folders; yields its address and the process. cores: those that it may use, on Linux."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {name: value for name, value in os.environ.items() if name != "MODELS"}
    settings |= {"GRADIO_SERVER_PORT": str(port), "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"} | environment
    command = [sys.executable, str(bundled("spaces_app") / "app.py"), *map(str, folders)]
    with open(log, "wb") as output:
        process = subprocess.Popen(command, env=settings, stdout=output, stderr=subprocess.STDOUT)
    if cores is not None:
        os.sched_setaffinity(process.pid, cores)
    try:
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 180
        while not _answers(address):
            assert process.poll() is None, f"the app ended with {process.returncode}: {log.read_text()}"
            assert time.monotonic() < deadline, f"the app did not answer: {log.read_text()}"
            time.sleep(0.2)
        yield address, process
    finally:
        process.terminate()
        process.wait(timeout=30)


def _answers(address):
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


def join(address, endpoint, *data):
    """Ask an endpoint; returns the address at which the answer will come."""
    asked = f"{address}/gradio_api/call/{endpoint}"
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
    """Let some clients ask `/classify` at once, each so often; returns the seconds of each answer, and the errors."""
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
