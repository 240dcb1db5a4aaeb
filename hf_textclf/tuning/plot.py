"""The plot of a search: how the best figure grew, and where in the space the good trials lie."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .space import legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from optuna import Study
    from optuna.trial import FrozenTrial

COLUMNS = 4
# the names of choices that fit under a panel side by side; the free share on either side of a range
MOST_LETTERS, MARGIN = 22, 0.06
DONE, PRUNED, BEST = "tab:blue", "0.6", "tab:orange"


def plot_trials(study: "Study", *, metric: str) -> "Figure":
    """Draw the value of each trial over its number, and over each key of the search space.

    metric: the name of the value.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
    from optuna.study import StudyDirection
    from optuna.trial import TrialState

    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.value is not None]
    best = study.best_trial
    keys = list(best.params)
    rows = -(-len(keys) // COLUMNS)
    figure = Figure(figsize=(13, 3 + 2.6 * rows), layout="constrained", dpi=120)
    grid = figure.add_gridspec(rows + 1, COLUMNS)
    top = figure.add_subplot(grid[0, :])
    done = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    better = np.maximum if study.direction == StudyDirection.MAXIMIZE else np.minimum
    _points(top, [trial.number for trial in trials], trials, best)
    numbers, values = [trial.number for trial in done], [trial.value for trial in done]
    top.step(numbers, better.accumulate(values), where="post", color=BEST, label="best so far")
    top.set(xlabel="trial", ylabel=metric, title=f"{metric} {best.value:.4f} in trial {best.number}")
    top.xaxis.set_major_locator(MaxNLocator(integer=True))
    top.legend(loc="best", fontsize="small")
    for place, key in enumerate(keys):
        axes = figure.add_subplot(grid[1 + place // COLUMNS, place % COLUMNS], sharey=top)
        axes.set_xlabel(key)
        if place % COLUMNS == 0:
            axes.set_ylabel(metric)
        _over_key(axes, key, trials, best)
    return figure


def _over_key(axes: "Axes", key: str, trials: list["FrozenTrial"], best: "FrozenTrial") -> None:
    """A scatter over the whole range of one key; choices stand side by side in the order of the search space."""
    from matplotlib.ticker import MaxNLocator
    from optuna.distributions import CategoricalDistribution, IntDistribution

    kind: Any = best.distributions[key]
    values = [legible(trial.params)[key] for trial in trials]
    if isinstance(kind, CategoricalDistribution):
        names = [str(choice) for choice in kind.choices]
        slant: dict[str, Any] = {"rotation": 20, "ha": "right"} if len("".join(names)) > MOST_LETTERS else {}
        axes.set_xticks(range(len(names)), names, **slant)
        axes.set_xlim(-0.5, len(names) - 0.5)
        values = [kind.choices.index(value) for value in values]
    elif kind.log:
        margin = (kind.high / kind.low) ** MARGIN
        axes.set(xscale="log", xlim=(kind.low / margin, kind.high * margin))
    else:
        margin = (kind.high - kind.low) * MARGIN
        axes.set_xlim(kind.low - margin, kind.high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=isinstance(kind, IntDistribution)))
    _points(axes, values, trials, best)


def _points(axes: "Axes", values: list[float], trials: list["FrozenTrial"], best: "FrozenTrial") -> None:
    from optuna.trial import TrialState

    for state, marker, color, label in (
        (TrialState.PRUNED, "x", PRUNED, "given up"),
        (TrialState.COMPLETE, "o", DONE, "complete"),
    ):
        chosen = [(value, trial.value) for value, trial in zip(values, trials, strict=True) if trial.state == state]
        if chosen:
            places, heights = zip(*chosen, strict=True)
            axes.scatter(places, heights, marker=marker, color=color, s=28, alpha=0.8, label=label)
    place = next(value for value, trial in zip(values, trials, strict=True) if trial.number == best.number)
    axes.scatter([place], [best.value], s=110, facecolors="none", edgecolors=BEST, linewidths=2, label="best")
