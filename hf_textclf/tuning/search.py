"""The search: `Trainer.hyperparameter_search`, over Optuna or Ray Tune."""

from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from ..arguments import Parser
from ..data import DataArguments
from ..errors import UserError
from ..files import find_config, read_yaml
from ..models.linear import KINDS
from ..models.lstm import LSTMConfig
from ..training import TrainRun, check, resolved_config
from ..training.arguments import ModelArguments, NewModelArguments
from ..training.trainer_arguments import TrainerArguments
from .backends import Search, run_with_optuna, run_with_ray
from .plot import plot_trials
from .report import write_report
from .search_space import read_space
from .study import Direction, check_folder, completed, judged, open_study
from .trials import SearchTrainer


@dataclass
class TuneArguments:
    """How long is searched, where and by what."""

    trials: int = field(default=20, metadata={"help": "Trials in all, those before an interruption included."})
    backend: Literal["optuna", "ray"] = field(
        default="optuna",
        metadata={"help": "optuna: one trial after the other; ray: one on each core or GPU of a machine or cluster."},
    )
    search_space: str | None = field(
        default=None,
        metadata={"help": "YAML file of keys and the values to try, or a bundled one: lstm, bert (the default fits)."},
    )

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise UserError(f"trials={self.trials}, expected 1 or more; correct --trials")


def parse(tokens: list[str], values: dict[str, Any] | None = None) -> tuple[TuneArguments, TrainRun]:
    """Read a command line, with the values that a trial has chosen on top."""
    kinds = [TuneArguments, DataArguments, ModelArguments, NewModelArguments, TrainerArguments]
    parser = Parser(kinds, prog="hf-textclf tune")
    parser.require("output_dir")
    arguments, *run = parser.parse(tokens, after=values)
    return arguments, TrainRun(*run)


def run_with(tokens: list[str], values: dict[str, Any]) -> TrainRun:
    """The run of a command line in which some keys have other values."""
    return parse(tokens, values)[1]


def tune(tokens: list[str]) -> tuple[Path, str]:
    """Search with the keys of a command line. `best.yaml` and `trials.csv` are written after each trial, `trials.png`
    at the end.

    Returns the folder and what was found, in words.

    Raises:
        UserError: whatever is wrong with arguments, data, search space or output folder, before anything is written;
            no trial that was not given up.
    """
    arguments, base = parse(tokens)
    training, output = base.training, Path(base.training.output_dir)
    check_folder(output)
    _check(arguments, base)
    again = partial(run_with, tokens)
    path = find_config(arguments.search_space or _default_space(base.model), folder="configs/search")
    space = read_space(path, base, again)

    trainer = SearchTrainer(base, space, again)
    direction: Direction = "maximize" if training.greater_is_better else "minimize"
    settings = {"config": resolved_config(base), "search space": read_yaml(path)}
    metric = training.metric_for_best_model
    with open_study(output, direction=direction, settings=settings) as (study, storage):
        report = partial(write_report, study, output, metric=metric, run_with=again)
        search = Search(trainer, study, storage, direction, arguments.trials, training.seed, report)
        if len(judged(study)) < arguments.trials:
            (run_with_ray if arguments.backend == "ray" else run_with_optuna)(search)
        found = report()
        if not completed(study):
            raise UserError(f"{found}, expected one that trains; lower the learning_rate of the search space")
        plot_trials(output / "trials.png", study, metric=metric)
    return output, found


def _default_space(model: ModelArguments) -> str:
    """What is there of a model to choose: all of a new LSTM, no size of one that starts from a checkpoint."""
    new = model.model_type == LSTMConfig.model_type and not (model.model_name_or_path or model.init_from)
    return "lstm" if new else "bert"


def _check(arguments: TuneArguments, base: TrainRun) -> None:
    """Refuse what a search cannot work with."""
    training = base.training
    for name in ("optuna", "ray") if arguments.backend == "ray" else ("optuna",):
        if find_spec(name) is None:
            extra = "ray" if name == "ray" else "tune"
            raise UserError(f"tune needs {name}, which is not installed; pip install 'hf-textclf[{extra}]'")
    if training.world_size > 1:
        raise UserError(
            f"tune in {training.world_size} processes, expected one, which makes one trial after the other; "
            "start it without a launcher, and add --backend ray for several trials at once"
        )
    if base.model.model_type in KINDS:
        raise UserError(
            f"model_type {base.model.model_type!r} is linear and knows no Trainer, expected a network; "
            "train it as it is, or name another model_type"
        )
    if base.model.one_vs_rest:
        raise UserError("one_vs_rest=true makes several networks, expected a run that trains one; drop --one_vs_rest")
    if not training.load_best_model_at_end:
        raise UserError(
            "load_best_model_at_end=false, but a trial is judged by its best evaluation; "
            "add --load_best_model_at_end true --eval_strategy epoch --save_strategy epoch"
        )
    check(base)
