"""Files that hold figures: written whole or not at all, with the machine and the versions that they belong to."""

import hashlib
import json
import os
import platform
import re
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path, PureWindowsPath
from typing import Any

import torch

from .errors import UserError

# the parts of a data set that results are of, in their order
SPLITS = ("train", "validation", "test")
# the resolved configuration of a run, in its saved folder
RUN_CONFIG = "run_config.yaml"
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


def public_name(name: str) -> str:
    """What all may read of the name of a data set or checkpoint: of a path, which says something of a machine, its
    last part."""
    if HUB_ID.fullmatch(name) and not Path(name).exists():
        return name
    return PureWindowsPath(re.split(r"[?#]", name)[0]).name or name


def model_digest(folder: Path) -> str | None:
    """Tell one saved model from another: SHA-256 over its weights and its config.json; None where there are none.

    A figure measured before a model was changed, by `calibrate` for instance, is none of the model's.
    """
    files = [*sorted(folder.glob("*.safetensors")), folder / "config.json"]
    if len(files) < 2 or not files[-1].is_file():
        return None
    digests = []
    for path in files:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def new_folder(output_dir: str | Path) -> Path:
    """Make sure, before the work begins, that results can go there without hiding older ones.

    Raises:
        UserError: there is a file, or a folder that holds something.
    """
    output = Path(output_dir)
    if output.is_file() or output.is_dir() and any(output.iterdir()):
        raise UserError(
            f"output_dir {str(output)!r} already holds something, expected a new folder; "
            "choose another with --output_dir or remove it"
        )
    return output


def write_text(path: Path, text: str) -> None:
    """Write a text file beside its final name and rename it when it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def move_files(partial: Path, folder: Path) -> None:
    """Move finished files into a model's folder, config.json last: what it says holds for the weights beside it."""
    for file in sorted(partial.iterdir(), key=lambda file: file.name == "config.json"):
        os.replace(file, folder / file.name)
    partial.rmdir()


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON that people can read, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where there is none.

    Raises:
        UserError: it is no JSON object.
    """
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is broken ({error}), expected JSON; restore it or write it again") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} holds no JSON object, expected one; restore it or write it again")
    return value
