"""The picture that a card draws itself, from what the Trainer logged."""

from pathlib import Path
from typing import Any

from ..files import read_json
from ..saved_model.layout import LEARNING_CURVE, TRAINER_STATE

# beside the loss, the first of these that was measured during training
METRICS = ("macro_f1", "mae")


def draw_learning_curve(folder: Path, *, name: str) -> None:
    """Draw `learning_curve.png` where the run logged its loss at two points at least.

    name: of the model, for the title.
    """
    history = read_json(folder / TRAINER_STATE)
    log = history.get("log_history", [])
    graphs = {"loss": {"train": curve_of(log, "loss"), "validation": curve_of(log, "eval_loss")}}
    graphs |= {metric: {"validation": curve_of(log, f"eval_{metric}")} for metric in METRICS}
    shown = {
        quantity: there
        for quantity, curves in graphs.items()
        if (there := {split: curve for split, curve in curves.items() if len(curve[0]) > 1})
    }
    if not shown:
        return
    # here, so that nobody else waits for matplotlib
    from ..plots import plot_learning

    best = [entry["epoch"] for entry in log if entry.get("step") == history.get("best_global_step")]
    plot_learning(folder / LEARNING_CURVE, shown, title=name, best=best[0] if best else None)


def curve_of(log: list[dict[str, Any]], key: str) -> tuple[list[float], list[float]]:
    """Epochs and values of everything logged under a name.

    Of an epoch the first: after the last one, the best weights may have been evaluated once more.
    """
    points: dict[float, float] = {}
    for entry in log:
        if key in entry:
            points.setdefault(entry["epoch"], entry[key])
    return list(points), list(points.values())
