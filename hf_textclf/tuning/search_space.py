"""The search space: a YAML file that names, for any key of a training run, the values to try.

learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
hidden_size: {low: 64, high: 256, step: 64}
pooling: {choices: [max, mean_max, attention]}
"""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data import DataArguments
from ..errors import UserError
from ..files import read_yaml
from ..training import TrainRun, check

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

# trials are compared: all of them are judged on the same texts, by the same figure
JUDGE = {item.name for item in fields(DataArguments)}
JUDGE |= {"metric_for_best_model", "greater_is_better", "load_best_model_at_end"}
# a loss that is weighed or smoothed otherwise is another figure
LOSS = {"class_weights", "label_smoothing_factor"}
NO_CHOICE = {"output_dir", "resume_from_checkpoint", "one_vs_rest", "trials", "backend", "search_space"}


def read_space(
    path: Path, base: TrainRun, run_with: Callable[[dict[str, Any]], TrainRun]
) -> dict[str, "BaseDistribution"]:
    """Read a search space: for each key Optuna's distribution of its values.

    base: the run without any choice; run_with: the same run with other values of some keys.

    Raises:
        UserError: a key that is unknown or that trials cannot differ in; a value that the key does not take; a range
            that is none.
    """
    space = {}
    for key, entry in read_yaml(path).items():
        _check_key(key, base, path)
        space[key] = _distribution(key, entry, base, run_with, path)
    return space


def suggest(trial: "Trial", space: dict[str, "BaseDistribution"]) -> dict[str, Any]:
    """Let a trial choose a value for each key."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    values: dict[str, Any] = {}
    for key, kind in space.items():
        if isinstance(kind, CategoricalDistribution):
            values[key] = trial.suggest_categorical(key, kind.choices)
        elif isinstance(kind, IntDistribution):
            values[key] = trial.suggest_int(key, kind.low, kind.high, step=kind.step, log=kind.log)
        elif isinstance(kind, FloatDistribution):
            values[key] = trial.suggest_float(key, kind.low, kind.high, step=kind.step, log=kind.log)
    return values


def legible(values: dict[str, Any], space: dict[str, "BaseDistribution"]) -> dict[str, Any]:
    """The values that a trial is run with: those of a range in four significant digits, which a person can copy."""
    from optuna.distributions import FloatDistribution

    return {
        key: float(f"{value:.4g}") if isinstance(space[key], FloatDistribution) else value
        for key, value in values.items()
    }


def setting(run: TrainRun, key: str) -> Any:
    """The value of a key in a run."""
    parts = (run.data, run.model, run.new_model, run.training)
    return next(getattr(part, key) for part in parts if hasattr(part, key))


def _check_key(key: str, base: TrainRun, path: Path) -> None:
    """Refuse what trials must have in common."""
    metric = base.training.metric_for_best_model
    if key in NO_CHOICE:
        raise UserError(f"{key} ({path}) is no hyper-parameter; take it out of the search space")
    if key in JUDGE or key in LOSS and metric in ("loss", "eval_loss"):
        raise UserError(
            f"{key} ({path}) decides what the {metric} of a trial means, expected keys that leave trials comparable; "
            "take it out of the search space" + (" or choose another metric_for_best_model" if key in LOSS else "")
        )


def _distribution(
    key: str, entry: Any, base: TrainRun, run_with: Callable[[dict[str, Any]], TrainRun], path: Path
) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    names = set(entry) if isinstance(entry, dict) else set()
    choices = entry["choices"] if names == {"choices"} else []
    plain = isinstance(choices, list) and all(item is None or isinstance(item, str | int | float) for item in choices)
    if not (choices and plain) and not {"low", "high"} <= names <= {"low", "high", "log", "step"}:
        raise UserError(
            f"{key}: {entry!r} in {path}, expected {{low: A, high: B}}, with log: true or step: C where wanted, or "
            "{choices: [A, B, …]}"
        )
    ends = choices or [entry["low"], entry["high"]]
    runs = [run_with({key: end}) for end in ends]
    for run in runs:
        check(run)
    if None in ends and setting(base, key) is not None:
        raise UserError(
            f"{key}: null in {path} means that the key is not set, but the config sets {setting(base, key)!r}; "
            "take it out of one of the two"
        )
    if choices:
        return CategoricalDistribution(choices)
    low, high = (setting(run, key) for run in runs)
    if isinstance(low, bool) or not isinstance(low, int | float):
        raise UserError(f"{key}: {entry!r} in {path} is a range, but {key} is no number; write {{choices: [A, B, …]}}")
    options = {name: entry[name] for name in names - {"low", "high"}}
    try:
        return (IntDistribution if isinstance(low, int) else FloatDistribution)(low, high, **options)
    except (ValueError, TypeError) as error:
        raise UserError(f"{key}: {entry!r} in {path} is no range ({error}); correct it") from error
