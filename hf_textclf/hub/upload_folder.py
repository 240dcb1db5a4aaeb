"""Which files of a saved folder go to the Hub, and whether the folder is fit for it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError, safe_open
from transformers.dynamic_module_utils import get_relative_import_files

from ..card import CardArguments, is_ours, render_card
from ..card.writing import read_card
from ..errors import TOKEN, UserError
from ..files import read_json
from ..saved_model.facts import PICTURES, public_run
from ..saved_model.layout import (
    CARD,
    CONFIG,
    DOCUMENT,
    DOCUMENT_WEIGHTS,
    EVAL_RESULTS,
    HANDLER,
    LEARNING_CURVE,
    LINEAR_CONFIG,
    MEASURED,
    ONNX_EXPORT,
    ONNX_MODEL,
    RELIABILITY_DIAGRAM,
    RUN_CONFIG,
    SPLITS,
    TOKENIZER,
    TOKENIZER_CONFIG,
    TRAINER_STATE,
    WEIGHTS,
    WEIGHTS_INDEX,
    model_digest,
)

# what a run writes; a repository should hold no other such files than those of its newest model
WRITTEN = (
    CONFIG,
    "generation_config.json",
    WEIGHTS,
    "model-*-of-*.safetensors",
    WEIGHTS_INDEX,
    TOKENIZER,
    TOKENIZER_CONFIG,
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    DOCUMENT,
    DOCUMENT_WEIGHTS,
    EVAL_RESULTS,
    TRAINER_STATE,
    MEASURED,
    RUN_CONFIG,
    ONNX_MODEL,
    ONNX_EXPORT,
)
# what else of an older model has no business beside a new one: code of its family, pictures of its figures
OUTLIVED = {
    *("*_lstm.py", "*_lstm_lm.py", "*_frozen.py", LEARNING_CURVE, RELIABILITY_DIAGRAM),
    *(f"{split}_{picture}.png" for split in SPLITS for picture in PICTURES),
}
# what people may put beside it; texts of the data (errors.csv) and checkpoints stay here
BESIDE = (CARD, HANDLER, "requirements.txt", "LICENSE*", "NOTICE*", "*.png", "*.svg", "*.jpg")


@dataclass(frozen=True)
class UploadFolder:
    """What is sent: name in the repository to a local file, or to bytes that differ from it; and what stays here."""

    files: dict[str, Path | bytes]
    left: list[str]

    @property
    def card(self) -> str:
        """The text of the model card."""
        return self._bytes(CARD).decode()

    def size(self, name: str) -> int:
        """The size of a file in bytes."""
        content = self.files[name]
        return len(content) if isinstance(content, bytes) else content.stat().st_size

    def _bytes(self, name: str) -> bytes:
        content = self.files[name]
        return content if isinstance(content, bytes) else content.read_bytes()


def is_written(name: str) -> bool:
    """Whether a file is one that a run writes."""
    return any(fnmatchcase(name, pattern) for pattern in WRITTEN)


def is_outlived(name: str, parcel: UploadFolder) -> bool:
    """Whether a file in a repository is of an older model than the one that is sent."""
    return name not in parcel.files and any(fnmatchcase(name, pattern) for pattern in (*WRITTEN, *OUTLIVED))


def pack(folder: Path, repo: str) -> UploadFolder:
    """Check a saved folder and collect what is to be sent. A card of ours is written anew with the name of `repo`.

    Raises:
        UserError: the folder lacks a file, a licence or a label's name, is of a kind that the Hub cannot load, or
            holds an access token.
    """
    config = check_model(folder)
    code = _code_files(folder, config)
    _check_card(folder / CARD)
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    sent = [name for name in names if name in code or any(fnmatchcase(name, known) for known in (*WRITTEN, *BESIDE))]
    files: dict[str, Path | bytes] = {name: folder / name for name in sent}
    files |= {name: folder / name for name in _onnx_files(folder)}
    if _is_classifier(config):
        files.setdefault(HANDLER, Path(__file__).with_name(HANDLER))
    if RUN_CONFIG in files:
        files[RUN_CONFIG] = yaml.safe_dump(public_run(folder), allow_unicode=True, sort_keys=False).encode()
    tops = {name.partition("/")[0] for name in files}
    left = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir() if path.name not in tops)
    parcel = UploadFolder(files, left)
    _check_tokens(parcel)
    if is_ours(folder / CARD):
        files[CARD] = render_card(folder, CardArguments(repo=repo)).encode()
    return parcel


def check_model(folder: Path) -> dict[str, Any]:
    """Return config.json of a folder that has a config, weights, a tokenizer and names for its labels.

    Raises:
        UserError: it lacks one of them, or holds something else than one network.
    """
    if not folder.is_dir():
        raise UserError(f"{str(folder)!r} is no folder, expected one that `hf-textclf train` wrote; correct the path")
    if (folder / LINEAR_CONFIG).is_file():
        raise UserError(
            f"{str(folder)!r} holds a linear model, expected a network: no Auto class loads it; choose a network"
        )
    if not (folder / CONFIG).is_file():
        raise UserError(
            f"{str(folder)!r} has no config.json, expected one finished network; end its training with "
            "--resume_from_checkpoint true, or push the networks of --one_vs_rest one by one"
        )
    config = read_json(folder / CONFIG)
    _check_weights(folder)
    for name in (TOKENIZER, TOKENIZER_CONFIG):
        if not (folder / name).is_file():
            raise UserError(f"{str(folder)!r} has no {name}, expected the tokenizer beside the model; save it there")
    if _is_classifier(config):
        labels = (config.get("id2label") or {"0": "LABEL_0"}).values()
        check_labels(map(str, labels), where=str(folder / CONFIG))
    return config


def check_labels(labels: Iterable[str], *, where: str) -> None:
    """Refuse a model that does not say what its labels mean."""
    if unnamed := [label for label in labels if re.fullmatch(r"LABEL_\d+", label)]:
        raise UserError(
            f"id2label in {where!r} calls a label {unnamed[0]}, expected its name; write names into id2label and "
            "label2id"
        )


def _is_classifier(config: dict[str, Any]) -> bool:
    return any(name.endswith("ForSequenceClassification") for name in config.get("architectures") or [])


def _onnx_files(folder: Path) -> tuple[str, ...]:
    """What `--with_onnx` wrote; other people's ONNX files stay here."""
    record = read_json(folder / ONNX_EXPORT)
    if not record:
        return ()
    if not (folder / ONNX_MODEL).is_file() or record.get("model_digest") != model_digest(folder):
        raise UserError(
            f"{str(folder / ONNX_MODEL)!r} was made of other weights than those there now; make it again with "
            "--with_onnx, or remove the folder onnx"
        )
    return ONNX_MODEL, ONNX_EXPORT


