"""Commands on saved folders: evaluate, calibrate, predict, look inside."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from .printing import quiet, renamed, show, show_contributions, show_trained

if TYPE_CHECKING:
    from ..arguments import Parser


def evaluate_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Evaluate a folder on the data it was trained for, or on other data."""
    quiet()
    from ..evaluation.evaluate import evaluate
    from ..training.calls import recorded

    folder = given.pop("folder")
    show(evaluate(folder, *parser.make(given, recorded=recorded(folder))))


def calibrate_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Calibrate a folder on validation, and show what that changed."""
    quiet()
    from ..evaluation.calibration import calibrate
    from ..training.calls import recorded

    folder = given.pop("folder")
    show_trained(calibrate(folder, *parser.make(given, recorded=recorded(folder))), folder)


def predict_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Predict a file."""
    quiet()
    from ..inference.predict_file import predict

    folder, source = given.pop("folder"), given.pop("input")
    (arguments,) = parser.make(_with_output(given, "predict FOLDER INPUT", "OUTPUT"))
    rows = predict(folder, source, arguments)
    target = "standard output" if arguments.output == "-" else arguments.output
    print(f"{rows:,} rows written to {target}", file=sys.stderr)


def compare_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Compare folders on the data the first was trained for, or on other data."""
    quiet()
    from ..evaluation.compare import compare
    from ..training.calls import recorded

    folders = given.pop("folder")
    data, arguments = parser.make(given, recorded=recorded(folders[0]))
    compare(folders, data, arguments)
    print((Path(arguments.output_dir) / "comparison.md").read_text(encoding="utf-8"))
    print(f"tables and pictures are in {arguments.output_dir}")


def gates_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Draw what the gates of an LSTM do over a text."""
    quiet()
    from ..explanation import draw_gates

    folder = given.pop("folder")
    (arguments,) = parser.make(_with_output(given, "gates FOLDER", "IMAGE"))
    count = draw_gates(folder, arguments)
    print(f"the gates over {count:,} tokens drawn into {arguments.output}")


def explain_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Show what each word of a text contributes to a label."""
    quiet()
    from ..explanation import explain

    folder = given.pop("folder")
    (arguments,) = parser.make(given)
    show_contributions(explain(folder, arguments))
    if arguments.output:
        print(f"drawn into {arguments.output}")


def _with_output(given: dict[str, Any], usage: str, old: str) -> dict[str, Any]:
    """The values with `output`, which was typed without its flag up to version 0.1."""
    if (output := given.pop("old_output", None)) is None:
        return given
    if "output" in given:
        raise UserError(f"outputs {output!r} and {given['output']!r}, expected one; drop the first")
    renamed(f"{usage} {old}", f"{usage} --output {old}")
    return given | {"output": output}
