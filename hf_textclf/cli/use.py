"""Commands on saved folders: judge, calibrate, predict, look inside."""

import sys
from pathlib import Path

from .argv import positionals, quiet, recorded
from .printing import show, show_contributions, show_trained


def evaluate_command(tokens: list[str]) -> None:
    """Evaluate a folder on the data it was trained for, or on other data."""
    quiet()
    from ..arguments import Parser
    from ..data import DataArguments
    from ..evaluation.evaluate import EvaluationArguments, evaluate

    (folder,), tokens = positionals(tokens, "evaluate FOLDER")
    parser = Parser([DataArguments, EvaluationArguments], prog="hf-textclf evaluate FOLDER")
    data, arguments = parser.parse(tokens, before=recorded(folder))
    show(evaluate(folder, data, arguments))


def calibrate_command(tokens: list[str]) -> None:
    """Calibrate a folder on validation, and show what that changed."""
    quiet()
    from ..arguments import Parser
    from ..data import DataArguments
    from ..evaluation.calibration import CalibrationArguments, calibrate

    (folder,), tokens = positionals(tokens, "calibrate FOLDER")
    parser = Parser([DataArguments, CalibrationArguments], prog="hf-textclf calibrate FOLDER")
    data, arguments = parser.parse(tokens, before=recorded(folder))
    show_trained(calibrate(folder, data, arguments), folder)


def predict_command(tokens: list[str]) -> None:
    """Predict a file."""
    quiet()
    from ..arguments import Parser
    from ..inference.predict_file import PredictionArguments, predict

    (folder, source, target), tokens = positionals(tokens, "predict FOLDER INPUT OUTPUT")
    (arguments,) = Parser([PredictionArguments], prog="hf-textclf predict FOLDER INPUT OUTPUT").parse(tokens)
    rows = predict(folder, source, target, arguments)
    print(f"{rows:,} rows written to {'standard output' if target == '-' else target}", file=sys.stderr)


def compare_command(tokens: list[str]) -> None:
    """Compare folders on the data the first was trained for, or on other data."""
    quiet()
    from ..arguments import Parser
    from ..data import DataArguments
    from ..evaluation.compare import CompareArguments, compare

    folders, tokens = positionals(tokens, "compare FOLDER...")
    parser = Parser([DataArguments, CompareArguments], prog="hf-textclf compare FOLDER...")
    data, arguments = parser.parse(tokens, before=recorded(folders[0]))
    compare(folders, data, arguments)
    print((Path(arguments.output_dir) / "comparison.md").read_text(encoding="utf-8"))
    print(f"tables and pictures are in {arguments.output_dir}")


def gates_command(tokens: list[str]) -> None:
    """Draw what the gates of an LSTM do over a text."""
    quiet()
    from ..arguments import Parser
    from ..explanation import GatesArguments, draw_gates

    (folder, image), tokens = positionals(tokens, "gates FOLDER IMAGE")
    (arguments,) = Parser([GatesArguments], prog="hf-textclf gates FOLDER IMAGE").parse(tokens)
    count = draw_gates(folder, image, arguments)
    print(f"the gates over {count:,} tokens drawn into {image}")


def explain_command(tokens: list[str]) -> None:
    """Show what each word of a text contributes to a label."""
    quiet()
    from ..arguments import Parser
    from ..explanation import ExplainArguments, explain

    (folder,), tokens = positionals(tokens, "explain FOLDER")
    (arguments,) = Parser([ExplainArguments], prog="hf-textclf explain FOLDER").parse(tokens)
    found = explain(folder, arguments)
    show_contributions(found)
    if arguments.output:
        print(f"drawn into {arguments.output}")
