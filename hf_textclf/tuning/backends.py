"""What runs the trials of `Trainer.hyperparameter_search`: Optuna, one by one, or Ray Tune, side by side."""

import io
import logging
import math
import os
import shutil
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from .search_space import suggest
from .study import Direction, completed, judged
from .trials import THOUSANDTHS, SearchTrainer

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import JournalStorage

logger = logging.getLogger(__name__)
# from the middle of its training on, a trial is given up where it does worse than the others at that point, of which
# five must be there: for Optuna, than three quarters of them; for Ray, than the median of their running means. Earlier
# a trial shows little of its end, and the median of those that were not given up would spare hardly any other
MIDDLE, FEWEST_TRIALS, KEPT_PERCENT = THOUSANDTHS // 2, 5, 75


@dataclass(frozen=True)
class Search:
    """A search that is to have so many `trials`; `report` writes what is known after each and says it in a line."""

    trainer: SearchTrainer
    study: "Study"
    storage: "JournalStorage"
    direction: Direction
    trials: int
    seed: int
    report: Callable[[], str]

    def tell(self) -> None:
        """Write what is known and say it; after the last trial it is the result of the command."""
        line = self.report()
        if len(judged(self.study)) < self.trials:
            logger.info("%s", line)


def run_with_optuna(search: Search) -> None:
    """One trial after the other. What a trial chooses follows from the seed and the trials judged before it alone,
    so that a search that was stopped ends as it would have ended.
    """
    import optuna

    pruner = optuna.pruners.PercentilePruner(KEPT_PERCENT, n_startup_trials=FEWEST_TRIALS, n_warmup_steps=MIDDLE)
    while (done := len(judged(search.study))) < search.trials:
        try:
            search.trainer.hyperparameter_search(
                backend="optuna",
                n_trials=1,
                compute_objective=itemgetter("objective"),
                direction=search.direction,
                study_name=search.study.study_name,
                storage=search.storage,
                load_if_exists=True,
                sampler=optuna.samplers.TPESampler(seed=search.seed + done),
                pruner=pruner,
            )
        except ValueError:
            # the Trainer asks for the best trial even where all have been given up so far
            if completed(search.study) or len(judged(search.study)) == done:
                raise
        search.tell()


def run_with_ray(search: Search) -> None:
    """Trials side by side, in processes that Ray starts on all cores or GPUs; Optuna chooses, in the same journal.

    Ray hands objects to its processes by cloudpickle; none of it is read here or left in the output folder. A trial
    that is given up counts as complete, with what it had.
    """
    # it would report its use to its makers, and start trials in folders where relative paths lead nowhere
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_CHDIR_TO_TRIAL_DIR": "0"}
    # the keyboard stops it as it stops everything
    os.environ |= {"TUNE_DISABLE_SIGINT_HANDLER": "1", "RAY_AIR_NEW_OUTPUT": "0"}
    import ray
    from optuna.samplers import TPESampler
    from ray.tune import Callback
    from ray.tune.schedulers import MedianStoppingRule
    from ray.tune.search.optuna import OptunaSearch

    class Report(Callback):
        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            search.tell()

    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
    done = len(judged(search.study))
    judge = {"metric": "objective", "mode": search.direction[:3]}
    scratch = Path(search.trainer.args.output_dir).resolve() / ".ray"
    try:
        # what Ray prints of the state of things, and its warning that processes may outlive a mistake: ours end here
        with redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            search.trainer.hyperparameter_search(
                backend="ray",
                n_trials=search.trials - done,
                # it is the searcher that chooses
                hp_space=lambda trial: {},
                compute_objective=itemgetter("objective"),
                direction=search.direction,
                search_alg=OptunaSearch(
                    partial(suggest, space=search.trainer.space),
                    sampler=TPESampler(seed=search.seed + done, constant_liar=True),
                    study_name=search.study.study_name,
                    storage=search.storage,
                    **judge,
                ),
                scheduler=MedianStoppingRule(
                    time_attr="thousandths",
                    grace_period=MIDDLE,
                    min_samples_required=FEWEST_TRIALS,
                    # or it would pause trials, which start anew afterwards
                    min_time_slice=math.inf,
                    **judge,
                ),
                storage_path=str(scratch),
                callbacks=[Report()],
                fail_fast="raise",
                verbose=0,
            )
    except UserError as error:
        # Ray's copy has the traceback in its text
        raise UserError(str(getattr(error, "cause", error))) from None
    except (AttributeError, KeyError):
        # the Trainer asks for the best trial even where all have been given up
        if completed(search.study):
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
