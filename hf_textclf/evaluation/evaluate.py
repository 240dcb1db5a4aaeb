"""Evaluate a saved folder on one split of any data set: the metrics, the mistakes it was most sure of, and whether a
stock pipeline gives the same. What a card claims must hold for whoever uses the model without us.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from tqdm.auto import tqdm
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from ..arguments import option
from ..data import DataArguments, TextData, write_rows
from ..errors import UserError
from ..files import PARTIAL, hold_folder, new_folder, read_json, write_json
from ..inference import Classifier
from ..provenance import describe_hardware, describe_versions, public_name
from ..saved_model.layout import ERRORS, EVAL_RESULTS, EVALUATIONS, model_digest
from ..tokenization.tokenization_classifier import ClassifierTokenizer
from .metrics import measure
from .scoring import Counts, Predictions, load_rows, predict_rows

logger = logging.getLogger(__name__)
# a stock pipeline reads them one by one
PIPELINE_TEXTS = 200
# largest difference of two probabilities that rounding explains
ROUNDING = 1e-4


@dataclass
class EvaluationArguments(Counts):
    """How a saved model is evaluated."""

    split: str | None = option(None, "train, validation or test; by default test, else validation.")
    output_dir: str | None = option(None, "New folder for eval_results.json and errors.csv; FOLDER/evaluation_SPLIT.")
    max_samples: int | None = option(None, "Evaluate on a seeded subset of this many rows.")
    batch_size: int = option(64, "Texts in one batch.")
    revision: str = option("main", "Commit, tag or branch of a Hub model.")
    thresholds: float | None = option(
        None, "Multi-label: predict labels from this probability on; by default those fitted, else 0.5."
    )


def evaluate(folder: str, data_arguments: DataArguments, arguments: EvaluationArguments) -> dict[str, Any]:
    """Evaluate a saved folder or Hub id and write `eval_results.json` and `errors.csv`.

    Returns what `eval_results.json` holds.

    Raises:
        UserError: unreadable model or data, labels unknown to the model, an output folder that exists.
    """
    classifier = Classifier(folder, revision=arguments.revision, thresholds=arguments.thresholds)
    data, split, rows, [seen] = load_rows(
        data_arguments, classifier, folders=[folder], split=arguments.split, max_samples=arguments.max_samples
    )
    output = _new_folder(folder, split, arguments)
    with hold_folder(output), TemporaryDirectory(dir=output, prefix=PARTIAL) as place:
        partial = Path(place)
        predictions = predict_rows(classifier, rows, batch_size=arguments.batch_size, progress="evaluating")
        options: dict[str, Any] = {"problem_type": classifier.problem_type, "label_names": data.label_names}
        metrics = measure(predictions.scores, np.asarray(rows["labels"]), thresholds=classifier.thresholds, **options)
        sample = np.random.default_rng(data_arguments.split_seed).permutation(len(rows))[:PIPELINE_TEXTS]
        probabilities = predictions.scores[sample].reshape(len(sample), -1)
        texts = rows.select(sample)["text"][:]
        results = {
            "dataset": public_name(data_arguments.dataset),
            "split": split,
            "rows": len(rows),
            "seen_texts": seen,
            **metrics,
            "pipeline": pipeline_agreement(classifier, texts, probabilities, revision=arguments.revision),
            "num_parameters": classifier.predictor.num_parameters,
            "model_digest": model_digest(Path(folder)),
            "hardware": describe_hardware(),
            "versions": describe_versions(),
        }
        # a comma-separated file without any row would have no header either
        if mistakes := list(_mistakes(rows, predictions, data)):
            write_rows(partial / ERRORS, mistakes)
        write_json(partial / EVAL_RESULTS, results)
        _swap(partial, output)
    return results


def _swap(partial: Path, output: Path) -> None:
    """Put whole results in their place, where there may be those of former weights; all other files stay."""
    # the mistakes of former weights, if there are none now
    (output / ERRORS).unlink(missing_ok=True)
    # figures last: until then those there say that they are of other weights
    for name in (ERRORS, EVAL_RESULTS):
        if (partial / name).is_file():
            os.replace(partial / name, output / name)


def _new_folder(folder: str, split: str, arguments: EvaluationArguments) -> Path:
    """Say where the results go, before the work begins."""
    if arguments.output_dir:
        return new_folder(arguments.output_dir)
    if not Path(folder).is_dir():
        raise UserError(f"{folder!r} is a Hub id, expected a place for the results; add --output_dir")
    output = Path(folder) / f"{EVALUATIONS}{split}"
    # of weights that were changed since, by `calibrate` for instance, nobody needs the figures
    older = read_json(output / EVAL_RESULTS)
    if older and older.get("model_digest") != model_digest(Path(folder)):
        logger.info("%s is of other weights or another config.json, and is written anew", output)
        return output
    return new_folder(output)


def _mistakes(rows: Dataset, predictions: Predictions, data: TextData) -> Iterator[dict[str, Any]]:
    """Yield the texts that the model got wrong, the most confident mistakes first.

    Confidence is the probability given to the wrong label (multi-label: the largest distance of a label's probability
    from the truth); for regression every row counts, by its absolute error.
    """
    labels, scores, predicted = np.asarray(rows["labels"]), predictions.scores, predictions.predicted
    match data.problem_type:
        case "single_label_classification":
            wrong, confidence = predicted != labels, scores.max(1)
        case "multi_label_classification":
            wrong, confidence = (predicted != labels).any(1), np.abs(scores - labels).max(1)
        case _:
            wrong, confidence = np.ones(len(labels), bool), np.abs(scores - labels)

    def written(label: Any) -> str | float:
        if data.problem_type == "regression":
            return float(label)
        return data.label_names[label] if labels.ndim == 1 else ";".join(compress(data.label_names, label > 0))

    order = np.argsort(-confidence, kind="stable")
    for row in order[wrong[order]].tolist():
        yield {
            "label": written(labels[row]),
            "predicted": written(predicted[row]),
            "confidence": round(float(confidence[row]), 4),
            "text": rows[row]["text"],
        }


def pipeline_agreement(
    classifier: Classifier, texts: list[str], probabilities: np.ndarray, *, revision: str = "main"
) -> dict[str, Any] | None:
    """Give texts to the stock `pipeline("text-classification", top_k=None)`, cut at the tokenizer's own length.

    probabilities: (texts, labels), what the classifier says of them; for regression the numbers.

    Returns the number of texts; the shares of `same_probabilities` and, but for regression, of `same_labels` (those
    of a multi-label pipeline are the ones from 0.5 on, which is all it knows); the `max_difference` of a probability;
    how many texts `failed` in the pipeline, as long ones do where the tokenizer does not know its model's limit; and
    `why`, all that is known of this model to make it differ. None for what is no neural network.
    """
    if classifier.predictor.network is None:
        return None
    # here, because it brings the pipelines of all tasks with it
    from transformers import pipeline

    # the snippet of a user who knows the Auto classes only
    source = classifier.name_or_path
    model = AutoModelForSequenceClassification.from_pretrained(source, use_safetensors=True, revision=revision)
    tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
    pipe = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None, truncation=True)
    stock_rows: dict[int, list[float]] = {}
    for number, text in enumerate(tqdm(texts, desc="stock pipeline", unit="text")):
        with suppress(RuntimeError, ValueError, IndexError):
            [labels] = pipe([text])
            scores = {label["label"]: label["score"] for label in labels}
            stock_rows[number] = [scores[name] for name in classifier.label_names]
    stock = np.array(list(stock_rows.values())).reshape(-1, probabilities.shape[1])
    ours = probabilities[list(stock_rows)]
    differences = np.abs(stock - ours).max(axis=1, initial=0)
    strategy, thresholds, dtype = classifier.predictor.document_strategy, classifier.thresholds, model.dtype
    same: dict[str, np.ndarray | None] = {"same_labels": None, "same_probabilities": differences <= ROUNDING}
    if classifier.problem_type == "single_label_classification":
        same["same_labels"] = stock.argmax(axis=1) == ours.argmax(axis=1)
    elif thresholds is not None:
        same["same_labels"] = ((stock >= 0.5) == (ours >= thresholds)).all(axis=1)
    settings = tokenizer.init_kwargs  # of tokenizer_config.json
    # a tokenizer that an older version saved
    is_stock = not isinstance(tokenizer, ClassifierTokenizer)
    reasons = {
        "head_tail: a pipeline keeps the head of a long text only": is_stock and "head_tokens" in settings,
        "segmenter: a pipeline does not cut texts into words": is_stock and "segmenter" in settings,
        f"document_strategy {strategy}: a pipeline {'cuts' if is_stock else 'refuses'} a long text": strategy,
        f"precision: the weights are stored as {dtype}, in which a pipeline computes": dtype != torch.float32,
        "thresholds: a pipeline gives probabilities only, and its user takes the labels from 0.5 on": (
            thresholds is not None and (thresholds != 0.5).any()
        ),
    }
    return {
        "texts": len(texts),
        **{name: None if rows is None or not len(rows) else float(rows.mean()) for name, rows in same.items()},
        "max_difference": float(differences.max(initial=0)),
        "failed": len(texts) - len(stock),
        "why": [reason for reason, holds in reasons.items() if holds],
    }


def in_words(agreement: dict[str, Any]) -> str:
    """What `pipeline_agreement` found, in one line."""
    same = {name: agreement[f"same_{name}"] for name in ("labels", "probabilities")}
    shares = [f"the same {name} for {100 * share:.1f} %" for name, share in same.items() if share is not None]
    shares += [f"{agreement['failed']} failed"] * (agreement["failed"] > 0)
    why = f" ({'; '.join(agreement['why'])})" if agreement["why"] else ""
    return f"stock pipeline on {agreement['texts']} texts: {', '.join(shares)}{why}"
