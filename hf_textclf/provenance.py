"""Where figures come from: the machine, the versions, the commit; and what all may read of a name."""

import os
import platform
import re
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path, PureWindowsPath

import torch
from huggingface_hub import HfApi

LIBRARIES = ("hf-textclf", "transformers", "torch", "datasets", "accelerate", "scikit-learn")
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+", re.ASCII)


def describe_hardware(*, processes: int = 1, gpu: bool = True) -> str:
    """One phrase: the GPU, if there is one and it was used, or the number of CPU cores and threads in use."""
    if gpu and torch.cuda.is_available():
        return f"{processes} x {torch.cuda.get_device_name()}"
    return f"{processes} process(es) of {torch.get_num_threads()} thread(s), {os.cpu_count()}-core {_processor()}"


def _processor() -> str:
    """The CPU's model, which `platform` does not know on Linux."""
    info = Path("/proc/cpuinfo")
    named = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE) if info.is_file() else None
    return named[1] if named else platform.processor() or platform.machine()


def describe_versions() -> dict[str, str]:
    """The versions that a result depends on, and in a checkout of this project its commit."""
    versions = {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
    commit = _commit()
    return versions | {"commit": commit} if commit else versions


@cache
def _commit() -> str | None:
    """The commit of the checkout that this file stands in, `-dirty` where files were changed since."""
    checkout = Path(__file__).parents[1]
    # an environment may lie inside the checkout of something else
    if not (checkout / ".git").exists():
        return None
    command = ["git", "-C", str(checkout), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def hub_id(name: str | None) -> str | None:
    """The name if it is a Hub id; None for a path, a sample or nothing."""
    if not name or not HUB_ID.fullmatch(name) or name.startswith("samples/") or Path(name).exists():
        return None
    return name


def is_public(dataset: str) -> bool:
    """Whether everybody may read a data set: it comes with this package, or the Hub shows it to those without a token.
    Asks the Hub where the name is an id of it."""
    if dataset.startswith("samples/") and not Path(dataset).exists():
        return True
    if hub_id(dataset) is None:
        return False
    try:
        info = HfApi().dataset_info(dataset, token=False, timeout=10)
    # whatever the Hub or the way to it says, nothing is known to be public
    except Exception:
        return False
    return not (info.private or info.gated or info.disabled)


def public_name(name: str) -> str:
    """What all may read of the name of a data set or checkpoint: of a path, which says something of a machine, its
    last part."""
    if HUB_ID.fullmatch(name) and not Path(name).exists():
        return name
    return PureWindowsPath(re.split(r"[?#]", name)[0]).name or name
