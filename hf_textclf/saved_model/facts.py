"""Whether a saved folder is whole, and what its files say, brought together; nothing here is computed anew."""

import re
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath
from typing import Any

from safetensors import SafetensorError, safe_open
from transformers.dynamic_module_utils import get_relative_import_files

from ..errors import UserError
from ..files import read_json
from ..provenance import hub_id, public_name
from . import layout
from .check import check_config

# keys of a run that name data or checkpoints
PLACES = {"dataset", "embeddings_from", "init_from"}
PLACES |= {"encoder_name_or_path", "model_name_or_path", "tokenizer_name_or_path"}
# a tokenizer without a limit has this or more
NO_LIMIT = 1e9
# of the weights that figures are of
DIGEST = "model_digest"


class Facts:
    """What a card can be made from, read from the files of a folder.

    name: of the model, as others call it. config: config.json. tokenizer: tokenizer_config.json. max_length: tokens
    that the tokenizer cuts at; None where it does not. label_names: in id order. problem_type: classes where a foreign
    checkpoint does not say. run: the resolved configuration, without paths of a machine. results: eval_results.json.
    evaluations: what is known of each split the model was evaluated on, train first and test last, other data sets
    after all splits of the run's own. headline: the last of the run's own splits, which is test where the model was
    evaluated on it. measured: costs. history: trainer_state.json. pictures: file name -> what it shows.
    Raises UserError: it holds no model of Transformers, or a file that is no JSON.
    """

    def __init__(self, folder: Path, *, name: str) -> None:
        self.folder, self.name = folder, name
        self.config = config = read_json(folder / layout.CONFIG)
        if "model_type" not in config:
            raise UserError(
                f"{str(folder)!r} has no model with a config.json, expected one to describe; correct its path"
            )
        self.is_language_model = str((config.get("architectures") or [""])[0]).endswith("ForCausalLM")
        self.problem_type: str = config.get("problem_type") or "single_label_classification"
        names = config.get("id2label") or {}
        self.label_names: list[str] = [names[number] for number in sorted(names, key=int)]
        self.tokenizer = read_json(folder / layout.TOKENIZER_CONFIG)
        limit = self.tokenizer.get("model_max_length")
        self.max_length = int(limit) if limit and limit < NO_LIMIT else None
        self.history = read_json(folder / layout.TRAINER_STATE)
        self.run, (later, _) = public_run(folder), measured(folder)
        self.results, self.measured = (later.pop(name, {}) for name in (layout.EVAL_RESULTS, layout.MEASURED))
        # one entry for each data set and split, of all that was measured on it
        entries: dict[tuple[str, str, int], dict[str, Any]] = {}
        own = self.run.get("dataset", "unknown data")
        for result in (self.results, *later.values(), self.measured):
            if "metrics" in result:
                dataset = public_name(result.get("dataset", own))
                key = (dataset, result["split"], result["rows"])
                entries[key] = entries.get(key, {}) | result | {"dataset": dataset}
        self.evaluations = sorted(
            entries.values(), key=lambda entry: (entry["dataset"] != own, layout.SPLITS.index(entry["split"]))
        )
        first = [entry for entry in self.evaluations if entry["dataset"] == self.evaluations[0]["dataset"]]
        self.headline = first[-1] if first else {}
        pictures = {layout.LEARNING_CURVE: "loss over the epochs"}
        if "calibration" in self.results:
            pictures[layout.RELIABILITY_DIAGRAM] = "reliability before and after calibration"
        if self.measured:
            split = self.measured["split"]
            pictures |= {f"{split}_{file}": caption for file, caption in layout.PICTURES.items()}
        self.pictures = {file: caption for file, caption in pictures.items() if (folder / file).is_file()}

    @property
    def launcher(self) -> str:
        """What starts `train` on as many processes as the run had."""
        processes = re.match(r"(\d+) (process|x)", self.results.get("hardware", ""))
        if processes is None or processes[1] == "1":
            return "hf-textclf"
        on_cpu = processes[2] == "process"
        launcher = "torchrun --nproc_per_node" if on_cpu else "accelerate launch --multi_gpu --num_processes"
        return f"{launcher} {processes[1]} -m hf_textclf.cli"

    @property
    def local_places(self) -> list[str]:
        """Data and checkpoints of the run that lay on its machine."""
        return [name for name in self.named(sorted(PLACES)) if not hub_id(name) and not name.startswith("samples/")]

    def named(self, keys: Iterable[str]) -> list[str]:
        """What some keys of the run name; a key may name several."""
        values = [self.run.get(key) or [] for key in keys]
        return [name for value in values for name in (value if isinstance(value, list) else [value])]


def public_run(folder: Path) -> dict[str, Any]:
    """The resolved configuration of the run, as all may read it."""
    return {key: public_value(value, key) for key, value in layout.read_run(folder).items()}


