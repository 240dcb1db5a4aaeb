"""The command line. Heavy imports wait inside the commands, so that help and mistakes answer at once.

hf-textclf train --config configs/demo_lstm.yaml --output_dir runs/lstm
accelerate launch --cpu --num_processes 2 -m hf_textclf.cli train --config configs/demo_lstm.yaml ...
hf-textclf evaluate runs/lstm
hf-textclf predict runs/lstm input.csv output.csv
"""

import errno
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import UserError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

USAGE = """usage: hf-textclf COMMAND ...

commands:
  train     train a classifier:       hf-textclf train --config demo_lstm --output_dir FOLDER [--key value ...]
  evaluate  judge a saved folder:     hf-textclf evaluate FOLDER [--dataset DATA] [--split test]
  predict   classify a file of texts: hf-textclf predict FOLDER input.csv output.csv   (- is stdin or stdout)

`hf-textclf COMMAND --help` lists every key. Keys can stand in a YAML file given by --config."""


def train_command(tokens: list[str]) -> None:
    """Train, and show the results on validation."""
    _quiet()
    from .args import ModelArguments, NewModelArguments, Parser
    from .baselines.arguments import LinearArguments, wants_linear
    from .data import DataArguments

    if wants_linear(tokens):
        from .baselines.run import train_linear

        parser = Parser([DataArguments, LinearArguments], prog="hf-textclf train --model_type maxent")
        data, arguments = parser.parse(tokens)
        _show_trained(train_linear(data, arguments), arguments.output_dir)
        return
    from .training import StockArguments, TrainRun, train

    parser = Parser([DataArguments, ModelArguments, NewModelArguments, StockArguments], prog="hf-textclf train")
    parser.require("output_dir")
    if not any(token.split("=")[0] == "--config" for token in tokens):
        encoder = any(token.split("=")[0] == "--model_name_or_path" for token in tokens)
        tokens = ["--config", "bert" if encoder else "lstm", *tokens]
    run = TrainRun(*parser.parse(tokens))
    results = train(run)
    if run.training.process_index == 0:
        _show_trained(results, run.training.output_dir)


def evaluate_command(tokens: list[str]) -> None:
    """Evaluate a folder on the data it was trained for, or on other data."""
    _quiet()
    from .args import Parser, read_yaml
    from .data import DataArguments
    from .evaluation import EvaluationArguments, evaluate
    from .results import RUN_CONFIG

    (folder,), tokens = _positionals(tokens, "evaluate FOLDER")
    parser = Parser([DataArguments, EvaluationArguments], prog="hf-textclf evaluate FOLDER")
    recorded = Path(folder) / RUN_CONFIG
    before = read_yaml(recorded) if recorded.is_file() else {}
    data, arguments = parser.parse(tokens, before=before)
    _show(evaluate(folder, data, arguments))


def predict_command(tokens: list[str]) -> None:
    """Predict a file."""
    _quiet()
    from .args import Parser
    from .batch import PredictionArguments, predict

    (folder, source, target), tokens = _positionals(tokens, "predict FOLDER INPUT OUTPUT")
    (arguments,) = Parser([PredictionArguments], prog="hf-textclf predict FOLDER INPUT OUTPUT").parse(tokens)
    rows = predict(folder, source, target, arguments)
    print(f"{rows:,} rows written to {'standard output' if target == '-' else target}", file=sys.stderr)


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "train": train_command,
    "evaluate": evaluate_command,
    "predict": predict_command,
}


def main(tokens: list[str] | None = None) -> int:
    """Run a command and return the exit code: 0, or 2 for a mistake of the user's."""
    tokens = sys.argv[1:] if tokens is None else tokens
    # on standard error, so that standard output stays data; only the main process speaks
    level = logging.INFO if os.environ.get("RANK", "0") == "0" else logging.ERROR
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("hf_textclf").setLevel(level)
    if not tokens or tokens[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if tokens else 2
    try:
        if tokens[0] not in COMMANDS:
            raise UserError(f"command {tokens[0]!r} is unknown, expected one of: {', '.join(COMMANDS)}; see --help")
        COMMANDS[tokens[0]](tokens[1:])
    except UserError as error:
        return _fail(str(error))
    except BrokenPipeError:
        # the reader of standard output has seen enough; what Python would still flush goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:
        # libraries tell of a full disk in exceptions of their own; all others stay what they are
        if not _disk_is_full(error):
            raise
        place = getattr(error, "filename", None) or "the output"
        return _fail(f"no space left to write {place}; free some, then run the command again")
    except KeyboardInterrupt:
        _fail("stopped by the keyboard; a training run goes on with --resume_from_checkpoint true")
        return 130
    return 0


def _quiet() -> None:
    """No bars for the reading and writing of weights, which takes a moment; those of training and predicting stay."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()


def _disk_is_full(error: Exception) -> bool:
    """Python, safetensors and tokenizers (Rust) give the number of the error, torch the place it stopped at."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in DISK_FULL
    text = str(error)
    return any(f"(os error {number})" in text for number in DISK_FULL) or "] . unexpected pos" in text


def _fail(message: str) -> int:
    print(f"hf-textclf: error: {message}", file=sys.stderr)
    return 2


def _positionals(tokens: list[str], usage: str) -> tuple[list[str], list[str]]:
    """Split off the arguments without a flag, which come first."""
    names = usage.split()[1:]
    if tokens and tokens[0] in ("-h", "--help"):
        return [""] * len(names), tokens
    count = next((number for number, token in enumerate(tokens) if token.startswith("--")), len(tokens))
    if count != len(names):
        raise UserError(
            f"expected {len(names)} argument(s) before the flags, found {count}; hf-textclf {usage} --flag ..."
        )
    return tokens[:count], tokens[count:]


def _show_trained(results: dict[str, Any], folder: str) -> None:
    _show(results)
    print(f"saved to {folder}; now: hf-textclf evaluate {folder}")


def _show(results: dict[str, Any]) -> None:
    print(f"{results['split']}: {results['rows']:,} texts")
    for name, value in results["metrics"].items():
        if name == "per_label":
            continue
        print(f"  {name:28} {'undefined' if value is None else f'{value:.4f}'}")


if __name__ == "__main__":
    sys.exit(main())
