"""Files that hold figures: written whole or not at all, with the machine and the versions that they belong to."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

# the resolved configuration of a run, in its saved folder
RUN_CONFIG = "run_config.yaml"
LIBRARIES = ("hf-textclf", "transformers", "torch", "datasets", "accelerate", "scikit-learn")


def describe_hardware(*, processes: int = 1, gpu: bool = True) -> str:
    """One phrase: the GPU, if there is one and it was used, or the number of CPU cores and threads in use."""
    if gpu and torch.cuda.is_available():
        return f"{processes} x {torch.cuda.get_device_name()}"
    return (
        f"{processes} process(es) of {torch.get_num_threads()} thread(s), {os.cpu_count()}-core {platform.machine()}"
    )


def describe_versions() -> dict[str, str]:
    """The versions that a result depends on."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


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
