"""What a search leaves: the best settings as a config, all trials as a table, and Optuna's pictures of them."""

import os
import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import yaml
from filelock import FileLock
from matplotlib import image, pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from optuna import Study
from optuna.visualization import matplotlib as plots

from ..data import write_rows
from ..files import write_text
from ..plots.canvas import canvas
from ..training import TrainRun, resolved_config
from .search_space import rounded, with_values
from .study import ended

COLUMNS = 4


def write_report(study: Study, run: TrainRun, *, picture: bool = False) -> str:
    """Write `trials.csv` and, as soon as a trial is complete, `best.yaml` into the output folder of a run; return a
    line on the best.

    picture: write `trials.png`, too.
    """
    output, metric = Path(str(run.training.output_dir)), str(run.training.metric_for_best_model)
    line = summary(study, metric=metric)
    # workers end trials at the same time
    lock = FileLock(output / ".report.lock")
    with lock:
        trials = study.get_trials(deepcopy=False)
        chosen = {trial.number: rounded(trial.params, trial.distributions) for trial in trials}
        keys = dict.fromkeys(key for values in chosen.values() for key in values)
        rows: list[dict[str, Any]] = []
        for trial in trials:
            seconds = round(trial.duration.total_seconds(), 1) if trial.duration else None
            rows.append({"trial": trial.number, "state": trial.state.name.lower(), "value": trial.value})
            rows[-1] |= {"evaluations": len(trial.intermediate_values), "seconds": seconds}
            rows[-1] |= {key: chosen[trial.number].get(key) for key in keys}
        write_rows(output / "trials.csv", rows)
        if ended(study, pruned=False):
            best = with_values(run, rounded(study.best_params, study.best_trial.distributions))
            text = yaml.safe_dump(resolved_config(best), allow_unicode=True, sort_keys=False)
            write_text(output / "best.yaml", f"# The {line}.\n{text}")
            if picture:
                plot_trials(output / "trials.png", study, metric=metric)
        Path(lock.lock_file).unlink()
    return line


def summary(study: Study, *, metric: str) -> str:
    """A line on the best trial. metric: the name of what trials are judged by."""
    count = len(ended(study))
    if not ended(study, pruned=False):
        return f"{count} trials, all of them given up"
    best = study.best_trial
    values = ", ".join(f"{key} {value}" for key, value in rounded(best.params, best.distributions).items())
    return f"best of {count} trials: {metric} {best.value:.4f} on validation, in trial {best.number}: {values}"


def plot_trials(path: Path, study: Study, *, metric: str) -> None:
    """Optuna's pictures in one: the value of each trial, how much each key matters, and the value over each key."""
    best = study.best_trial
    keys = list(best.params)
    choices = [str(choice) for kind in best.distributions.values() for choice in getattr(kind, "choices", ())]
    # of pictures: (height, width, 4)
    rows: list[list[np.ndarray]] = [[]]

    def keep() -> None:
        drawn = FigureCanvasAgg(pyplot.gcf())
        drawn.draw()
        rows[-1].append(np.asarray(drawn.buffer_rgba()))
        pyplot.close(drawn.figure)

    with canvas(f"{metric} {best.value:.4f} in trial {best.number}", choices) as page, warnings.catch_warnings():
        # these functions are called experimental, and warn where all trials agree
        warnings.simplefilter("ignore")
        # two panels of this size, or four of half its width, fill a row
        matplotlib.rcParams |= {"figure.figsize": (6.5, 4), "figure.dpi": 150, "figure.constrained_layout.use": True}
        axes = plots.plot_optimization_history(study, target_name=metric)
        axes.set_title(page.title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        keep()
        if len(ended(study, pruned=False)) > 1:
            plots.plot_param_importances(study, target_name=metric)
            keep()
        for start in range(0, len(keys), COLUMNS):
            plots.plot_slice(study, params=keys[start : start + COLUMNS], target_name=metric)
            for axes in pyplot.gcf().axes:
                if axes.get_xscale() == "log":
                    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
                    axes.xaxis.set_major_formatter("{x:g}")
                    axes.xaxis.set_minor_formatter(NullFormatter())
                # choices, which would run into each other; Optuna writes words in quotes
                names = [text.get_text().strip("'") for text in axes.get_xticklabels()]
                if not page.written.keys().isdisjoint(names):
                    names = [page.written.get(name, name) for name in names]
                    axes.set_xticks(axes.get_xticks(), names, rotation=20, ha="right")
            rows.append([])
            keep()
    joined = [np.concatenate(row, axis=1) for row in rows]
    width = max(row.shape[1] for row in joined)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in joined]
    partial = path.with_name(f".{path.name}.partial")
    image.imsave(partial, np.concatenate(padded), format="png", dpi=150)
    os.replace(partial, path)
