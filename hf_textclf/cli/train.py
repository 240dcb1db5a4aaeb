"""Commands that train."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from .printing import quiet, show, show_trained

if TYPE_CHECKING:
    from ..arguments import Parser


def train_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Train, and show the results on validation."""
    quiet()
    from ..training.calls import LinearRun, make_run, start

    if "on_hub" in given:
        _train_on_hub(given)
        return
    run = make_run(given)
    results = start(run)
    if isinstance(run, LinearRun):
        show_trained(results, run.arguments.output_dir)
    elif run.training.process_index == 0:
        show_trained(results, run.training.output_dir)


def _train_on_hub(given: dict[str, Any]) -> None:
    """Train on a machine of the Hub. What is wrong with a key is found here, before anything costs."""
    from ..arguments import Parser
    from ..hub.jobs import JobArguments, train_on_hub
    from ..training.calls import NETWORK, settle
    from ..training.trainer_arguments import check_arguments, stock_defaults

    given, kinds = settle(given)
    if kinds != NETWORK:
        raise UserError("model_type is linear, expected a network: no Auto class loads the others; train it here")
    parser = Parser([JobArguments, *kinds], prog="hf-textclf train --on_hub FLAVOR")
    keys = parser.merge(given, recorded=stock_defaults(given.get("config")))
    # this machine needs neither GPU nor what reports are sent with
    job, *_, training = parser.build(keys | {"use_cpu": True, "report_to": "none"})
    check_arguments(training)
    own = {item.name for item in fields(JobArguments)}
    ended = train_on_hub(job, {key: value for key, value in keys.items() if key not in own})
    print(f"job {ended.id}: {ended.status.stage}")


def pretrain_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Train a language model, and show its perplexity on the texts set aside."""
    quiet()
    from ..training.pretraining import PretrainingRun, pretrain
    from ..training.trainer_arguments import stock_defaults

    run = PretrainingRun(*parser.make(given, recorded=stock_defaults(given.get("config"))))
    results = pretrain(run)
    if run.training.process_index == 0:
        show(results)
        print(f"saved to {run.training.output_dir}; now: hf-textclf train --init_from {run.training.output_dir}")


def tune_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Search for the best hyper-parameters, and say how to train with them."""
    quiet()
    from ..training import TrainRun
    from ..training.calls import settle
    from ..training.trainer_arguments import stock_defaults
    from ..tuning import tune

    arguments, *parts = parser.make(settle(given)[0], recorded=stock_defaults(given.get("config")))
    run = TrainRun(*parts)
    study = tune(run, arguments.search_space, trials=arguments.trials)
    # it needs optuna, without which `tune` has refused
    from ..tuning.report import summary

    output, best = Path(run.training.output_dir), summary(study, metric=run.training.metric_for_best_model)
    print(f"{best}\nsaved to {output}; now: hf-textclf train --config {output / 'best.yaml'} --output_dir FOLDER")
