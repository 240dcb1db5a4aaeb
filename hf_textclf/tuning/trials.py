"""One trial of a search: a training run like any other, whose evaluations the search is told of."""

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import SaveStrategy

from ..errors import Diverged, UserError
from ..training import TrainRun, check, make_trainer, prepare
from ..training.trainer import GroupedTrainer, run_trainer
from .search_space import legible, suggest

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

logger = logging.getLogger(__name__)
THOUSANDTHS = 1000


class SearchTrainer(Trainer):
    """The stock Trainer whose search makes of each trial a training run of its own.

    The stock search sets what a trial chose as attributes of one Trainer's arguments, which reaches no tokenizer, loss
    or callback, and a seed one trial late. Here a trial is the same run that `hf-textclf train` would make of its
    values, with one more callback, which tells the search of each evaluation.
    """

    def __init__(
        self,
        base: TrainRun,
        space: dict[str, "BaseDistribution"],
        run_with: Callable[[dict[str, Any]], TrainRun],
    ) -> None:
        self.space, self.run_with = space, run_with
        self.prepared_for: Any = None
        arguments = TrainingArguments(
            output_dir=base.training.output_dir, use_cpu=base.training.use_cpu, report_to="none", disable_tqdm=True
        )
        super().__init__(args=arguments, model_init=lambda: self.trainer_of(base).model)
        # what Ray's schedulers ask for
        self.args.eval_strategy, self.args.do_eval = base.training.eval_strategy, True
        # a trial has its own; this one was the proof that the run without any choice can be made
        self.model = self.model_wrapped = self.callback_handler.model = None

    def __getstate__(self) -> dict[str, Any]:
        """What travels to Ray's processes: not the accelerator, which knows the data of all Trainers of this one."""
        return {name: value for name, value in vars(self).items() if name not in ("accelerator", "gather_function")}

    def trainer_of(self, run: TrainRun) -> GroupedTrainer:
        """The Trainer of a run, whose data are prepared anew only where they differ from those of the run before."""
        reads = (run.data, run.model, getattr(run.new_model, "vocab_size", None))
        if self.prepared_for != reads:
            self.prepared_for, self.prepared = reads, prepare(run)
        return make_trainer(run, *self.prepared)[0]

    def train(
        self,
        resume_from_checkpoint: str | bool | None = None,
        trial: "Trial | dict[str, Any] | None" = None,
        ignore_keys_for_eval: list[str] | None = None,
    ) -> None:
        """Called by the search for each trial: Optuna's, which chooses here, or Ray's, which has chosen."""
        mistake = None
        try:
            self._train(trial)
        except Diverged as error:
            logger.warning("%s", error)
            if not isinstance(trial, dict):
                from optuna import TrialPruned

                raise TrialPruned from error
            # without a report, Ray's trial has no value; None would make the Trainer evaluate
            self.objective = math.nan
        except UserError as error:
            mistake = str(error)
        if mistake:
            # alone: Ray cannot carry every exception that a mistake comes from
            raise UserError(mistake)

    def _train(self, trial: Any) -> None:
        values = trial if isinstance(trial, dict) else suggest(trial, self.space)
        run = self.run_with(legible(values, self.space))
        check(run)
        # the best evaluation is what counts; its weights come from `hf-textclf train`
        run.training.save_strategy = SaveStrategy.NO
        trainer = self.trainer_of(run)
        trainer.add_callback(Judge(self, trial))
        try:
            run_trainer(trainer, None)
        finally:
            trainer.accelerator.free_memory()


class Judge(TrainerCallback):
    """Tells the search after each evaluation of a trial the best figure so far, which is the one that `train` keeps.

    It says when in thousandths of the training: trials of different batch sizes have no step in common.
    """

    def __init__(self, search: SearchTrainer, trial: Any) -> None:
        self.search, self.trial = search, trial
        self.values: list[float] = []

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Called by the Trainer; raises Optuna's TrialPruned where the trial is hopeless."""
        name = f"eval_{str(args.metric_for_best_model).removeprefix('eval_')}"
        if metrics is None or name not in metrics:
            return  # the Trainer itself will say which there are
        self.values.append(metrics[name])
        best = (max if args.greater_is_better else min)(self.values)
        done = round(THOUSANDTHS * state.global_step / state.max_steps)
        self.search._report_to_hp_search(self.trial, done, {"objective": best, "thousandths": done})
