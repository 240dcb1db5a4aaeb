"""The picture of gates over a text: how open they are on average, and every unit by itself."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from ..errors import UserError
from ..inference import Classifier
from ..plots.canvas import canvas
from ..tokenization import encode
from .gates import GATES, DirectionGates, read_gates

# colours of Okabe and Ito, which colour-blind eyes tell apart too, and another stroke for each
LINES = {"input": ("#E69F00", "-"), "forget": ("#0072B2", "--"), "output": ("#009E73", "-.")}
SIZES = {"candidate": ("#CC79A7", "-"), "cell": ("#000000", "--")}
# heat maps from top to bottom
MAPS = ("input", "forget", "output", "candidate", "cell")


@dataclass
class GatesArguments:
    """Which text is looked at, and where in the model."""

    text: str = field(metadata={"help": "The text that is read."})
    layer: int | None = field(default=None, metadata={"help": "Layer to show, counted from 1; the last."})
    revision: str = field(default="main", metadata={"help": "Commit, tag or branch of a Hub model."})


def draw_gates(folder: str, image: str, arguments: GatesArguments) -> int:
    """Draw the gates of one layer over one text into a new picture, and return the number of tokens.

    Raises:
        UserError: no saved LSTM, a layer that it has not, a text without tokens, or a picture that cannot be written.
    """
    path = Path(image)
    if path.suffix.lower() != ".png":
        raise UserError(f"image {image!r}, expected a name that ends in .png; rename it")
    if path.exists() or not path.parent.is_dir():
        raise UserError(f"image {image!r}: expected a new file in a folder that exists; choose another name")
    classifier = Classifier(folder, revision=arguments.revision, device="cpu")
    network = classifier.predictor.network
    if network is None:
        kind = type(classifier.predictor).__name__
        raise UserError(f"{folder!r} is a {kind}, expected one saved LSTM; name another folder")
    [token_ids] = encode(network.tokenizer, [arguments.text])["input_ids"]
    if not token_ids:
        raise UserError(f"text {arguments.text!r} has no tokens, expected a word or more; correct --text")
    readings = read_gates(network.model, torch.tensor([token_ids]))
    last = readings[-1].layer
    layer = last if arguments.layer is None else arguments.layer
    if not 1 <= layer <= last:
        raise UserError(f"layer={layer} is not there, expected 1 to {last}; correct --layer")
    [prediction] = classifier([arguments.text])
    label = prediction.label if isinstance(prediction.label, str) else ", ".join(prediction.label) or "no label"
    # decoded one by one: pieces of words and of bytes as a reader knows them
    tokens = [network.tokenizer.decode([token_id]).strip() for token_id in token_ids]
    chosen = [reading for reading in readings if reading.layer == layer]
    save_figure(path, tokens, chosen, title=f"{label} ({prediction.score:.2f}) · layer {layer} of {last}")
    return len(tokens)


def save_figure(path: Path, tokens: list[str], readings: Sequence[DirectionGates], *, title: str) -> None:
    """Draw readings of one text, a column for each, and write the picture whole or not at all.

    readings: batches of one text, as long as `tokens`. In each column the units are sorted by their mean forget gate,
    those that remember longest on top.
    """
    with canvas(title, tokens) as page:
        width = min(max(0.25 * len(tokens), 4), 20)  # inches
        figure = Figure(figsize=(width * len(readings) + 2, 9), layout="constrained")
        heights = [1.3, 1.0] + [1.2] * len(MAPS)
        panels = figure.subplots(len(heights), len(readings), sharex=True, squeeze=False, height_ratios=heights)
        # a few units may count up without end, beside which nothing else would show
        bound = max(float(reading.cells.abs().quantile(0.98)) for reading in readings)
        for column, reading in zip(panels.T, readings, strict=True):
            column[0].set_title(reading.direction, loc="left", fontsize=10)
            pictures = _draw_direction(column, reading, bound)
            # as many labels as there is room for
            places = range(0, len(tokens), math.ceil(0.13 * len(tokens) / width))
            column[-1].set_xticks(places, [page.written[tokens[place]] for place in places], fontsize=9)
            for label in column[-1].get_xticklabels():
                label.set_rotation(0 if len(label.get_text()) <= 2 else 90)
        _explain(figure, panels, pictures)
        figure.align_ylabels(panels[:, 0])
        page.save(figure, path)


def _draw_direction(column: Any, reading: DirectionGates, bound: float) -> dict[str, Any]:
    """Fill one column of panels; returns its heat maps by name. bound: of the colours for cell states."""
    order = reading.gates[0, :, GATES.index("forget")].mean(0).argsort(descending=True)
    tables = {name: reading.gates[0, :, GATES.index(name), order].T for name in GATES}  # (units, length)
    tables["cell"] = reading.cells[0][:, order].T
    for axes, lines in ((column[0], LINES), (column[1], SIZES)):
        for name, (colour, stroke) in lines.items():
            axes.plot(tables[name].abs().mean(0), color=colour, linestyle=stroke, marker=".", label=name)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, frameon=False, fontsize=8, ncols=3)
        axes.tick_params(bottom=False)
        axes.grid(visible=False, axis="x")
    column[0].set_ylim(0, 1)
    column[1].set_ylim(bottom=0)
    pictures = {}
    for axes, name in zip(column[2:], MAPS, strict=True):
        high = bound if name == "cell" else 1
        scale = {"cmap": "cividis", "vmin": 0} if name in LINES else {"cmap": "PuOr", "vmin": -high}
        pictures[name] = axes.imshow(tables[name], aspect="auto", interpolation="nearest", vmax=high, **scale)
        axes.tick_params(bottom=axes is column[-1])
        axes.grid(visible=False)
        axes.set_yticks([])
    return pictures


def _explain(figure: Any, panels: Any, pictures: dict[str, Any]) -> None:
    """Names at the left, scales at the right."""
    panels[0, 0].set_ylabel("mean")
    panels[1, 0].set_ylabel("mean size")
    for axes, name in zip(panels[2:, 0], MAPS, strict=True):
        axes.set_ylabel({"candidate": "candidate", "cell": "cell state"}.get(name, f"{name} gate"))
    gates = panels[2 : 2 + len(LINES)].ravel().tolist()
    figure.colorbar(pictures["input"], ax=gates, label="0 shut, 1 open", pad=0.01, aspect=30)
    figure.colorbar(pictures["candidate"], ax=panels[-2].tolist(), pad=0.01, aspect=9)
    figure.colorbar(pictures["cell"], ax=panels[-1].tolist(), pad=0.01, aspect=9, extend="both")


__all__ = ["GatesArguments", "draw_gates", "save_figure"]
