"""What each command does: read its flags, do its work, show what came of it.

Heavy imports wait inside the commands, so that help and mistakes answer at once.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import UserError
from .showing import show, show_contributions, show_files, show_trained


def train_command(tokens: list[str]) -> None:
    """Train, and show the results on validation."""
    _quiet()
    from .args import ModelArguments, NewModelArguments, Parser
    from .baselines.arguments import LinearArguments, wants_linear
    from .data import DataArguments

    if any(token.split("=")[0] in ("--on_hub", "--on-hub") for token in tokens):
        from .hub.jobs import train_on_hub

        job = train_on_hub(_with_config(tokens))
        print(f"job {job.id}: {job.status.stage}")
        return
    if wants_linear(tokens):
        from .baselines.run import train_linear

        parser = Parser([DataArguments, LinearArguments], prog="hf-textclf train --model_type maxent")
        data, arguments = parser.parse(tokens)
        show_trained(train_linear(data, arguments), arguments.output_dir)
        return
    from .training import StockArguments, TrainRun, train, train_one_vs_rest

    kinds = [DataArguments, ModelArguments, NewModelArguments, StockArguments]
    more = "`hf-textclf train --on_hub FLAVOR --help` lists the keys of a run on a rented machine of the Hub."
    parser = Parser(kinds, prog="hf-textclf train", epilog=more)
    parser.require("output_dir")
    run = TrainRun(*parser.parse(_with_config(tokens)))
    results = train_one_vs_rest(run) if run.model.one_vs_rest else train(run)
    if run.training.process_index == 0:
        show_trained(results, run.training.output_dir)


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
        show(results)
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
    show(evaluate(folder, data, arguments))


def calibrate_command(tokens: list[str]) -> None:
    """Calibrate a folder on validation, and show what that changed."""
    _quiet()
    from .args import Parser
    from .calibration import CalibrationArguments, calibrate
    from .data import DataArguments

    (folder,), tokens = _positionals(tokens, "calibrate FOLDER")
    parser = Parser([DataArguments, CalibrationArguments], prog="hf-textclf calibrate FOLDER")
    data, arguments = parser.parse(tokens, before=_recorded(folder))
    show_trained(calibrate(folder, data, arguments), folder)


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
    from .args import Parser
    from .compare import CompareArguments, compare
    from .data import DataArguments

    folders, tokens = _positionals(tokens, "compare FOLDER...")
    parser = Parser([DataArguments, CompareArguments], prog="hf-textclf compare FOLDER...")
    data, arguments = parser.parse(tokens, before=_recorded(folders[0]))
    compare(folders, data, arguments)
    print((Path(arguments.output_dir) / "comparison.md").read_text(encoding="utf-8"))
    print(f"tables and pictures are in {arguments.output_dir}")


def card_command(tokens: list[str]) -> None:
    """Write the model card of a folder, after measuring costs if asked to."""
    _quiet()
    from .args import Parser
    from .card import CardArguments, write_card

    (folder,), tokens = _positionals(tokens, "card FOLDER")
    (arguments,) = Parser([CardArguments], prog="hf-textclf card FOLDER").parse(tokens)
    if arguments.costs:
        from .data import DataArguments
        from .measuring import measure_costs

        where = {"dataset": arguments.dataset} if arguments.dataset else {}
        (data,) = Parser([DataArguments], prog="hf-textclf card FOLDER").parse([], before=_recorded(folder) | where)
        measure_costs(folder, data, split=arguments.split)
    write_card(Path(folder), arguments)
    print(f"saved to {Path(folder) / 'README.md'}")


def gates_command(tokens: list[str]) -> None:
    """Draw what the gates of an LSTM do over a text."""
    _quiet()
    from .args import Parser
    from .explanation import GatesArguments, draw_gates

    (folder, image), tokens = _positionals(tokens, "gates FOLDER IMAGE")
    (arguments,) = Parser([GatesArguments], prog="hf-textclf gates FOLDER IMAGE").parse(tokens)
    count = draw_gates(folder, image, arguments)
    print(f"the gates over {count:,} tokens drawn into {image}")


def explain_command(tokens: list[str]) -> None:
    """Show what each word of a text contributes to a label."""
    _quiet()
    from .args import Parser
    from .explanation import ExplainArguments, explain

    (folder,), tokens = _positionals(tokens, "explain FOLDER")
    (arguments,) = Parser([ExplainArguments], prog="hf-textclf explain FOLDER").parse(tokens)
    found = explain(folder, arguments)
    show_contributions(found)
    if arguments.output:
        print(f"drawn into {arguments.output}")


def push_command(tokens: list[str]) -> None:
    """Send a folder to the Hub, or show what would be sent."""
    _quiet()
    from .args import Parser
    from .hub import PushArguments, prepare, push

    (folder,), tokens = _positionals(tokens, "push FOLDER")
    (arguments,) = Parser([PushArguments], prog="hf-textclf push FOLDER").parse(tokens)
    if arguments.dry_run:
        parcel = prepare(Path(folder), arguments)
        show_files(parcel)
        print(f"stay here: {', '.join(parcel.left) or 'none'}\n\n{parcel.card}")
        return
    commit = push(folder, arguments)
    print(f"pushed to {commit.pr_url or commit.commit_url}")


def space_command(tokens: list[str]) -> None:
    """Put a page on models of the Hub, run it here, or show what would be sent."""
    from .args import Parser
    from .hub import SpaceArguments, deploy_space, plan_space, run_space

    (arguments,) = Parser([SpaceArguments], prog="hf-textclf space").parse(tokens)
    if arguments.dry_run:
        parcel = plan_space(arguments)
        show_files(parcel)
        print(f"\n{parcel.card}")
    elif arguments.local:
        run_space(plan_space(arguments), output_dir=arguments.output_dir)
    else:
        commit, runtime = deploy_space(arguments)
        print(f"pushed to {commit.commit_url}")
        hardware = runtime.requested_hardware or runtime.hardware
        print(f"{runtime.stage} on {hardware}; the page: {commit.repo_url}")


def demo_command(tokens: list[str]) -> None:
    """Open the page of `spaces_app` on models, in this process, until somebody stops it."""
    import importlib.util
    import runpy

    from .resources import bundled

    if importlib.util.find_spec("gradio") is None:
        raise UserError("demo needs gradio, which is not installed; run: pip install 'hf-textclf[gradio]'")
    app = bundled("spaces_app") / "app.py"
    # as Python starts a script: its arguments, and its neighbours to import
    sys.argv = [str(app), *tokens]
    sys.path.insert(0, str(app.parent))
    runpy.run_path(str(app), run_name="__main__")


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "train": train_command,
    "pretrain": pretrain_command,
    "tune": tune_command,
    "evaluate": evaluate_command,
    "predict": predict_command,
    "calibrate": calibrate_command,
    "compare": compare_command,
    "gates": gates_command,
    "explain": explain_command,
    "card": card_command,
    "push": push_command,
    "space": space_command,
    "demo": demo_command,
}


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
