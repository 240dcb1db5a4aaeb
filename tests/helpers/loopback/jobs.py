"""Jobs: commands on rented machines, all of which are this one.

No image is pulled and nothing is installed: of `uv run --with PACKAGE COMMAND...` the COMMAND is run, with this
interpreter, its packages and this checkout in place of PACKAGE. It runs in an empty home and knows nothing of the
environment here but what the payload gives and where the Hub is. A job is SCHEDULING until somebody asks for it.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.helpers import ROOT

from .messages import Answer
from .storage import HubError, now

# name: GPUs; more than one so that a job may have several processes
MACHINES = {"cpu-basic": 0, "t4-small": 1, "a10g-largex2": 2}
ENDED = ("COMPLETED", "CANCELED", "ERROR")


class Job:
    """A job, its log so far and the process that runs it."""

    def __init__(self, spec, owner, hub):
        self.id, self.spec, self.owner, self.hub = secrets.token_hex(12), spec, owner, hub
        self.created, self.stage, self.message = now(), "SCHEDULING", None
        self.lines, self.grown, self.process = [], threading.Condition(), None

    def start(self):
        """Run the command; once only."""
        with self.grown:
            if self.stage != "SCHEDULING":
                return
            self.stage = "RUNNING"
        home = self.hub.storage.root / "jobs" / self.id
        home.mkdir(parents=True)
        surroundings = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
            "PYTHONPATH": str(ROOT),
            "HOME": str(home),
            "HF_ENDPOINT": self.hub.url,
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "OMP_NUM_THREADS": "1",
        }
        _, _, _, _, *command = self.spec["command"]
        # a group of its own, so that its children end with it
        self.process = subprocess.Popen(
            command,
            cwd=home,
            env=surroundings | self.spec["environment"] | self.spec.get("secrets", {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        clock = threading.Timer(self.spec.get("timeoutSeconds", 1800), self.end, ("ERROR", "Job timeout"))
        clock.start()
        for line in self.process.stdout:
            self._add(line.rstrip("\n"))
        code = self.process.wait()
        clock.cancel()
        self.end("COMPLETED" if code == 0 else "ERROR", f"Job failed with exit code: {code}" if code else None)

    def _add(self, line):
        with self.grown:
            self.lines.append({"data": line, "timestamp": now()})
            self.grown.notify_all()

    def end(self, stage, message=None):
        """The first end is the one that counts."""
        with self.grown:
            if self.stage in ENDED:
                return
            self.stage, self.message = stage, message
            self.grown.notify_all()
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def events(self):
        """The log as server-sent events, until the job ends."""
        yield b'data: {"data": "===== Job started =====", "timestamp": "%s"}\n\n' % self.created.encode()
        sent = 0
        while True:
            with self.grown:
                while len(self.lines) == sent and self.stage not in ENDED:
                    self.grown.wait()
                fresh, sent = self.lines[sent:], len(self.lines)
                if not fresh:
                    return
            for line in fresh:
                yield f"data: {json.dumps(line)}\n\n".encode()

    def answer(self):
        """What the Hub tells of it; the values of secrets are told to nobody."""
        told = {name: self.spec.get(name) for name in ("dockerImage", "command", "arguments", "environment", "flavor")}
        return told | {
            "id": self.id,
            "createdAt": self.created,
            "labels": self.spec.get("labels"),
            "secrets": dict.fromkeys(self.spec.get("secrets", {})),
            "owner": {"id": "1", "name": self.owner, "type": "user"},
            "status": {"stage": self.stage, "message": self.message},
        }


def hardware(request):
    def machine(name, gpus):
        gpu = {"type": "gpu", "model": "X", "quantity": str(gpus), "vram": "16 GB", "manufacturer": "Nvidia"}
        price = {"unitCostMicroUSD": 6667, "unitCostUSD": 0.006667, "unitLabel": "minute"}
        return {
            "name": name,
            "prettyName": name,
            "cpu": "4 vCPU",
            "ram": "15 GB",
            "accelerator": gpu if gpus else None,
        } | price

    return [machine(name, gpus) for name, gpus in MACHINES.items()]


def create(request, owner):
    request.writer(owner)
    spec = request.json
    if spec.get("flavor") not in MACHINES:
        raise HubError(400, f"flavor: invalid option {spec.get('flavor')!r}")
    if ("dockerImage" in spec) == ("spaceId" in spec):
        raise HubError(400, "expected either dockerImage or spaceId")
    if spec["command"][:3] != ["uv", "run", "--with"]:
        raise HubError(400, "this Hub runs nothing but `uv run --with PACKAGE COMMAND...`")
    job = Job(spec, owner, request.hub)
    request.hub.jobs[job.id] = job
    return job.answer()


def list_jobs(request, owner):
    request.writer(owner)
    return [job.answer() for job in request.hub.jobs.values() if job.owner == owner]


def inspect(request, owner, job):
    found = _find(request, owner, job)
    found.start()
    return found.answer()


def logs(request, owner, job):
    found = _find(request, owner, job)
    found.start()
    return Answer(found.events(), headers={"Content-Type": "text/event-stream"})


def cancel(request, owner, job):
    found = _find(request, owner, job)
    found.end("CANCELED")
    return found.answer()


def _find(request, owner, job):
    request.writer(owner)
    if job not in request.hub.jobs or request.hub.jobs[job].owner != owner:
        raise HubError(404, "Job not found")
    return request.hub.jobs[job]
