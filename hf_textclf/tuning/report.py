"""What a search leaves beside its picture: the best settings as a config, and all trials as a table."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..data import write_rows
from ..files import write_text
from ..training import TrainRun, resolved_config
from .search_space import legible
from .study import completed, judged

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

BEST, TABLE = "best.yaml", "trials.csv"


def write_report(study: "Study", output: Path, *, metric: str, run_with: Callable[[dict[str, Any]], TrainRun]) -> str:
    """Write `trials.csv` and, as soon as a trial is complete, `best.yaml`; return a line on the best.

    metric: the name of what trials are judged by. run_with: the run of a trial, given its values.
    """
    write_rows(output / TABLE, (_row(trial) for trial in study.get_trials(deepcopy=False)))
    count = len(judged(study))
    if not completed(study):
        return f"{count} trials, all of them given up"
    best = study.best_trial
    values = legible(best.params, best.distributions)
    line = f"best of {count} trials: {metric} {best.value:.4f} on validation, in trial {best.number}"
    text = yaml.safe_dump(resolved_config(run_with(values)), allow_unicode=True, sort_keys=False)
    write_text(output / BEST, f"# The {line}.\n{text}")
    return f"{line}: " + ", ".join(f"{key} {value}" for key, value in values.items())


def _row(trial: "FrozenTrial") -> dict[str, Any]:
    return {
        "trial": trial.number,
        "state": trial.state.name.lower(),
        "value": trial.value,
        "evaluations": len(trial.intermediate_values),
        "seconds": round(trial.duration.total_seconds(), 1) if trial.duration else None,
    } | legible(trial.params, trial.distributions)
