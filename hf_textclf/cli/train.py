"""Commands that train."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from .argv import quiet, with_config
from .printing import show, show_trained


def train_command(tokens: list[str]) -> None:
    """Train, and show the results on validation."""
    quiet()
    from ..arguments import Parser
    from ..data import DataArguments
    from ..training.arguments import ModelArguments, NewModelArguments
    from ..training.linear_arguments import LinearArguments, wants_linear

    if any(token.split("=")[0] in ("--on_hub", "--on-hub") for token in tokens):
        job = _train_on_hub(with_config(tokens))
        print(f"job {job.id}: {job.status.stage}")
        return
    if wants_linear(tokens):
        from ..training.linear import train_linear

        parser = Parser([DataArguments, LinearArguments], prog="hf-textclf train --model_type maxent")
        data, arguments = parser.parse(tokens)
        show_trained(train_linear(data, arguments), arguments.output_dir)
        return
    from ..training import TrainerArguments, TrainRun, train, train_one_vs_rest

    kinds = [DataArguments, ModelArguments, NewModelArguments, TrainerArguments]
    more = "`hf-textclf train --on_hub FLAVOR --help` lists the keys of a run on a rented machine of the Hub."
    parser = Parser(kinds, prog="hf-textclf train", epilog=more)
    parser.require("output_dir")
    run = TrainRun(*parser.parse(with_config(tokens)))
    results = train_one_vs_rest(run) if run.model.one_vs_rest else train(run)
    if run.training.process_index == 0:
        show_trained(results, run.training.output_dir)


def _train_on_hub(tokens: list[str]) -> Any:
    from ..arguments import Parser
    from ..data import DataArguments
    from ..hub.jobs import JobArguments, train_on_hub
    from ..training import TrainerArguments
    from ..training.arguments import ModelArguments, NewModelArguments
    from ..training.trainer_arguments import check_arguments

    kinds = [JobArguments, DataArguments, ModelArguments, NewModelArguments, TrainerArguments]
    parser = Parser(kinds, prog="hf-textclf train --on_hub FLAVOR")
    # this machine needs neither GPU nor what reports are sent with
    job, *_, training = parser.parse(tokens, after={"use_cpu": True, "report_to": "none"})
    check_arguments(training)
    own = {item.name for item in fields(JobArguments)}
    return train_on_hub(job, {key: value for key, value in parser.given(tokens).items() if key not in own})


def pretrain_command(tokens: list[str]) -> None:
    """Train a language model, and show its perplexity on the texts set aside."""
    quiet()
    from ..arguments import Parser
    from ..data import TextArguments
    from ..training.pretraining import LanguageModelArguments, PretrainingArguments, PretrainingRun, pretrain
    from ..training.trainer_arguments import TrainerArguments

    kinds = [TextArguments, PretrainingArguments, LanguageModelArguments, TrainerArguments]
    parser = Parser(kinds, prog="hf-textclf pretrain")
    parser.require("output_dir")
    run = PretrainingRun(*parser.parse(tokens))
    results = pretrain(run)
    if run.training.process_index == 0:
        show(results)
        print(f"saved to {run.training.output_dir}; now: hf-textclf train --init_from {run.training.output_dir}")


def tune_command(tokens: list[str]) -> None:
    """Search for the best hyper-parameters, and say how to train with them."""
    quiet()
    from ..arguments import Parser
    from ..data import DataArguments
    from ..training import TrainerArguments, TrainRun
    from ..training.arguments import ModelArguments, NewModelArguments
    from ..tuning import TuneArguments, summary, tune

    kinds = [TuneArguments, DataArguments, ModelArguments, NewModelArguments, TrainerArguments]
    parser = Parser(kinds, prog="hf-textclf tune")
    parser.require("output_dir")
    arguments, *parts = parser.parse(with_config(tokens))
    run = TrainRun(*parts)
    study = tune(run, arguments.search_space, trials=arguments.trials)
    output, best = Path(run.training.output_dir), summary(study, metric=run.training.metric_for_best_model)
    print(f"{best}\nsaved to {output}; now: hf-textclf train --config {output / 'best.yaml'} --output_dir FOLDER")