def public_value(value: Any, key: str) -> Any:
    """A value of the run without paths of a machine; whatever else holds slashes, as a label may, stays."""
    match value:
        case str() if key in PLACES or PureWindowsPath(value).drive or value.startswith(("/", "~", "../", "./")):
            return public_name(value)
        case list():
            return [public_value(item, key) for item in value]
        case dict():
            return {inner: public_value(item, key) for inner, item in value.items()}
    return value


def measured(folder: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What was measured in training and later, by the name of its file or folder; and the names of what was measured
    of other weights or another config.json. The weights, which may be large, are read once at most."""
    paths = {path.parent.name: path for path in sorted(folder.glob(f"{layout.EVALUATIONS}*/{layout.EVAL_RESULTS}"))}
    paths |= {name: folder / name for name in (layout.EVAL_RESULTS, layout.MEASURED)}
    results = {name: figures for name, path in paths.items() if (figures := read_json(path))}
    # those of a training did not say of what weights they are before version 0.1
    unsaid = {name for name, figures in results.items() if name == layout.EVAL_RESULTS and DIGEST not in figures}
    digest = layout.model_digest(folder) if results.keys() - unsaid else None
    valid = {name: each for name, each in results.items() if name in unsaid or each.get(DIGEST) == digest}
    return valid, [name for name in results if name not in valid]


def outdated(facts: Facts) -> list[str]:
    """The names of figures and pictures in a folder that are of weights no longer there."""
    names = [layout.RELIABILITY_DIAGRAM]
    names += [f"{split}_{picture}" for split in layout.SPLITS for picture in layout.PICTURES]
    pictures = [name for name in names if name not in facts.pictures and (facts.folder / name).is_file()]
    return measured(facts.folder)[1] + pictures


def check_model(folder: Path) -> dict[str, Any]:
    """Return config.json of a folder that has a config, finite weights, a tokenizer and names for its labels.
    Raises UserError: it lacks one of them, or holds something else than one network.
    """
    if not folder.is_dir():
        raise UserError(f"{str(folder)!r} is no folder, expected one that `hf-textclf train` wrote; correct the path")
    if (folder / layout.LINEAR_CONFIG).is_file():
        raise UserError(f"{str(folder)!r} holds a linear model, which no Auto class loads; choose a network")
    path = folder / layout.CONFIG
    if not path.is_file():
        raise UserError(
            f"{str(folder)!r} has no {layout.CONFIG}, expected one finished network; end its training with "
            "--resume_from_checkpoint true, or push the networks of --one_vs_rest one by one"
        )
    config, shards = check_config(path), [layout.WEIGHTS]
    if (folder / layout.WEIGHTS_INDEX).is_file():
        shards = sorted(set(read_json(folder / layout.WEIGHTS_INDEX).get("weight_map", {}).values()))
    for name in shards:
        check_weights(folder / name)
    for name in (layout.TOKENIZER, layout.TOKENIZER_CONFIG):
        if not (folder / name).is_file():
            raise UserError(f"{str(folder)!r} has no {name}, expected the tokenizer beside the model; save it there")
    if is_classifier(config.get("architectures")):
        labels = (config.get("id2label") or {"0": "LABEL_0"}).values()
        check_labels(map(str, labels), where=str(path))
    return config


def check_weights(path: Path) -> None:
    """Read a safetensors file. Raises UserError: it is missing or broken, or holds what is no number."""
    try:
        with safe_open(path, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118
                if not weights.get_tensor(name).isfinite().all():
                    raise ValueError(f"{name} holds nan or infinity")
    except (OSError, ValueError, SafetensorError) as error:
        problem = f"{str(path)!r} is missing or broken ({error})"
        raise UserError(f"{problem}, expected whole weights; train or save the model again") from error


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
    Raises UserError: one of them is not there.
    """
    maps = [parts.get("auto_map") or {} for parts in (config, read_json(folder / layout.TOKENIZER_CONFIG))]
    values = [value for auto_map in maps for value in auto_map.values()]
    classes = [name for value in values for name in (value if isinstance(value, list) else [value]) if name]
    files: set[str] = set()
    # code of another repository (`owner/name--module.Class`) stays there
    for module in sorted({name.rpartition(".")[0] for name in classes if "--" not in name}):
        path = folder / f"{module}.py"
        try:
            files |= {path.name, *(Path(file).name for file in get_relative_import_files(path))}
        except OSError as error:
            problem = f"auto_map in {str(folder / layout.CONFIG)!r} needs {Path(str(error.filename)).name}"
            raise UserError(f"{problem}, which is not there; save the model again") from error
    return files


def onnx_files(folder: Path) -> tuple[str, ...]:
    """What `--with_onnx` wrote; none where it did not, for ONNX files of other people.
    Raises UserError: they were made of other weights than those of the folder.
    """
    if not (record := read_json(folder / layout.ONNX_EXPORT)):
        return ()
    if not (folder / layout.ONNX_MODEL).is_file() or record.get("model_digest") != layout.model_digest(folder):
        raise UserError(
            f"{str(folder / layout.ONNX_MODEL)!r} was made of other weights than those there now; "
            "make it again with --with_onnx, or remove the folder onnx"
        )
    return layout.ONNX_MODEL, layout.ONNX_EXPORT
