"""The commands `explain` and `gates`: from a saved folder and a text to a picture."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..arguments import option
from ..errors import UserError
from ..files import write_text
from ..inference import Classifier
from ..tokenization import encode
from .attributions import Attribution, attribute
from .figures import page_html, plot_contributions, plot_gates
from .gates import read_gates


@dataclass
class ExplainArguments:
    """Which text and label are explained, and where the picture goes."""

    text: str = field(metadata={"help": "The text that is read."})
    label: str | None = option(None, "Label to explain; the most probable one.")
    output: str | None = option(None, "A new picture, .png or .html: the strongest words, or the coloured text.")
    revision: str = option("main", "Commit, tag or branch of a Hub model.")


def explain(folder: str, arguments: ExplainArguments) -> Attribution:
    """Explain what a saved model says of a text, and write the picture that was asked for.

    Raises:
        UserError: as `attribute`, or a picture that cannot be written.
    """
    path = _new_picture(arguments.output, ".png", ".html") if arguments.output else None
    classifier = Classifier(folder, revision=arguments.revision)
    attribution = attribute(classifier, arguments.text, label=arguments.label)
    what = "predicted number" if classifier.problem_type == "regression" else "log-odds"
    baseline = f"without the words {attribution.baseline_score:+.2f}"
    heading = f"{attribution.label}: {what} {attribution.score:+.2f}, {baseline}"
    if path and path.suffix.lower() == ".png":
        plot_contributions(path, attribution, title=heading)
    elif path:
        write_text(path, page_html(attribution, heading=heading))
    return attribution


@dataclass
class GatesArguments:
    """Which text is looked at, and where in the model."""

    text: str = field(metadata={"help": "The text that is read."})
    output: str = field(metadata={"help": "A new picture, .png."})
    layer: int | None = option(None, "Layer to show, counted from 1; the last.")
    revision: str = option("main", "Commit, tag or branch of a Hub model.")


def draw_gates(folder: str, arguments: GatesArguments) -> int:
    """Draw the gates of one layer over one text into a new picture, and return the number of tokens.

    Raises:
        UserError: no saved LSTM, a layer that it has not, a text without tokens, or a picture that cannot be written.
    """
    path = _new_picture(arguments.output, ".png")
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
    shown = [reading for reading in readings if reading.layer == layer]
    plot_gates(path, tokens, shown, title=f"{label} ({prediction.score:.2f}) · layer {layer} of {last}")
    return len(tokens)


def _new_picture(name: str, *endings: str) -> Path:
    """The path of a picture that can be written."""
    path = Path(name)
    if path.suffix.lower() not in endings:
        raise UserError(f"output {name!r}, expected a name that ends in {' or '.join(endings)}; rename it")
    if path.exists() or not path.parent.is_dir():
        raise UserError(f"output {name!r}: expected a new file in a folder that exists; choose another name")
    return path
