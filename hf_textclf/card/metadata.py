"""What a card is made from beside the files of a folder: what its author says, and the metadata that the Hub reads."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from ..arguments import option
from ..errors import UserError
from ..provenance import HUB_ID, hub_id
from ..saved_model.facts import Facts

# ours -> the Hub's identifier, a name for people, and what its metric has to be called with
METRICS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "accuracy": ("accuracy", "Accuracy", None),
    "macro_f1": ("f1", "Macro F1", {"average": "macro"}),
    "micro_f1": ("f1", "Micro F1", {"average": "micro"}),
    "mcc": ("matthews_correlation", "Matthews correlation", None),
    "roc_auc": ("roc_auc", "ROC AUC", None),
    "macro_roc_auc": ("roc_auc", "Macro ROC AUC", {"average": "macro"}),
    "subset_accuracy": ("accuracy", "Subset accuracy", None),
    "mae": ("mae", "Mean absolute error", None),
    "mse": ("mse", "Mean squared error", None),
    "pearson": ("pearsonr", "Pearson correlation", None),
    "spearman": ("spearmanr", "Spearman correlation", None),
    "perplexity": ("perplexity", "Perplexity of a token", None),
}
# what the metadata tell of each kind of model; the card itself has all metrics
REPORTED = {
    "single_label_classification": ("accuracy", "macro_f1", "mcc", "roc_auc"),
    "multi_label_classification": ("macro_f1", "micro_f1", "subset_accuracy", "macro_roc_auc"),
    "regression": ("mae", "mse", "pearson", "spearman"),
    "language model": ("perplexity",),
}
TASKS = {"text-classification": "Text classification", "text-generation": "Text generation"}
BASES = ("model_name_or_path", "encoder_name_or_path", "init_from")
LICENSE, LANGUAGE = r"[a-z0-9][a-z0-9.+-]*", r"[a-z]{2,3}|multilingual|code"


@dataclass
class CardArguments:
    """What no run can know and its author can say. What is not given stays as the card has it."""

    repo: str | None = option(None, "Hub id that the model has or will have, OWNER/NAME; its name in the card.")
    license: str | None = option(None, "Licence of the model as the Hub names it: apache-2.0, cc-by-4.0, other.")
    language: list[str] | None = option(None, "ISO 639 codes of the texts' languages, e.g. en zh; or multilingual.")
    prose: str | None = option(None, "Markdown file about intended use and limits, which becomes part of the card.")
    base_model: list[str] | None = option(
        None, "Hub ids of the checkpoints that the model started from, where the run read copies."
    )
    dataset_id: str | None = option(None, "Hub id of the training data, where the run read a copy of it.")
    dataset_revision: str | None = option(
        None, "Commit on the Hub that the copy is the same as; else the results are said to be those of a local copy."
    )
    costs: bool = option(
        False,
        "First measure size, latency and speed on one CPU thread, and the 95%% intervals of the metrics; draw "
        "confusion, reliability and curves.",
    )
    dataset: str | None = option(None, "With costs: the data to measure on, if they have moved since the run.")
    split: str | None = option(None, "With costs: the split to measure on; by default test, else validation.")

    def __post_init__(self) -> None:
        for key, values, pattern, problem in (
            ("repo", [self.repo], HUB_ID, "no Hub id, expected OWNER/NAME"),
            ("dataset_id", [self.dataset_id], HUB_ID, "no Hub id, expected OWNER/NAME"),
            ("base_model", self.base_model or [], HUB_ID, "no Hub id, expected OWNER/NAME"),
            ("license", [self.license], LICENSE, "none the Hub knows, expected one such as apache-2.0 or other"),
            ("language", self.language or [], LANGUAGE, "no ISO 639 code, expected one such as en, or multilingual"),
        ):
            for value in values:
                if value is not None and not re.fullmatch(pattern, value):
                    raise UserError(f"{key} {value!r} is {problem}; correct --{key}")
        self.read_prose()
        for key, value in {"dataset": self.dataset, "split": self.split}.items():
            if value is not None and not self.costs:
                problem = f"{key} {value!r} says where costs are measured, which was not asked for"
                raise UserError(f"{problem}; add --costs true or drop --{key}")

    def read_prose(self) -> str | None:
        """The text of the file `prose`.
        Raises UserError: it cannot be read, or holds marks of sections.
        """
        if self.prose is None:
            return None
        try:
            prose = Path(self.prose).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            problem = f"cannot be read ({error}), expected a Markdown file; correct --prose"
            raise UserError(f"prose {self.prose!r} {problem}") from error
        if "hf-textclf:" in prose:
            raise UserError(f"prose {self.prose!r} holds marks of sections (hf-textclf:), expected text; remove them")
        return prose


def card_data(facts: Facts, arguments: CardArguments, old: Any, *, ours: bool) -> ModelCardData:
    """The metadata that the files of a folder and its author give.

    old: the metadata of the card that is there. ours: whether we wrote it. Then it knows best which names are those of
    the Hub: it was written where the run took place, and `runs/bert` was a folder there.
    """
    task = "text-generation" if facts.is_language_model else "text-classification"
    bases = arguments.base_model or ([] if ours else [name for name in facts.named(BASES) if hub_id(name)])
    trained_on = [arguments.dataset_id] if arguments.dataset_id else old.datasets
    if not trained_on and not ours and (dataset := hub_id(facts.run.get("dataset"))):
        trained_on = [dataset]
    hub_dataset = trained_on if isinstance(trained_on, str) else next(iter(trained_on or []), None)
    results = _eval_results(facts, arguments, old, task=task, hub_dataset=hub_dataset)
    return ModelCardData(
        language=_one_or_all(arguments.language),
        license=arguments.license or old.license or facts.run.get("license"),
        library_name="transformers",
        pipeline_tag=task,
        tags=[task, "hf-textclf", facts.config["model_type"]],
        datasets=trained_on,
        metrics=[*dict.fromkeys(result.metric_type for result in results)] or None,
        base_model=_one_or_all(bases),
        model_name=facts.name,
        eval_results=results,
    )


def _one_or_all(values: str | list[str] | None) -> str | list[str] | None:
    """One value as itself, several as a list; the Hub takes both."""
    return values[0] if isinstance(values, list) and len(values) == 1 else values or None


def _eval_results(
    facts: Facts, arguments: CardArguments, old: Any, *, task: str, hub_dataset: str | None
) -> list[EvalResult]:
    """One entry for each metric of each split."""
    own = facts.headline.get("dataset")
    revision = arguments.dataset_revision or next(
        (result.dataset_revision for result in old.eval_results or [] if result.dataset_type == hub_dataset), None
    )
    results = []
    for evaluation in facts.evaluations:
        dataset, values = evaluation["dataset"], evaluation["metrics"]
        fields: dict[str, Any] = {"dataset_name": dataset, "dataset_split": evaluation["split"]}
        fields["dataset_type"] = hub_id(dataset) or Path(dataset).name
        if dataset == own:
            fields |= {"dataset_config": facts.run.get("dataset_config"), "dataset_revision": revision}
            # what is not on the Hub must not look as if it were; a copy is known to be the same by its commit
            if hub_dataset and (revision or hub_id(own)):
                fields["dataset_type"] = hub_dataset
        for name in REPORTED["language model" if facts.is_language_model else facts.problem_type]:
            if values.get(name) is not None:
                metric, title, options = METRICS[name]
                fields |= {"metric_name": title, "metric_args": options, "metric_value": values[name]}
                results.append(EvalResult(task_type=task, task_name=TASKS[task], metric_type=metric, **fields))
    return results
