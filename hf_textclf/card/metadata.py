"""The metadata that the Hub reads: what may be searched for, and the model-index of results."""

from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from ..provenance import hub_id
from ..saved_model.facts import Facts
from .arguments import CardArguments

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
    results = _eval_results(facts, arguments, old, task=task, trained_on=_one_or_all(trained_on))
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
    facts: Facts, arguments: CardArguments, old: Any, *, task: str, trained_on: str | list[str] | None
) -> list[EvalResult]:
    """One entry for each metric of each split."""
    own = facts.headline.get("dataset")
    hub_dataset = trained_on[0] if isinstance(trained_on, list) else trained_on
    revision = arguments.dataset_revision or next(
        (result.dataset_revision for result in old.eval_results or [] if result.dataset_type == hub_dataset), None
    )
    results = []
    for evaluation in facts.evaluations:
        dataset, values = evaluation["dataset"], evaluation["metrics"]
        of_data: dict[str, Any] = {"dataset_name": dataset, "dataset_split": evaluation["split"]}
        of_data["dataset_type"] = hub_id(dataset) or Path(dataset).name
        if dataset == own:
            of_data |= {"dataset_config": facts.run.get("dataset_config"), "dataset_revision": revision}
            # what is not on the Hub must not look as if it were; a copy is known to be the same by its commit
            if hub_dataset and (revision or hub_id(own)):
                of_data["dataset_type"] = hub_dataset
        for name in REPORTED["language model" if facts.is_language_model else facts.problem_type]:
            if values.get(name) is not None:
                metric, title, options = METRICS[name]
                of_metric = {"metric_name": title, "metric_args": options, "metric_value": values[name]}
                results.append(
                    EvalResult(task_type=task, task_name=TASKS[task], metric_type=metric, **of_data, **of_metric)
                )
    return results
