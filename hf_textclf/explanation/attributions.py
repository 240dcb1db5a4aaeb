"""What each word of a text contributes to the score of one label, and what attention pooling weighs it.

Contributions are integrated gradients (Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks"):
- The score is the log-odds of the label, log p / (1 - p): a logit may rise for all labels at once, which changes no
  probability. For regression it is the predicted number.
- A text stands beside itself without words: each token of a word becomes the padding token, which in our LSTMs is the
  zero vector that the paper proposes for texts (section 3). BERT's [MASK] says too much: a small BERT trained on
  headlines took sixty of them for entertainment. What is no word, [CLS] for instance, is in both texts.
- They sum to score - baseline_score (the axiom of completeness) up to `delta`, the error of the numeric integral.
"""

import math
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..inference import Classifier
from ..inference.networks import Network
from ..inference.predictor import readable
from ..models.lstm import LSTMForSequenceClassification
from .words import find_words

# of each stretch of the integral, by the rule of Gauss and Legendre, and of all together
FIRST_STEPS, MOST_STEPS = 16, 4096
# how large `delta` may be: absolute, and as a share of the difference of the scores
TOLERANCE, RELATIVE_TOLERANCE = 0.008, 0.03
BATCH_TOKENS = 4096  # in one batch of points on the way from the baseline to the text


@dataclass(frozen=True)
class Attribution:
    """How the words of a text add up to what a model says of it.

    words: as they stand in the text, where each begins and ends by spans, in characters. contributions: (words,), for
    the label where positive, against it where negative; their sum is score - baseline_score + delta. score: log-odds
    of the label, or the predicted number. baseline_score: the same of the text without words. steps: points of the
    integral. unread: number of words that were cut off because the text is too long for the model.
    """

    text: str
    label: str
    words: list[str]
    spans: list[tuple[int, int]]
    contributions: list[float]
    score: float
    baseline_score: float
    delta: float
    steps: int
    unread: int


def attribute(
    classifier: Classifier, text: str, *, label: str | None = None, max_seconds: float = math.inf
) -> Attribution:
    """Say what each word contributes to a label.

    label: by default the most probable one. Of one network for each label (`--one_vs_rest`), the label's own is
    explained. max_seconds: steps are added only as long as they are likely to end within that.

    Raises:
        UserError: captum is not installed, the model is no neural network or takes no embeddings, the label is
            unknown, or the model reads the text in several chunks.
    """
    text = readable(text)
    network, label, number = _target(classifier, text, label)
    model, words = network.model, find_words(network.tokenizer, text)
    batch = network.collate([words.encoded]).to(network.device)
    inputs = {name: value for name, value in batch.items() if name != "input_ids"}
    of_words = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
    of_words[0, : len(words.word_ids)] = torch.tensor(words.word_ids) >= 0
    embed = model.get_input_embeddings()
    with torch.no_grad():
        embeddings = embed(batch["input_ids"])
        baseline = embed(batch["input_ids"].masked_fill(of_words, network.tokenizer.pad_token_id))

    def score(rows: Tensor) -> Tensor:
        alike = {name: value.expand(len(rows), -1) for name, value in inputs.items()}
        try:
            logits = model(inputs_embeds=rows, **alike).logits
        except (NotImplementedError, TypeError) as error:
            raise UserError(
                f"a model of type {model.config.model_type!r} takes no inputs_embeds, expected one that does; "
                "explain another model"
            ) from error
        if network.problem_type != "single_label_classification":
            return logits[:, number]
        others = [other for other in range(logits.shape[1]) if other != number]
        return logits[:, number] - logits[:, others].logsumexp(1)

    # cuDNN has no gradients of an LSTM outside of training
    with torch.backends.cudnn.flags(enabled=False):
        with torch.no_grad():
            text_score, baseline_score = score(embeddings).item(), score(baseline).item()
        values, steps = torch.zeros(batch["input_ids"].shape), 0
        difference = text_score - baseline_score
        if words.spans:
            values, steps = _integrate(score, embeddings, baseline, difference=difference, max_seconds=max_seconds)
    contributions = words.sums(values[0]).tolist()
    return Attribution(
        text=text,
        label=label,
        words=words.words,
        spans=words.spans,
        contributions=contributions,
        score=text_score,
        baseline_score=baseline_score,
        delta=sum(contributions) - difference,
        steps=steps,
        unread=words.unread,
    )


