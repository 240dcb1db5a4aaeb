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


def card_data(facts: Facts, arguments: CardArguments, old: ModelCardData, *, ours: bool) -> ModelCardData:
    """The metadata of a folder: what its files say and its author adds, and all else that stands in the old card.

    ours: whether the old card was written by us. Then it knows best which names are those of the Hub: it was written
    where the run took place, and `runs/bert` was a folder there.
    """
    task = "text-generation" if facts.is_language_model else "text-classification"
    bases = _one_or_all(arguments.base_model) or (None if ours else _base_models(facts)) or old.base_model
    trained_on = [arguments.dataset_id] if arguments.dataset_id else old.datasets
    if not trained_on and not ours and (found := hub_id(facts.run.get("dataset"))):
        trained_on = [found]
    evaluated = _eval_results(facts, arguments, old, task=task, trained_on=_first(trained_on))
    known = {
        "language": _one_or_all(arguments.language) or old.language,
        "license": arguments.license or old.license or facts.run.get("license"),
        "library_name": "transformers",
        "pipeline_tag": task,
        "tags": [*dict.fromkeys([task, "hf-textclf", facts.config["model_type"], *(old.tags or [])])],
        "datasets": trained_on,
        "metrics": [*dict.fromkeys(result.metric_type for result in evaluated)] or None,
        "base_model": bases,
        "model_name": facts.name if evaluated else None,
        "eval_results": evaluated or None,
    }
    return ModelCardData(**(dict(old.__dict__) | known))


def _base_models(facts: Facts) -> str | list[str] | None:
    """The Hub ids of the checkpoints that the model was made from."""
    return _one_or_all([name for name in facts.named(BASES) if hub_id(name)])


def _one_or_all(values: list[str] | None) -> str | list[str] | None:
    if not values:
        return None
    return values[0] if len(values) == 1 else values


def _first(values: str | list[str] | None) -> str | None:
    return values[0] if isinstance(values, list) and values else values or None  # type: ignore[return-value]


def _eval_results(
    facts: Facts, arguments: CardArguments, old: ModelCardData, *, task: str, trained_on: str | None
) -> list[EvalResult]:
    """One entry for each metric of each split, and those that people added, who name task or metric in another way."""
    own = facts.headline.get("dataset")
    revision = arguments.dataset_revision or next(
        (one.dataset_revision for one in old.eval_results or [] if one.dataset_type == trained_on), None
    )
    results = []
    for judged in facts.judged:
        is_own = judged["dataset"] == own
        # what is not on the Hub must not look as if it were; a copy is known to be the same by its commit
        same = trained_on if is_own and (revision or hub_id(own)) else None
        kind = same or hub_id(judged["dataset"]) or Path(judged["dataset"]).name
        for name in REPORTED["language model" if facts.is_language_model else facts.problem_type]:
            identifier, words, options = METRICS[name]
            value = judged["metrics"].get(name)
            if value is not None:
                results.append(
                    EvalResult(
                        task_type=task,
                        task_name=TASKS[task],
                        dataset_type=kind,
                        dataset_name=judged["dataset"],
                        dataset_config=facts.run.get("dataset_config") if is_own else None,
                        dataset_split=judged["split"],
                        dataset_revision=revision if is_own else None,
                        metric_type=identifier,
                        metric_name=words,
                        metric_value=value,
                        metric_args=options,
                    )
                )
    return results + of_others(old.eval_results or [])


def of_others(results: list[EvalResult]) -> list[EvalResult]:
    """Those that people added to a card; they name task or metric in another way than we do."""
    ours = {words for _, words, _ in METRICS.values()}
    return [one for one in results if one.task_name not in TASKS.values() or one.metric_name not in ours]
