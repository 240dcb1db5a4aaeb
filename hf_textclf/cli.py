"""The command line. Heavy imports wait inside the commands, so that help and mistakes answer at once.

hf-textclf train --config configs/demo_lstm.yaml --output_dir runs/lstm
accelerate launch --cpu --num_processes 2 -m hf_textclf.cli train --config configs/demo_lstm.yaml ...
hf-textclf pretrain --config configs/demo_lm.yaml --output_dir runs/lm
hf-textclf evaluate runs/lstm
hf-textclf calibrate runs/lstm
hf-textclf predict runs/lstm input.csv output.csv
hf-textclf compare runs/lstm runs/bert --output_dir runs/compared
"""

import errno
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import UserError

# what calibration and thresholds change
FEW = ("macro_f1", "micro_f1", "log_loss", "expected_calibration_error")
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

USAGE = """usage: hf-textclf COMMAND ...

commands:
  train     train a classifier:       hf-textclf train --config demo_lstm --output_dir FOLDER [--key value ...]
  pretrain  train a language model on texts without labels, for `train --init_from`
  tune      search hyper-parameters:  hf-textclf tune --config demo_lstm --output_dir FOLDER [--trials 20]
  evaluate  judge a saved folder:     hf-textclf evaluate FOLDER [--dataset DATA] [--split test]
  predict   classify a file of texts: hf-textclf predict FOLDER input.csv output.csv   (- is stdin or stdout)
  calibrate make probabilities true:  hf-textclf calibrate FOLDER [--dataset DATA] [--split validation]
  compare   folders side by side:     hf-textclf compare FOLDER... --output_dir NEW [--dataset DATA] [--split test]
  gates     draw an LSTM's gates:     hf-textclf gates FOLDER picture.png --text "..."

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
    from .training import StockArguments, TrainRun, train, train_one_vs_rest

    parser = Parser([DataArguments, ModelArguments, NewModelArguments, StockArguments], prog="hf-textclf train")
    parser.require("output_dir")
    run = TrainRun(*parser.parse(_with_config(tokens)))
    results = train_one_vs_rest(run) if run.model.one_vs_rest else train(run)
    if run.training.process_index == 0:
        _show_trained(results, run.training.output_dir)


def pretrain_command(tokens: list[str]) -> None:
    """Train a language model, and show its perplexity on the texts set aside."""
    _quiet()
    from .args import Parser
    from .data import TextArguments
    from .pretraining import LanguageModelArguments, PretrainingArguments, PretrainingRun, pretrain
    from .trainer import StockArguments

    kinds = [TextArguments, PretrainingArguments, LanguageModelArguments, StockArguments]
    parser = Parser(kinds, prog="hf-textclf pretrain")
    parser.require("output_dir")
    run = PretrainingRun(*parser.parse(tokens))
    results = pretrain(run)
    if run.training.process_index == 0:
        _show(results)
        print(f"saved to {run.training.output_dir}; now: hf-textclf train --init_from {run.training.output_dir}")


def tune_command(tokens: list[str]) -> None:
    """Search for the best hyper-parameters, and say how to train with them."""
    _quiet()
    from .tuning import tune

    output, found = tune(_with_config(tokens))
    print(f"{found}\nsaved to {output}; now: hf-textclf train --config {output / 'best.yaml'} --output_dir FOLDER")


def evaluate_command(tokens: list[str]) -> None:
    """Evaluate a folder on the data it was trained for, or on other data."""
    _quiet()
    from .args import Parser
    from .data import DataArguments
    from .evaluation import EvaluationArguments, evaluate

    (folder,), tokens = _positionals(tokens, "evaluate FOLDER")
    parser = Parser([DataArguments, EvaluationArguments], prog="hf-textclf evaluate FOLDER")
    data, arguments = parser.parse(tokens, before=_recorded(folder))
    _show(evaluate(folder, data, arguments))


def calibrate_command(tokens: list[str]) -> None:
    """Calibrate a folder on validation, and show what that changed."""
    _quiet()
    from .args import Parser
    from .calibration import CalibrationArguments, calibrate
    from .data import DataArguments

    (folder,), tokens = _positionals(tokens, "calibrate FOLDER")
    parser = Parser([DataArguments, CalibrationArguments], prog="hf-textclf calibrate FOLDER")
    data, arguments = parser.parse(tokens, before=_recorded(folder))
    _show(calibrate(folder, data, arguments))
    print(f"saved to {folder}; now: hf-textclf evaluate {folder}")


def predict_command(tokens: list[str]) -> None:
    """Predict a file."""
    _quiet()
    from .args import Parser
    from .batch import PredictionArguments, predict

    (folder, source, target), tokens = _positionals(tokens, "predict FOLDER INPUT OUTPUT")
    (arguments,) = Parser([PredictionArguments], prog="hf-textclf predict FOLDER INPUT OUTPUT").parse(tokens)
    rows = predict(folder, source, target, arguments)
    print(f"{rows:,} rows written to {'standard output' if target == '-' else target}", file=sys.stderr)


def compare_command(tokens: list[str]) -> None:
    """Compare folders on the data the first was trained for, or on other data."""
    _quiet()
    from .args import Parser, read_yaml
    from .compare import CompareArguments, compare
    from .data import DataArguments
    from .results import RUN_CONFIG

    folders, tokens = _positionals(tokens, "compare FOLDER...")
    parser = Parser([DataArguments, CompareArguments], prog="hf-textclf compare FOLDER...")
    recorded = Path(folders[0]) / RUN_CONFIG
    before = read_yaml(recorded) if recorded.is_file() else {}
    data, arguments = parser.parse(tokens, before=before)
    compare(folders, data, arguments)
    print((Path(arguments.output_dir) / "comparison.md").read_text(encoding="utf-8"))
    print(f"tables and pictures are in {arguments.output_dir}")


def gates_command(tokens: list[str]) -> None:
    """Draw what the gates of an LSTM do over a text."""
    _quiet()
    from .args import Parser
    from .explanation import GatesArguments, draw_gates

    (folder, image), tokens = _positionals(tokens, "gates FOLDER IMAGE")
    (arguments,) = Parser([GatesArguments], prog="hf-textclf gates FOLDER IMAGE").parse(tokens)
    count = draw_gates(folder, image, arguments)
    print(f"the gates over {count:,} tokens drawn into {image}")


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "train": train_command,
    "pretrain": pretrain_command,
    "tune": tune_command,
    "evaluate": evaluate_command,
    "predict": predict_command,
    "calibrate": calibrate_command,
    "compare": compare_command,
    "gates": gates_command,
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
        _fail("stopped by the keyboard; train goes on with --resume_from_checkpoint true, tune with the same command")
        return 130
    return 0


def _quiet() -> None:
    """No bars for the reading and writing of weights, which takes a moment; those of training and predicting stay."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()


