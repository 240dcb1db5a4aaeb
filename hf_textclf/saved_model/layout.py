"""The names of the files in a saved folder, each written here and nowhere else, and what is read from them alone."""

import hashlib
import os
import shutil
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ..files import read_json, read_yaml, write_json

# the network, as Transformers writes it
CONFIG = "config.json"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
# for a moment, while weights and config.json are replaced
WEIGHTS_COPY = "model-00001-of-00001.safetensors"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
# the class of a tokenizer that reads texts as no tokenizer.json can say
TOKENIZER_CODE = ("tokenization_classifier.py", "sentences.py")
TRAINER_STATE = "trainer_state.json"
# how it reads long texts
DOCUMENT = "document.json"
DOCUMENT_WEIGHTS = "document.safetensors"
# the network as ONNX, and which weights it was made from
ONNX_MODEL = "onnx/model.onnx"
ONNX_EXPORT = "onnx/export.json"
# a linear model, whose folder has no config.json
LINEAR_CONFIG = "linear_config.json"
LINEAR_VOCABULARY = "vocabulary.json"
LINEAR_WEIGHTS = "linear.safetensors"
# one network a label, in numbered folders beside it
ONE_VS_REST = "one_vs_rest.json"
CONFIGS = (CONFIG, LINEAR_CONFIG, ONE_VS_REST)
# what is said of the model: its card, the resolved configuration of its run, figures, mistakes
CARD = "README.md"
RUN_CONFIG = "run_config.yaml"
EVAL_RESULTS = "eval_results.json"
# costs and intervals, as `card --costs true` measured them
MEASURED = "measured.json"
ERRORS = "errors.csv"
# digests of the texts that it has seen; they stay on the machine
SEEN_TEXTS = "seen_texts.safetensors"
LEARNING_CURVE = "learning_curve.png"
RELIABILITY_DIAGRAM = "reliability.png"
# pictures of `compare`; `card --costs true` puts them here with the split before the name
CONFUSION = "confusion.png"
CURVES = "curves.png"
SCATTER = "scatter.png"
PICTURES = {
    CONFUSION: "confusion matrix",
    RELIABILITY_DIAGRAM: "reliability diagram",
    CURVES: "ROC and precision-recall curves",
    SCATTER: "predicted and true numbers",
}
# for Inference Endpoints; one that the folder has of its own goes in its place
HANDLER = "handler.py"
REQUIREMENTS = "requirements.txt"
# the parts of a data set that results are of, in their order
SPLITS = ("train", "validation", "test")
# where `evaluate` writes by default
EVALUATIONS = "evaluation_"

# groups of names, as patterns: what a run writes; a repository holds those of its newest model alone
WRITTEN = (
    *(CONFIG, "generation_config.json", WEIGHTS, "model-*-of-*.safetensors", WEIGHTS_INDEX),
    *(TOKENIZER, TOKENIZER_CONFIG, "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt"),
    *(DOCUMENT, DOCUMENT_WEIGHTS, ONNX_MODEL, ONNX_EXPORT),
    *(RUN_CONFIG, TRAINER_STATE, EVAL_RESULTS, MEASURED),
)
# what a newer model outlives in its repository: these, code of another family, pictures of older figures
OUTLIVED = (
    *WRITTEN,
    *("*_lstm.py", "*_lstm_lm.py", "*_frozen.py", *TOKENIZER_CODE, LEARNING_CURVE, RELIABILITY_DIAGRAM),
    *(f"{split}_{picture}" for split in SPLITS for picture in PICTURES),
)
# what people may put beside it; texts of the data (errors.csv) and checkpoints are not for others
BESIDE = (CARD, HANDLER, REQUIREMENTS, "LICENSE*", "NOTICE*", "*.png", "*.svg", "*.jpg")


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a file is one of a group of names."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def model_digest(folder: Path) -> str | None:
    """Tell one saved model from another: SHA-256 over its weights and its config.json, or what a linear model and one
    network a label have in its place; None where there are none.

    A figure measured before a model was changed, by `calibrate` for instance, is none of the model's.
    """
    # a member of one network a label has a folder of its own
    weights = [*folder.glob("*.safetensors"), *folder.glob("[0-9]*/*.safetensors")]
    weights = sorted(path for path in weights if path.name not in (SEEN_TEXTS, WEIGHTS_COPY))
    configs = [*sorted(folder.glob(f"[0-9]*/{CONFIG}")), *(folder / name for name in CONFIGS)]
    configs = [path for path in configs if path.is_file()]
    if not weights or not configs:
        return None
    digests = []
    for path in weights + configs:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def read_run(folder: Path) -> dict[str, Any]:
    """The resolved keys of the run that a saved folder came from; none where it does not say."""
    recorded = folder / RUN_CONFIG
    return read_yaml(recorded) if recorded.is_file() else {}


def move_files(partial: Path, folder: Path) -> None:
    """Move finished files into a model's folder, config.json last: what it says holds for the weights beside it.

    Where there is a model already, it is true at every moment: config.json can name the file of its weights, and first
    names a copy of the new ones, for as long as the old ones stand under their usual name.
    """
    if (folder / CONFIG).is_file() and (partial / WEIGHTS).is_file():
        shutil.copyfile(partial / WEIGHTS, partial / WEIGHTS_COPY)
        os.replace(partial / WEIGHTS_COPY, folder / WEIGHTS_COPY)
        named = read_json(partial / CONFIG) | {"transformers_weights": WEIGHTS_COPY}
        write_json(folder / CONFIG, named)
    for file in sorted(partial.iterdir(), key=lambda file: file.name in (CONFIG, LINEAR_CONFIG)):
        os.replace(file, folder / file.name)
    (folder / WEIGHTS_COPY).unlink(missing_ok=True)
    partial.rmdir()
