"""Whether a saved folder is whole: one network with its weights, code, tokenizer and names for its labels."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers.dynamic_module_utils import get_relative_import_files

from ..errors import UserError
from ..files import read_json
from . import layout


def check_model(folder: Path) -> dict[str, Any]:
    """Return config.json of a folder that has a config, weights, a tokenizer and names for its labels.

    Raises:
        UserError: it lacks one of them, or holds something else than one network.
    """
    if not folder.is_dir():
        raise UserError(f"{str(folder)!r} is no folder, expected one that `hf-textclf train` wrote; correct the path")
    if (folder / layout.LINEAR_CONFIG).is_file():
        raise UserError(
            f"{str(folder)!r} holds a linear model, expected a network: no Auto class loads it; choose a network"
        )
    path = folder / layout.CONFIG
    if not path.is_file():
        raise UserError(
            f"{str(folder)!r} has no {layout.CONFIG}, expected one finished network; end its training with "
            "--resume_from_checkpoint true, or push the networks of --one_vs_rest one by one"
        )
    config, shards = read_json(path), [layout.WEIGHTS]
    if (folder / layout.WEIGHTS_INDEX).is_file():
        shards = sorted(set(read_json(folder / layout.WEIGHTS_INDEX).get("weight_map", {}).values()))
    for name in shards:
        try:
            with safe_open(folder / name, framework="pt") as weights:
                weights.keys()
        except (OSError, SafetensorError) as error:
            problem = f"{str(folder / name)!r} is missing or broken ({error})"
            raise UserError(f"{problem}, expected whole weights; train or save the model again") from error
    for name in (layout.TOKENIZER, layout.TOKENIZER_CONFIG):
        if not (folder / name).is_file():
            raise UserError(f"{str(folder)!r} has no {name}, expected the tokenizer beside the model; save it there")
    if is_classifier(config.get("architectures")):
        labels = (config.get("id2label") or {"0": "LABEL_0"}).values()
        check_labels(map(str, labels), where=str(path))
    return config


def is_classifier(architectures: list[str] | None) -> bool:
    """Whether a model of these classes, as its config names them, classifies texts."""
    return any(name.endswith("ForSequenceClassification") for name in architectures or [])


def check_labels(labels: Iterable[str], *, where: str) -> None:
    """Refuse a model that does not say what its labels mean."""
    if unnamed := [label for label in labels if re.fullmatch(r"LABEL_\d+", label)]:
        raise UserError(
            f"id2label in {where!r} calls a label {unnamed[0]}, expected its name; write it there and into label2id"
        )


def code_files(folder: Path, config: dict[str, Any]) -> set[str]:
    """The Python files that the Auto classes ask for, and those that these import.

    Raises:
        UserError: one of them is not there.
    """
    classes: list[str] = []
    for auto_map in (config.get("auto_map"), read_json(folder / layout.TOKENIZER_CONFIG).get("auto_map")):
        for value in (auto_map or {}).values():
            classes += [name for name in (value if isinstance(value, list) else [value]) if name]
    files: set[str] = set()
    # code of another repository (`owner/name--module.Class`) stays there
    for module in sorted({name.rpartition(".")[0] for name in classes if "--" not in name}):
        path = folder / f"{module}.py"
        try:
            files |= {path.name, *(Path(file).name for file in get_relative_import_files(path))}
        except OSError as error:
            raise UserError(
                f"auto_map in {str(folder / layout.CONFIG)!r} needs {Path(str(error.filename)).name}, which is not "
                "there; save the model again"
            ) from error
    return files


def onnx_files(folder: Path) -> tuple[str, ...]:
    """What `--with_onnx` wrote; none where it did not, for ONNX files of other people.

    Raises:
        UserError: they were made of other weights than those of the folder.
    """
    record = read_json(folder / layout.ONNX_EXPORT)
    if not record:
        return ()
    if not (folder / layout.ONNX_MODEL).is_file() or record.get("model_digest") != layout.model_digest(folder):
        raise UserError(
            f"{str(folder / layout.ONNX_MODEL)!r} was made of other weights than those there now; "
            "make it again with --with_onnx, or remove the folder onnx"
        )
    return layout.ONNX_MODEL, layout.ONNX_EXPORT
