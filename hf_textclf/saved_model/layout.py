"""The names of the files in a saved folder, and what is read from them alone."""

import hashlib
from pathlib import Path
from typing import Any

from ..files import read_yaml

# the parts of a data set that results are of, in their order
SPLITS = ("train", "validation", "test")
# the resolved configuration of a run
RUN_CONFIG = "run_config.yaml"
LEARNING_CURVE = "learning_curve.png"


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


def read_run(folder: Path) -> dict[str, Any]:
    """The resolved keys of the run that a saved folder came from; none where it does not say."""
    recorded = folder / RUN_CONFIG
    return read_yaml(recorded) if recorded.is_file() else {}
