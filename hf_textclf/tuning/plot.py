"""The picture of a search: how the best figure grew, and where in the search space the good trials lie."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from ..plots.canvas import canvas, colour

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

COLUMNS = 4
# the names of choices that fit under a panel side by side; the free share on either side of a range; the ratio of its
# ends from which on powers of ten suffice
MOST_LETTERS, MARGIN, WIDE = 22, 0.06, 100


def plot_trials(path: Path, study: "Study", *, metric: str) -> None:
    """Draw the value of each trial over its number, and over each key of the search space.

    metric: the name of the value.
    """
    best = study.best_trial
    names = [str(choice) for kind in best.distributions.values() for choice in getattr(kind, "choices", ())]
    with canvas(f"{metric} {best.value:.4f} in trial {best.number}", names) as page:
        page.save(draw_trials(study, metric=metric, written=page.written), path)


def draw_trials(study: "Study", *, metric: str, written: dict[str, str]) -> Figure:
    """The figure: one wide panel over a grid of small ones. written: how to write the name of a choice."""
    from optuna.study import StudyDirection
    from optuna.trial import TrialState

    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.value is not None]
    best = study.best_trial
    keys = list(best.params)
    down = -(-len(keys) // COLUMNS)
    figure = Figure(figsize=(13, 3 + 2.6 * down), layout="constrained")
    grid = figure.add_gridspec(down + 1, COLUMNS)
    top = figure.add_subplot(grid[0, :])
    _points(top, [trial.number for trial in trials], trials, best)
    done = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    better: Any = np.maximum if study.direction == StudyDirection.MAXIMIZE else np.minimum
    so_far = better.accumulate([trial.value for trial in done])
    top.step([trial.number for trial in done], so_far, where="post", color=colour(1), label="best so far")
    top.set(xlabel="trial", ylabel=metric)
    top.xaxis.set_major_locator(MaxNLocator(integer=True))
    top.legend(loc="best", fontsize="small")
    for place, key in enumerate(keys):
        axes = figure.add_subplot(grid[1 + place // COLUMNS, place % COLUMNS], sharey=top)
        axes.set(xlabel=key, ylabel="" if place % COLUMNS else metric)
        _over_key(axes, key, trials, best, written)
    return figure


def _over_key(axes: Axes, key: str, trials: list["FrozenTrial"], best: "FrozenTrial", written: dict[str, str]) -> None:
    """The values over the whole range of one key; choices stand side by side in the order of the search space."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    kind: Any = best.distributions[key]
    chosen = [trial.params[key] for trial in trials]
    if isinstance(kind, CategoricalDistribution):
        names = [written[str(choice)] for choice in kind.choices]
        slant: dict[str, Any] = {"rotation": 20, "ha": "right"} if len("".join(names)) > MOST_LETTERS else {}
        axes.set_xticks(range(len(names)), names, **slant)
        axes.set_xlim(-0.5, len(names) - 0.5)
        chosen = [kind.choices.index(value) for value in chosen]
    elif kind.log:
        margin = (kind.high / kind.low) ** MARGIN
        axes.set(xscale="log", xlim=(kind.low / margin, kind.high * margin))
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if kind.high / kind.low > WIDE else (1, 3)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        margin = (kind.high - kind.low) * MARGIN
        axes.set_xlim(kind.low - margin, kind.high + margin)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=isinstance(kind, IntDistribution)))
    _points(axes, chosen, trials, best)


def _points(axes: Axes, places: list[float], trials: list["FrozenTrial"], best: "FrozenTrial") -> None:
    """places: where on the x axis each trial stands."""
    from optuna.trial import TrialState

    values: dict[str, list[tuple[float, Any]]] = {"given up": [], "complete": []}
    for place, trial in zip(places, trials, strict=True):
        values["given up" if trial.state == TrialState.PRUNED else "complete"].append((place, trial.value))
        if trial.number == best.number:
            ring: dict[str, Any] = {"s": 110, "facecolors": "none", "edgecolors": colour(1), "linewidths": 2}
            axes.scatter([place], [trial.value], label="best", **ring)
    looks: dict[str, dict[str, Any]] = {
        "given up": {"marker": "x", "color": "0.6"},
        "complete": {"marker": "o", "color": colour(0)},
    }
    for label, look in looks.items():
        if values[label]:
            across, up = np.transpose(values[label])
            axes.scatter(across, up, s=28, label=label, **look)
