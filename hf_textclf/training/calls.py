"""`hf_textclf.train` and `hf_textclf.evaluate`: the commands as calls from Python.

import hf_textclf

results = hf_textclf.train(dataset="reviews.csv", output_dir="my_model", num_train_epochs=5)
results = hf_textclf.evaluate("my_model", split="test")
"""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from ..arguments import Parser
from ..data import DataArguments
from ..errors import UserError
from ..evaluation.evaluate import EvaluationArguments
from ..evaluation.evaluate import evaluate as evaluate_folder
from ..files import find_config, read_yaml
from ..models.linear import KINDS
from ..provenance import HUB_ID
from ..saved_model.layout import read_run
from .arguments import ModelArguments, NewModelArguments
from .linear import LinearArguments, train_linear
from .train import TrainRun, train_one_vs_rest
from .train import train as train_network
from .trainer_arguments import TrainerArguments, stock_defaults

NETWORK = (DataArguments, ModelArguments, NewModelArguments, TrainerArguments)
LINEAR = (DataArguments, LinearArguments)
# the bundled config of a run that names none, by what it starts from
CONFIGS = {"model_name_or_path": "bert", "encoder_name_or_path": "frozen", "init_from": "lstm_pretrained"}


@dataclass(frozen=True)
class LinearRun:
    """Everything that decides a run of a linear model."""

    data: DataArguments
    arguments: LinearArguments


def train(
    *,
    dataset: str | PathLike[str] | None = None,
    output_dir: str | PathLike[str],
    config: str | None = None,
    **keys: Any,
) -> dict[str, Any]:
    """Train a classifier and save it into a new folder, as `hf-textclf train` does.

    dataset: Hub id, folder, file or samples/NAME; a config can name it too. output_dir: the new folder. config: YAML
    file of keys, or the name of a bundled one; by default the one that fits. keys: any further key of
    configs/REFERENCE.md.

    Returns what `eval_results.json` holds: the metrics on validation, among others.

    Raises:
        UserError: an unknown key, or whatever is wrong with values, data or output folder.
    """
    given = _paths(dataset=dataset, output_dir=output_dir, config=config) | keys
    return start(make_run(given, where="train()"))


def evaluate(
    folder: str | PathLike[str], *, dataset: str | PathLike[str] | None = None, split: str | None = None, **keys: Any
) -> dict[str, Any]:
    """Evaluate a saved folder or Hub id, as `hf-textclf evaluate` does.

    dataset: the data it was trained for where none is named. split: test if there is one, else validation. keys: any
    further key of configs/REFERENCE.md.

    Returns what `eval_results.json` holds.

    Raises:
        UserError: an unknown key, or whatever is wrong with values, model or data.
    """
    parser = Parser([DataArguments, EvaluationArguments], prog="hf-textclf evaluate")
    folder = str(_paths(folder=folder)["folder"])
    given = _paths(dataset=dataset) | {"split": split} | keys
    data, arguments = parser.make(given, recorded=recorded(folder), where="evaluate()")
    return evaluate_folder(folder, data, arguments)


def _paths(**given: Any) -> dict[str, Any]:
    """Keys that name files, folders or Hub ids.
    Raises UserError: a table or list in place of its name, for instance.
    """
    for key, value in given.items():
        if not isinstance(value, str | PathLike | None) or key == "folder" and value is None:
            remedy = "write the rows into a file, a csv for instance, and name it" if key == "dataset" else "name it"
            raise UserError(f"{key} is a {type(value).__name__}, expected a path or a Hub id; {remedy}")
    return given


def make_run(given: dict[str, Any], *, where: str = "command line") -> TrainRun | LinearRun:
    """What is trained with some keys: a network, or a linear model where `model_type` is one.

    given: values by key, `config` among them. where: where they were named.

    Raises:
        UserError: as `Parser.make`.
    """
    given, kinds = settle(given)
    prog = "hf-textclf train --model_type maxent" if kinds == LINEAR else "hf-textclf train"
    parser = Parser(kinds, prog=prog, required=["output_dir"])
    parts = parser.make(given, recorded=stock_defaults(given.get("config")), where=where)
    return (LinearRun if kinds == LINEAR else TrainRun)(*parts)


def settle(given: dict[str, Any]) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """The keys with the bundled config that fits, where they name none, and the dataclasses that they belong to."""
    given = {key: value for key, value in given.items() if value is not None}
    linear = given.get("model_type") in KINDS
    if "config" not in given and not linear:
        given["config"] = next((name for key, name in CONFIGS.items() if key in given), "lstm")
    if "model_type" not in given:
        linear = read_yaml(find_config(given["config"])).get("model_type") in KINDS
    return given, LINEAR if linear else NETWORK


def start(run: TrainRun | LinearRun) -> dict[str, Any]:
    """Train what a run asks for, and return what `eval_results.json` holds."""
    if isinstance(run, LinearRun):
        return train_linear(run.data, run.arguments)
    return train_one_vs_rest(run) if run.model.one_vs_rest else train_network(run)


def recorded(folder: str) -> dict[str, Any]:
    """The keys of the run that a folder came from.

    Raises:
        UserError: there is no such folder, and no model of the Hub has such a name.
    """
    if not HUB_ID.fullmatch(folder) and not Path(folder).exists():
        raise UserError(f"{folder!r} is no folder here, expected a trained model; correct its path")
    return read_run(Path(folder))
