"""What the files of a saved folder say, brought together; nothing here is computed anew."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from ..errors import UserError
from ..files import read_json
from ..provenance import hub_id, public_name
from . import layout

# keys of a run that name data or checkpoints
PLACES = {"dataset", "embeddings_from", "init_from"}
PLACES |= {"encoder_name_or_path", "model_name_or_path", "tokenizer_name_or_path"}
# a tokenizer without a limit has this or more
NO_LIMIT = 1e9


@dataclass(frozen=True)
class Facts:
    """What a card can be made from.

    config, tokenizer: config.json and tokenizer_config.json. run: the resolved configuration, without paths of a
    machine. results: eval_results.json. evaluations: what is known of each split the model was evaluated on, train
    first and test last, other data sets after all splits of the run's own. measured: costs. history:
    trainer_state.json. pictures: file name -> what it shows.
    """

    folder: Path
    name: str
    config: dict[str, Any]
    tokenizer: dict[str, Any]
    run: dict[str, Any]
    results: dict[str, Any]
    evaluations: list[dict[str, Any]]
    measured: dict[str, Any]
    history: dict[str, Any]
    pictures: dict[str, str]

    @property
    def is_language_model(self) -> bool:
        """Whether it predicts tokens in place of labels."""
        return str(self.config.get("architectures", [""])[0]).endswith("ForCausalLM")

    @property
    def problem_type(self) -> str:
        """As in config.json; classes where a foreign checkpoint does not say."""
        return self.config.get("problem_type") or "single_label_classification"

    @property
    def label_names(self) -> list[str]:
        """In id order."""
        names = self.config.get("id2label", {})
        return [names[number] for number in sorted(names, key=int)]

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

    @property
    def max_length(self) -> int | None:
        """Tokens that the tokenizer cuts at."""
        limit = self.tokenizer.get("model_max_length")
        return int(limit) if limit and limit < NO_LIMIT else None

    @property
    def headline(self) -> dict[str, Any]:
        """The last of the run's own splits: test, where the model was evaluated on it."""
        own = [each for each in self.evaluations if each["dataset"] == self.evaluations[0]["dataset"]]
        return own[-1] if own else {}


def read_facts(folder: Path, *, name: str) -> Facts:
    """Read the files of a folder.

    Raises:
        UserError: it holds no model of Transformers, or a file that is no JSON.
    """
    config = read_json(folder / layout.CONFIG)
    if "model_type" not in config:
        raise UserError(f"{str(folder)!r} holds no model with a config.json, expected one to describe; correct it")
    run, results = public_run(folder), read_json(folder / layout.EVAL_RESULTS)
    later, _ = measured_later(folder)
    measured = later.pop(layout.MEASURED, {})
    pictures = {layout.LEARNING_CURVE: "loss over the epochs"}
    if "calibration" in results:
        pictures[layout.RELIABILITY_DIAGRAM] = "reliability before and after calibration"
    if measured:
        pictures |= {f"{measured['split']}_{file}": caption for file, caption in layout.PICTURES.items()}
    # one entry for each data set and split, of all that was measured on it
    evaluations: dict[tuple[str, str, int], dict[str, Any]] = {}
    own = run.get("dataset", "unknown data")
    for result in (results, *later.values(), measured):
        if "metrics" in result:
            dataset = public_name(result.get("dataset", own))
            key = (dataset, result["split"], result["rows"])
            evaluations[key] = evaluations.get(key, {}) | result | {"dataset": dataset}
    return Facts(
        folder,
        name,
        config,
        read_json(folder / layout.TOKENIZER_CONFIG),
        run,
        results,
        sorted(evaluations.values(), key=lambda entry: (entry["dataset"] != own, layout.SPLITS.index(entry["split"]))),
        measured,
        read_json(folder / layout.TRAINER_STATE),
        {file: caption for file, caption in pictures.items() if (folder / file).is_file()},
    )


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


def measured_later(folder: Path) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What was measured after training, by the name of its file or folder; and the names of what was measured of
    weights that are no longer there. The weights, which may be large, are read once at most."""
    paths = {path.parent.name: path for path in sorted(folder.glob(f"{layout.EVALUATIONS}*/{layout.EVAL_RESULTS}"))}
    paths[layout.MEASURED] = folder / layout.MEASURED
    measured = {name: results for name, path in paths.items() if (results := read_json(path))}
    digest = layout.model_digest(folder) if measured else None
    valid = {name: results for name, results in measured.items() if results.get("model_digest") == digest}
    return valid, [name for name in measured if name not in valid]