def _target(classifier: Classifier, text: str, label: str | None) -> tuple[Network, str, int]:
    """What is explained: a network, a label and the number of its output; refuses what cannot be."""
    predictor, names = classifier.predictor, classifier.label_names
    if not predictor.networks:
        raise UserError(f"{classifier.name_or_path!r} holds no neural network, expected one; explain another model")
    if label is not None and label not in names:
        raise UserError(f"label {label!r} is unknown, expected one of {', '.join(names[:20])}; correct the label")
    if predictor.document_strategy and (chunks := classifier([text])[0].chunks):
        raise UserError(
            f"the model reads this text by {predictor.document_strategy}, in {len(chunks)} chunk(s), expected a text "
            "that it reads whole; explain one chunk alone"
        )
    number = names.index(label) if label is not None else int(classifier.logits([text])[0].argmax())
    if predictor.network is None:
        # one network for each label, of whose two the second is its own
        return predictor.networks[number], names[number], 1
    return predictor.network, names[number], number


def _integrate(
    score: Any, embeddings: Tensor, baseline: Tensor, *, difference: float, max_seconds: float
) -> tuple[Tensor, int]:
    """Integrated gradients from one text to the other, (1, length, width) both, and the number of steps it took.

    difference: of the two scores, to which the result, (1, length), sums nearly. The scores at the ends of any stretch
    of the way say how far its integral is out, so only the stretches that are out are halved: on long texts all of
    the rise may lie in a thousandth of the way, where another state comes to win the max pooling of an LSTM. On the
    sudden rise of `test_attributions.py`, doubling captum's steps over the whole way was still out with 4,096 of them;
    halving took 272 in all. On smooth ways doubling needs no more steps than halving.
    """
    try:
        from captum.attr import IntegratedGradients
    except ImportError as error:
        raise UserError(
            "to explain needs captum, which is not installed; pip install 'hf-textclf[explain]'"
        ) from error
    begun, steps, rows = time.monotonic(), 0, max(1, BATCH_TOKENS // embeddings.shape[1])
    tolerance = max(TOLERANCE, RELATIVE_TOLERANCE * abs(difference))
    method, way = IntegratedGradients(score), embeddings - baseline
    # where each stretch begins and ends; by how much its integral is out, and the integral
    todo, done = [(0.0, 1.0)], list[tuple[float, float, float, Tensor]]()
    while True:
        round_begun = time.monotonic()
        for start in range(0, len(todo), rows):
            ends = torch.tensor(todo[start : start + rows]).to(way)[..., None, None]
            first, last = baseline + ends[:, 0] * way, baseline + ends[:, 1] * way
            parts, deltas = method.attribute(
                last, first, n_steps=FIRST_STEPS, internal_batch_size=rows, return_convergence_delta=True
            )
            read = zip(todo[start:], deltas.abs().tolist(), parts.sum(-1).cpu().double(), strict=False)
            done += [(*stretch, delta, part) for stretch, delta, part in read]
        steps += len(todo) * FIRST_STEPS
        wrong = [stretch for stretch in done if stretch[2] > tolerance / len(done)]
        needed = 2 * len(wrong) * FIRST_STEPS
        # not by all rounds: the very first one of a process is slow
        now, share = time.monotonic(), needed / (len(todo) * FIRST_STEPS)
        late = now - begun + share * (now - round_begun) > max_seconds
        if late or steps + needed > MOST_STEPS or sum(stretch[2] for stretch in done) <= tolerance:
            return torch.stack([stretch[3] for stretch in done]).sum(0, keepdim=True), steps
        done = [stretch for stretch in done if stretch[2] <= tolerance / len(done)]
        todo = [half for begin, end, *_ in wrong for half in ((begin, (begin + end) / 2), ((begin + end) / 2, end))]


@dataclass(frozen=True)
class WordWeights:
    """words: as they stand in the text, where each begins and ends by spans, in characters. weights: (words,), shares
    of 1. unread: number of words that were cut off because the text is too long for the model."""

    text: str
    words: list[str]
    spans: list[tuple[int, int]]
    weights: list[float]
    unread: int


def pooling_weights(classifier: Classifier, text: str) -> WordWeights | None:
    """The weight that attention pooling (Yang et al. 2016, equation 6) gives to each word: the sum over its tokens.

    The states it weighs have read the words around them, so a weight says where the model looks, not what it gains
    there; contributions say that. Returns None for anything but one LSTM with attention pooling.
    """
    network = classifier.predictor.network
    model = network.model if network else None
    if not isinstance(model, LSTMForSequenceClassification) or model.config.pooling != "attention":
        return None
    text = readable(text)
    words = find_words(network.tokenizer, text)
    batch = network.collate([words.encoded]).to(network.device)
    with torch.inference_mode():
        weights = model(**batch, output_attentions=True).attentions[-1][0]
    return WordWeights(text, words.words, words.spans, words.sums(weights).tolist(), words.unread)
