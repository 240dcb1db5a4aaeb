"""The search: Optuna's `study.optimize` over training runs. Workers that share an output folder share its trials."""

import logging
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback
from transformers.trainer_utils import SaveStrategy

from ..errors import Diverged, UserError
from ..files import find_config, read_yaml
from ..models.linear import KINDS
from ..models.lstm import LSTMConfig
from ..training import TrainRun, check, make_trainer, prepare, resolved_config
from ..training.trainer import run_trainer
from .report import write_report
from .search_space import read_space, suggest, with_values
from .study import THOUSANDTHS, check_folder, ended, open_study

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

logger = logging.getLogger(__name__)


@dataclass
class TuneArguments:
    """How long is searched, and where."""

    trials: int = field(default=20, metadata={"help": "Trials in all, those before an interruption included."})
    backend: str = field(
        default="optuna",
        metadata={"help": "optuna is the only one. For trials side by side, start the same command several times."},
    )
    search_space: str | None = field(
        default=None,
        metadata={"help": "YAML file of keys and the values to try, or a bundled one: lstm, bert (the default fits)."},
    )

    def __post_init__(self) -> None:
        if self.backend == "ray":
            raise UserError(
                "backend 'ray' is no longer supported; drop it, and start the same command once for each core or GPU: "
                "the searches of one output_dir share their trials"
            )
        if self.backend != "optuna":
            raise UserError(f"backend {self.backend!r}, expected 'optuna'; correct or drop --backend")


class Objective:
    """One trial: the run that `hf-textclf train` would make of its values, without saving.

    Data are prepared anew only where they differ from those of the trial before.
    """

    def __init__(self, base: TrainRun, space: dict[str, "BaseDistribution"]) -> None:
        self.base, self.space = base, space
        self.prepared_for: Any = None

    def __call__(self, trial: "Trial") -> float:
        """Train; return the best evaluation, which is the one that `train` keeps."""
        from optuna import TrialPruned

        run = with_values(self.base, suggest(trial, self.space))
        check(run)
        # the weights come from `hf-textclf train`
        run.training.save_strategy = SaveStrategy.NO
        reads = (run.data, run.model, getattr(run.new_model, "vocab_size", None))
        if self.prepared_for != reads:
            self.prepared_for, self.prepared = reads, prepare(run)
        trainer = make_trainer(run, *self.prepared)[0]
        reporter = Reporter(trial)
        trainer.add_callback(reporter)
        try:
            run_trainer(trainer, None)
            if not reporter.values:  # shorter than the steps between two evaluations
                trainer.evaluate()
        except Diverged as error:
            logger.warning("%s", error)
            raise TrialPruned from error
        finally:
            # or the accelerator's state, which all Trainers share, keeps the model
            trainer.accelerator.free_memory()
        return reporter.best


class Reporter(TrainerCallback):
    """Reports the best figure so far after each evaluation of a trial, and ends the trial where it is hopeless."""

    def __init__(self, trial: "Trial") -> None:
        self.trial = trial
        self.values: list[float] = []

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """Called by the Trainer; raises Optuna's TrialPruned."""
        from optuna import TrialPruned

        name = f"eval_{str(args.metric_for_best_model).removeprefix('eval_')}"
        if metrics is None or name not in metrics:
            return  # the Trainer itself will say which there are
        self.values.append(metrics[name])
        self.best = (max if args.greater_is_better else min)(self.values)
        self.trial.report(self.best, step=round(THOUSANDTHS * state.global_step / state.max_steps))
        if self.trial.should_prune():
            raise TrialPruned


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
    training, output = run.training, Path(str(run.training.output_dir))
    check_folder(output)
    source = "search space"
    if not isinstance(search_space, dict):
        # a new LSTM has sizes to search for, a model that starts from a checkpoint has none
        new = run.model.model_type == LSTMConfig.model_type and not (
            run.model.model_name_or_path or run.model.init_from
        )
        path = find_config(str(search_space or ("lstm" if new else "bert")), folder="configs/search")
        source, search_space = str(path), read_yaml(path)
    space = read_space(search_space, run, source=source)
    settings = {"config": resolved_config(run), "search space": search_space}
    direction = "maximize" if training.greater_is_better else "minimize"

    from optuna.study import MaxTrialsCallback
    from optuna.trial import TrialState

    def report(study: "Study", trial: "FrozenTrial") -> None:
        logger.info("%s", write_report(study, run))

    # what other workers are at counts, too
    counted = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    with open_study(output, direction=direction, settings=settings, seed=training.seed) as study:
        if len(study.get_trials(deepcopy=False, states=counted)) < trials:
            study.optimize(Objective(run, space), callbacks=[report, MaxTrialsCallback(trials, states=counted)])
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
        raise UserError(
            f"tune in {training.world_size} processes, expected one, which makes one trial after the other; "
            "start it without a launcher, and once more for each further worker"
        )
    if model.model_type in KINDS:
        raise UserError(
            f"model_type {model.model_type!r} is linear and knows no Trainer, expected a network; "
            "train it as it is, or name another model_type"
        )
    if model.one_vs_rest:
        raise UserError("one_vs_rest=true makes several networks, expected a run that trains one; drop --one_vs_rest")
    if not training.load_best_model_at_end:
        raise UserError(
            "load_best_model_at_end=false, but a trial is judged by its best evaluation; "
            "add --load_best_model_at_end true --eval_strategy epoch --save_strategy epoch"
        )
    check(run)
