"""Does a stock pipeline say the same as our `Classifier`? What a card claims must hold for whoever uses the model
without us; where it cannot, the reasons are named."""

from contextlib import suppress
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from ..inference import Classifier

# largest difference of two probabilities that rounding explains
ROUNDING = 1e-4
# ways of ours that travel in tokenizer_config.json
BY_TOKENIZER = {
    "head_tokens": "head_tail: a pipeline keeps the head of a long text only",
    "segmenter": "segmenter: a pipeline does not cut texts into words before they are tokenized",
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
    source, options = classifier.name_or_path, {"revision": revision}
    model = AutoModelForSequenceClassification.from_pretrained(source, use_safetensors=True, **options)
    tokenizer = AutoTokenizer.from_pretrained(source, **options)
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
    return {
        "texts": len(texts),
        "same_labels": _share(_same_labels(stock, ours, classifier)),
        "same_probabilities": _share(differences <= ROUNDING),
        "max_difference": float(differences.max(initial=0)),
        "failed": len(texts) - len(stock),
        "why": _reasons(classifier, pipe.tokenizer, pipe.model.dtype),
    }


def in_words(agreement: dict[str, Any]) -> str:
    """What `pipeline_agreement` found, in one line."""
    shares = [
        f"the same {name} for {100 * agreement[f'same_{name}']:.1f} %"
        for name in ("labels", "probabilities")
        if agreement[f"same_{name}"] is not None
    ]
    shares += [f"{agreement['failed']} failed"] * (agreement["failed"] > 0)
    why = f" ({'; '.join(agreement['why'])})" if agreement["why"] else ""
    return f"stock pipeline on {agreement['texts']} texts: {', '.join(shares)}{why}"


def _same_labels(stock: np.ndarray, ours: np.ndarray, classifier: Classifier) -> np.ndarray | None:
    """Both (texts, labels). Returns (texts,) bool, None for regression."""
    match classifier.problem_type:
        case "single_label_classification":
            return stock.argmax(axis=1) == ours.argmax(axis=1)
        case "multi_label_classification":
            return ((stock >= 0.5) == (ours >= classifier.thresholds)).all(axis=1)
    return None


def _share(same: np.ndarray | None) -> float | None:
    return float(same.mean()) if same is not None and len(same) else None


def _reasons(classifier: Classifier, tokenizer: Any, dtype: torch.dtype) -> list[str]:
    """What a stock pipeline does not know of this model."""
    reasons = [reason for key, reason in BY_TOKENIZER.items() if key in tokenizer.init_kwargs]
    if strategy := classifier.predictor.document_strategy:
        reasons.append(f"document_strategy {strategy}: a pipeline cuts a long text")
    if dtype != torch.float32:
        reasons.append(f"precision: the weights are stored as {dtype}, in which a pipeline computes")
    if classifier.thresholds is not None and (classifier.thresholds != 0.5).any():
        reasons.append("thresholds: a pipeline gives probabilities only, and its user takes the labels from 0.5 on")
    return reasons
