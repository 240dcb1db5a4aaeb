"""The search: Optuna's `study.optimize` over training runs. Workers that share an output folder share its trials."""

import logging
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arguments import option
from ..errors import UserError
from ..files import find_config, read_yaml
from ..models.linear import KINDS
from ..models.lstm import LSTMConfig
from ..training import TrainRun, check, resolved_config

if TYPE_CHECKING:
    from optuna import Study

logger = logging.getLogger(__name__)


@dataclass
class TuneArguments:
    """How long is searched, and where."""

    trials: int = option(20, "Trials in all, those before an interruption included.")
    backend: str = option(
        "optuna", "optuna is the only one. For trials side by side, start the same command several times."
    )
    search_space: str | None = option(
        None, "YAML file of keys and the values to try, or a bundled one: lstm, bert (the default fits)."
    )

    def __post_init__(self) -> None:
        if self.backend != "optuna":
            problem = "is no longer supported" if self.backend == "ray" else "is unknown, expected 'optuna'"
            raise UserError(
                f"backend {self.backend!r} {problem}; drop it, and start the same command once for each core or GPU: "
                "the searches of one output_dir share their trials"
            )


def tune(run: TrainRun, search_space: str | Path | dict[str, Any] | None = None, *, trials: int = 20) -> "Study":
    """Search for the values of some keys with which a run does best on validation.

    An interrupted search, called again, resumes and gives the same result. Called while it runs, also on another
    machine that has the same folder, it is one more worker. `best.yaml` and `trials.csv` are written into
    `run.training.output_dir` after each trial, `trials.png` at the end.

    Args:
        run: The keys that all trials have in common.
        search_space: For each key the values to try, as `search_space.py` describes; or a YAML file of them, or the
            name of a bundled one. The default fits the model.
        trials: How many in all, those of other workers and of before included.

    Returns the study, which holds `best_value`, `best_params` and all trials.

    Raises:
        UserError: whatever is wrong with arguments, data, search space or output folder, before anything is written;
            no trial was completed.
    """
    _check(run, trials)
    # optuna is an extra
    from optuna.study import MaxTrialsCallback
    from optuna.trial import TrialState

    from .report import write_report
    from .search_space import read_space
    from .study import Objective, ended, open_study

    source = "search space"
    if not isinstance(search_space, dict):
        # a new LSTM has sizes to search for, a model that starts from a checkpoint has none
        begun = run.model.model_name_or_path or run.model.init_from
        default = "bert" if begun or run.model.model_type != LSTMConfig.model_type else "lstm"
        path = find_config(str(search_space or default), folder="configs/search")
        source, search_space = str(path), read_yaml(path)
    objective = Objective(run, read_space(search_space, run, source=source))

    # what other workers are at counts, too
    counted = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    stop = MaxTrialsCallback(trials, states=counted)
    with open_study(run.training, {"config": resolved_config(run), "search space": search_space}) as study:
        if len(study.get_trials(deepcopy=False, states=counted)) < trials:
            study.optimize(objective, callbacks=[lambda study, _: logger.info("%s", write_report(study, run)), stop])
        line = write_report(study, run, picture=True)
        if not ended(study, pruned=False):
            raise UserError(f"{line}, expected one that trains; lower the learning_rate of the search space")
    return study


def _check(run: TrainRun, trials: int) -> None:
    """Refuse what a search cannot work with."""
    training, model = run.training, run.model
    if trials < 1:
        raise UserError(f"trials={trials}, expected 1 or more; correct --trials")
    if find_spec("optuna") is None:
        raise UserError("tune needs optuna, which is not installed; pip install 'hf-textclf[tune]'")
    if training.world_size > 1:
        problem = f"tune in {training.world_size} processes, expected one"
        raise UserError(f"{problem}; start it without a launcher, and once more for each further worker")
    if model.model_type in KINDS:
        raise UserError(
            f"model_type {model.model_type!r} is linear, expected a network; name another, or only train it"
        )
    if model.one_vs_rest:
        raise UserError("one_vs_rest=true makes several networks, expected a run that trains one; drop --one_vs_rest")
    if not training.load_best_model_at_end:
        raise UserError(
            "load_best_model_at_end=false, but a trial is judged by its best evaluation; "
            "add --load_best_model_at_end true --eval_strategy epoch --save_strategy epoch"
        )
    check(run)