def _with_config(tokens: list[str]) -> list[str]:
    """Put the default config in front of the flags of a run that names none."""
    given = {token.split("=")[0] for token in tokens}
    if "--config" in given:
        return tokens
    defaults = {
        "--model_name_or_path": "bert",
        "--encoder_name_or_path": "frozen",
        "--init_from": "lstm_pretrained",
    }
    return ["--config", next((name for flag, name in defaults.items() if flag in given), "lstm"), *tokens]


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
    """Split off the arguments without a flag, which come first; a last name with dots stands for one or more."""
    names = usage.split()[1:]
    many = names[-1].endswith("...")
    if tokens and tokens[0] in ("-h", "--help"):
        return [""] * len(names), tokens
    count = next((number for number, token in enumerate(tokens) if token.startswith("--")), len(tokens))
    if count != len(names) and not (many and count > len(names)):
        raise UserError(
            f"expected {len(names)} argument(s){' or more' if many else ''} before the flags, found {count}; "
            f"hf-textclf {usage} --flag ..."
        )
    return tokens[:count], tokens[count:]


def _recorded(folder: str) -> dict[str, Any]:
    """The keys of the run that a folder came from."""
    from .args import read_yaml
    from .results import RUN_CONFIG

    recorded = Path(folder) / RUN_CONFIG
    return read_yaml(recorded) if recorded.is_file() else {}


def _show_trained(results: dict[str, Any], folder: str) -> None:
    _show(results)
    print(f"saved to {folder}; now: hf-textclf evaluate {folder}")


def _show(results: dict[str, Any]) -> None:
    from .agreement import in_words

    print(f"{results['split']}: {results['rows']:,} texts")
    for name, value in results["metrics"].items():
        if name == "per_label":
            continue
        print(f"  {name:28} {'undefined' if value is None else f'{value:.4f}'}")
    beside = {"thresholds 0.5": results.get("metrics_at_0.5", {})}
    if calibration := results.get("calibration"):
        beside |= {"before": calibration["before"], "thresholds held out": calibration.get("held_out", {})}
        print(f"temperature {calibration['temperature']:.3f}")
    for name, metrics in beside.items():
        few = [f"{key} {metrics[key]:.4f}" for key in FEW if metrics.get(key) is not None]
        if few:
            print(f"{name}: {', '.join(few)}")
    if pipeline := results.get("pipeline"):
        print(in_words(pipeline))


if __name__ == "__main__":
    sys.exit(main())