def _check_weights(folder: Path) -> None:
    shards = [WEIGHTS]
    if (folder / WEIGHTS_INDEX).is_file():
        shards = sorted(set(read_json(folder / WEIGHTS_INDEX).get("weight_map", {}).values()))
    for name in shards:
        try:
            with safe_open(folder / name, framework="pt") as weights:
                weights.keys()
        except (OSError, SafetensorError) as error:
            raise UserError(
                f"{str(folder / name)!r} is missing or broken ({error}), expected whole weights; train or save the "
                "model again"
            ) from error


def _code_files(folder: Path, config: dict[str, Any]) -> set[str]:
    """The Python files that the Auto classes will ask for, and those that these import."""
    named: list[str] = []
    for auto_map in (config.get("auto_map"), read_json(folder / TOKENIZER_CONFIG).get("auto_map")):
        for value in (auto_map or {}).values():
            named += [item for item in (value if isinstance(value, list) else [value]) if item]
    found: set[str] = set()
    # code of another repository (`owner/name--module.Class`) stays there
    for module in sorted({item.rpartition(".")[0] for item in named if "--" not in item}):
        path = folder / f"{module}.py"
        try:
            found |= {path.name, *(Path(file).name for file in get_relative_import_files(path))}
        except OSError as error:
            raise UserError(
                f"auto_map in {str(folder / 'config.json')!r} needs {Path(str(error.filename)).name}, which is not "
                "there; save the model again"
            ) from error
    return found


def _check_card(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"{str(path)!r} is missing, expected the model card; write one by `hf-textclf card FOLDER`")
    card = read_card(path.read_text(encoding="utf-8", errors="replace"), where=str(path))
    if not card.data.to_dict().get("license"):
        raise UserError(
            f"license is not given in {str(path)!r}, expected an identifier; run `hf-textclf card {path.parent} "
            "--license apache-2.0`, or another one"
        )


def _check_tokens(parcel: UploadFolder) -> None:
    for name in parcel.files:
        if not name.endswith((".safetensors", ".onnx", ".png", ".jpg")) and TOKEN.search(
            parcel._bytes(name).decode("utf-8", "replace")
        ):
            raise UserError(f"{name} holds what looks like an access token (hf_...); take it out and revoke it")
