"""What a card is made from beside the files of a folder: what its author says, and the metadata that the Hub reads."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from huggingface_hub import CardData, EvalResult, ModelCardData

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
# texts to try on the page of the Hub
WIDGET_TEXTS = 10
# stands in a card of which nobody has said what its model is for
NO_PROSE = "The author has not said what this model is meant for."
LANGUAGE = r"[a-z]{2,3}|multilingual|code"
# those that the Hub knows: https://huggingface.co/docs/hub/repositories-licenses
LICENSES = tuple(
    "apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m "
    "afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 "
    "cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 "
    "cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 "
    "cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl "
    "gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr "
    "mpl-2.0 odc-by odbl openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr "
    "deepfloyd-if-license fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 "
    "grok2-community gemma unknown other".split()
)


@dataclass
class CardArguments:
    """What no run can know and its author can say. What is not given stays as the card has it."""

    repo: str | None = option(None, "Hub id that the model has or will have, OWNER/NAME; its name in the card.")
    license: str | None = option(None, "Licence of the model as the Hub names it: apache-2.0, cc-by-4.0, other.")
    license_name: str | None = option(None, "With license other: the name of the licence.")
    license_link: str | None = option(None, "With license other: its address, or LICENSE for a file in the folder.")
    language: list[str] | None = option(None, "ISO 639 codes of the texts' languages, e.g. en zh; or multilingual.")
    prose: str | None = option(None, "Markdown file about intended use and limits, which becomes part of the card.")
    base_model: list[str] | None = option(
        None, "Hub ids of the checkpoints that the model started from, where the run read copies."
    )
    dataset_id: str | None = option(None, "Hub id of the training data, where the run read a copy of it.")
    dataset_revision: str | None = option(
        None, "Commit on the Hub that the copy is the same as; else the results are said to be those of a local copy."
    )
    examples: list[str] | None = option(
        None, "Texts for visitors of the Hub to try; without them a text of each label, where the data are public."
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
            ("language", self.language or [], LANGUAGE, "no ISO 639 code, expected one such as en, or multilingual"),
        ):
            for value in values:
                if value is not None and not re.fullmatch(pattern, value):
                    raise UserError(f"{key} {value!r} is {problem}; correct --{key}")
        check_license(self.license)
        for key, value in {"license_name": self.license_name, "license_link": self.license_link}.items():
            if value is not None and self.license not in (None, "other"):
                problem = f"{key} {value!r} goes with license other, found {self.license!r}"
                raise UserError(f"{problem}; drop --{key}, or correct --license")
        self.read_prose()
        for key, value in {"dataset": self.dataset, "split": self.split}.items():
            if value is not None and not self.costs:
                problem = f"{key} {value!r} says where costs are measured, which was not asked for"
                raise UserError(f"{problem}; add --costs true or drop --{key}")

    @property
    def given(self) -> set[str]:
        """The keys of the metadata that the author says anew."""
        own: dict[str, Any] = {"license": self.license, "license_name": self.license_name}
        own |= {"license_link": self.license_link, "language": self.language}
        own |= {"base_model": self.base_model, "datasets": self.dataset_id, "widget": self.examples}
        return {key for key, value in own.items() if value}

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


def check_license(license: str | None) -> None:
    """Refuse a licence that the Hub does not know."""
    if license is not None and license not in LICENSES:
        close = get_close_matches(license.lower().replace(" ", "-"), LICENSES, n=3)
        hint = f"did you mean {', '.join(close)}?" if close else "expected one such as apache-2.0, mit or cc-by-4.0,"
        raise UserError(
            f"license {license!r} is none that the Hub knows, {hint} or other with --license_name; correct --license"
        )


def require_license(data: CardData, *, where: str) -> None:
    """Refuse a card without a licence, or with one of which nobody knows the name."""
    if data.get("license") == "other" and not data.get("license_name"):
        raise UserError(
            f"license is 'other' in {where}, expected its name, too; add --license_name NAME and --license_link URL"
        )
    if not data.get("license"):
        raise UserError(
            f"license is not given in {where}, expected an identifier; add --license apache-2.0, or another one; "
            "a private repository (--private) needs none"
        )


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
        license_name=arguments.license_name,
        license_link=arguments.license_link,
        library_name="transformers",
        pipeline_tag=task,
        tags=[task, "hf-textclf", facts.config["model_type"]],
        datasets=trained_on,
        metrics=[*dict.fromkeys(result.metric_type for result in results)] or None,
        base_model=_one_or_all(bases),
        widget=_widget(facts, arguments.examples) if arguments.examples or not old.get("widget") else old.widget,
        co2_eq_emissions=_emissions(facts),
        model_name=facts.name,
        eval_results=results,
    )


def _widget(facts: Facts, texts: list[str] | None) -> list[dict[str, str]] | None:
    """Texts to try on the page of the Hub."""
    if texts:
        return [{"text": text} for text in texts]
    examples = facts.results.get("examples", {})
    return [{"text": text, "example_title": label} for label, text in examples.items()][:WIDGET_TEXTS] or None


def _emissions(facts: Facts) -> dict[str, Any] | None:
    """What codecarbon estimated, in grams; the Hub wants to know the source, too."""
    if "co2_kg" not in facts.results:
        return None
    return {"emissions": round(1000 * facts.results["co2_kg"], 6), "source": "codecarbon"}


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
