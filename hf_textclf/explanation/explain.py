"""The command `explain`: an attribution from a saved folder, and its picture."""

from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UserError
from ..files import write_text
from ..inference import Classifier
from .attributions import Attribution, attribute
from .html import page_html
from .word_figure import plot_contributions


@dataclass
class ExplainArguments:
    """Which text and label are explained, and where the picture goes."""

    text: str = field(metadata={"help": "The text that is read."})
    label: str | None = field(default=None, metadata={"help": "Label to explain; the most probable one."})
    output: str | None = field(
        default=None, metadata={"help": "A new picture, .png or .html: the strongest words, or the coloured text."}
    )
    revision: str = field(default="main", metadata={"help": "Commit, tag or branch of a Hub model."})


def explain(folder: str, arguments: ExplainArguments) -> Attribution:
    """Explain what a saved model says of a text, and write the picture that was asked for.

    Raises:
        UserError: as `attribute`, or a picture that cannot be written.
    """
    path = Path(arguments.output) if arguments.output else None
    if path is not None and path.suffix.lower() not in (".png", ".html"):
        raise UserError(f"output {arguments.output!r}, expected a name that ends in .png or .html; rename it")
    if path is not None and (path.exists() or not path.parent.is_dir()):
        raise UserError(
            f"output {arguments.output!r}: expected a new file in a folder that exists; choose another name"
        )
    classifier = Classifier(folder, revision=arguments.revision)
    attribution = attribute(classifier, arguments.text, label=arguments.label)
    if path is None:
        return attribution
    what = "predicted number" if classifier.problem_type == "regression" else "log-odds"
    heading = (
        f"{attribution.label}: {what} {attribution.score:+.2f}, without the words {attribution.baseline_score:+.2f}"
    )
    if path.suffix.lower() == ".png":
        plot_contributions(path, attribution, title=heading)
    else:
        write_text(path, page_html(attribution, heading=heading))
    return attribution


__all__ = ["ExplainArguments", "explain"]
