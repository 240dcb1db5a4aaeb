"""The search space: a YAML file that names, for any key of a training run, the values to try.

learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
hidden_size: {low: 64, high: 256, step: 64}
pooling: {choices: [max, mean_max, attention]}
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from optuna import Trial
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ..arguments import Parser
from ..data import DataArguments
from ..errors import UserError
from ..training import TrainRun, check

# trials are compared: all of them are judged on the same texts, by the same figure
JUDGE = {item.name for item in fields(DataArguments)}
JUDGE |= {"metric_for_best_model", "greater_is_better", "load_best_model_at_end"}
# a loss that is weighed or smoothed otherwise is another figure
LOSS = {"class_weights", "label_smoothing_factor"}
NO_CHOICE = {"output_dir", "resume_from_checkpoint", "one_vs_rest", "trials", "backend", "search_space"}


def read_space(entries: dict[str, Any], base: TrainRun, *, source: str) -> dict[str, BaseDistribution]:
    """Check a search space; return for each key Optuna's distribution of its values.

    base: the run whose keys are searched. source: where the entries come from, for error messages.
    Raises UserError: a key that is unknown or that trials cannot differ in; a value that the key does not take; a
    range that is none.
    """
    metric = base.training.metric_for_best_model
    for key in entries:
        if key in NO_CHOICE:
            raise UserError(f"{key} ({source}) is no hyper-parameter; take it out of the search space")
        if key in JUDGE or key in LOSS and metric in ("loss", "eval_loss"):
            raise UserError(
                f"{key} ({source}) decides what the {metric} of a trial means, expected keys that leave trials "
                "comparable; take it out of the search space"
                + (" or choose another metric_for_best_model" if key in LOSS else "")
            )
    return {key: _distribution(key, entry, base, source) for key, entry in entries.items()}


def with_values(base: TrainRun, values: dict[str, Any]) -> TrainRun:
    """A copy of a run in which some keys have other values, checked as those of a command line. None changes nothing.
    Raises UserError: an unknown key, or a value that it does not take.
    """
    parts = vars(base).values()
    parser = Parser([type(part) for part in parts], prog="hf-textclf tune")
    before = {item.name: getattr(part, item.name) for part in parts for item in fields(part) if item.init}
    return TrainRun(*parser.build(before | parser.read(values, where="search space")))


def suggest(trial: Trial, space: dict[str, BaseDistribution]) -> dict[str, Any]:
    """Let a trial choose a value for each key."""
    methods: dict[type, Callable[..., Any]] = {
        CategoricalDistribution: trial.suggest_categorical,
        IntDistribution: trial.suggest_int,
        FloatDistribution: trial.suggest_float,
    }
    return rounded({key: methods[type(kind)](key, **vars(kind)) for key, kind in space.items()}, space)


def rounded(values: dict[str, Any], space: dict[str, BaseDistribution]) -> dict[str, Any]:
    """The values that a trial is run with: those of a range in four significant digits, which a person can copy."""
    return {
        key: float(f"{value:.4g}") if isinstance(space[key], FloatDistribution) else value
        for key, value in values.items()
    }


def _distribution(key: str, entry: Any, base: TrainRun, source: str) -> BaseDistribution:
    names = set(entry) if isinstance(entry, dict) else set()
    choices = entry["choices"] if names == {"choices"} else []
    plain = isinstance(choices, list) and all(item is None or isinstance(item, str | int | float) for item in choices)
    if not (choices and plain) and not {"low", "high"} <= names <= {"low", "high", "log", "step"}:
        raise UserError(
            f"{key}: {entry!r} in {source}, expected {{low: A, high: B}}, with log: true or step: C where wanted, or "
            "{choices: [A, B, …]}"
        )
    ends = choices or [entry["low"], entry["high"]]
    runs = [with_values(base, {key: end}) for end in ends]
    for run in runs:
        check(run)
    parts = ([part for part in vars(run).values() if hasattr(part, key)] for run in (base, *runs))
    own, *values = (getattr(part, key) for part, *_ in parts)
    if None in ends and own is not None:
        raise UserError(
            f"{key}: null in {source} means that the key is not set, but the config sets {own!r}; "
            "take it out of one of the two"
        )
    if choices:
        return CategoricalDistribution(choices)
    low, high = values
    if isinstance(low, bool) or not isinstance(low, int | float):
        raise UserError(f"{key}: {entry!r} in {source} is a range, but not of numbers; write {{choices: [A, B, …]}}")
    options = {name: entry[name] for name in names - {"low", "high"}}
    try:
        return (IntDistribution if isinstance(low, int) else FloatDistribution)(low, high, **options)
    except (ValueError, TypeError) as error:
        raise UserError(f"{key}: {entry!r} in {source} is no range ({error}); correct it") from error
