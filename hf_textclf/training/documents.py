"""What a run on long texts learns beside the network: the key words before, the attention over the chunks after it."""

import logging
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from tqdm.auto import tqdm
from transformers import EvalPrediction, PreTrainedModel, PreTrainedTokenizerFast, Trainer

from ..data import TextData
from ..inference.chunks import ChunkAttention, key_word_idf, merge
from ..inference.long_texts import DocumentReader, DocumentSettings
from ..models.loading import classification_head
from ..tokenization import encode_whole
from .arguments import ModelArguments

logger = logging.getLogger(__name__)
# enough for some ten thousand weights, and for a BERT on a CPU still minutes
MOST_TEXTS = 5000
EPOCHS, BATCH_SIZE, LEARNING_RATE = 10, 32, 1e-3


def make_reader(
    data: TextData, tokenizer: PreTrainedTokenizerFast, arguments: ModelArguments
) -> DocumentReader | None:
    """The reader of long texts that the arguments ask for, with the key words of the training texts.

    Raises:
        UserError: keys that contradict each other, or a stride as long as a window.
    """
    settings = DocumentSettings.from_keys(
        arguments.document_strategy,
        sentence_weights=arguments.sentence_weights,
        stride=arguments.stride,
        num_sentences=arguments.num_sentences,
    )
    if settings is None:
        return None
    reader = DocumentReader(settings)
    reader.windows(tokenizer, [""])
    if reader.needs_idf:
        ids = (
            row
            for batch in data.splits["train"].select_columns("text").iter(batch_size=1000)
            for row in encode_whole(tokenizer, batch["text"])["input_ids"]
        )
        bar = tqdm(
            ids, total=len(data.splits["train"]), desc="key words", disable=not logger.isEnabledFor(logging.INFO)
        )
        reader.idf = key_word_idf(
            bar, vocab_size=max(tokenizer.get_vocab().values()) + 1, special_ids=tokenizer.all_special_ids
        )
    return reader


def shorten(data: TextData, tokenizer: PreTrainedTokenizerFast, reader: DocumentReader | None) -> TextData:
    """The data that the network learns from: where it is to read key sentences, these alone."""
    if reader is None or not reader.shortens:
        return data

    def step(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        return {"text": reader.shorten(tokenizer, batch["text"])}

    return replace(data, splits=data.splits.map(step, batched=True, desc="key sentences"))


def check_reader(reader: DocumentReader | None, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Raise UserError, before hours of training, where attention finds nothing to read in a model."""
    if reader is not None and reader.needs_attention:
        list(reader.outputs(model, tokenizer, ["a"], batch_size=1))


def finish_reader(reader: DocumentReader, trainer: Trainer, data: TextData) -> tuple[EvalPrediction, float]:
    """Learn what the reader still lacks once the network is trained, and read the validation texts; of several
    processes each does the same. Returns logits with labels, and the seconds that learning took."""
    start = time.perf_counter()
    model, tokenizer = trainer.model, trainer.processing_class
    batch_size, validation = trainer.args.per_device_eval_batch_size, data.splits["validation"]
    if reader.needs_attention:
        loss, seed = trainer.compute_loss_func, trainer.args.seed
        fit_attention(reader, model, tokenizer, data, loss=loss, batch_size=batch_size, seed=seed)
    seconds = round(time.perf_counter() - start, 1)
    logits = reader.logits(model, tokenizer, validation["text"][:], batch_size=batch_size)
    return EvalPrediction(logits, np.asarray(validation["labels"])), seconds


def fit_attention(
    reader: DocumentReader,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    data: TextData,
    *,
    loss: Callable[..., Tensor] | None,
    batch_size: int,
    seed: int,
) -> None:
    """Learn the weights of the chunks on training texts, with the network as it is. They stay as they are in the epoch
    with the lowest loss on validation: the even ones of the start, if none is better.

    loss: as `Trainer(compute_loss_func=...)` takes it; None for the model's own.
    """
    # a resumed run stands somewhere else in the random numbers of its process
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        attention = ChunkAttention(classification_head(model).in_features)
    chosen = {name: data.splits[name].shuffle(seed=seed) for name in ("train", "validation")}
    train, validation = (
        _chunk_outputs(reader, model, tokenizer, split.select(range(min(len(split), MOST_TEXTS))), batch_size)
        for split in chosen.values()
    )

    def loss_of(outputs: _ChunkOutputs, texts: Tensor) -> Tensor:
        logits, labels = outputs.merged(texts, attention), outputs.labels[texts]
        if loss is not None:
            return loss({"logits": logits}, labels)
        return model.loss_function(labels=labels, pooled_logits=logits, config=model.config)

    @torch.no_grad()
    def validation_loss() -> float:
        batches = torch.arange(len(validation.labels)).split(BATCH_SIZE)
        return sum(float(loss_of(validation, batch)) * len(batch) for batch in batches) / len(validation.labels)

    optimizer = torch.optim.Adam(attention.parameters(), lr=LEARNING_RATE)
    generator = torch.Generator().manual_seed(seed)
    before = lowest = validation_loss()
    best = deepcopy(attention.state_dict())
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(train.labels), generator=generator).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss_of(train, batch).backward()
            optimizer.step()
        if (now := validation_loss()) < lowest:
            lowest, best = now, deepcopy(attention.state_dict())
    attention.load_state_dict(best)
    reader.attention = attention
    logger.info("attention over the chunks: loss on validation %.4f, with even weights %.4f", lowest, before)


@dataclass(frozen=True)
class _ChunkOutputs:
    """What a network makes of the chunks of some texts.

    features: (chunks, width), what its last layer reads; logits: (chunks, labels); bounds: (texts + 1,), where the
    chunks of each text begin; labels: of the texts.
    """

    features: Tensor
    logits: Tensor
    bounds: Tensor
    labels: Tensor

    def merged(self, texts: Tensor, attention: ChunkAttention) -> Tensor:
        """The logits of some texts, (texts, labels). texts: their numbers."""
        first, last = self.bounds[texts], self.bounds[texts + 1]
        chunks = torch.cat([torch.arange(*span) for span in zip(first.tolist(), last.tolist(), strict=True)])
        text_index = torch.repeat_interleave(last - first)
        return merge(self.logits[chunks], attention(self.features[chunks], text_index), text_index)


def _chunk_outputs(
    reader: DocumentReader,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    rows: Dataset,
    batch_size: int,
) -> _ChunkOutputs:
    features, logits, counts = [], [], []
    with tqdm(
        total=len(rows), desc="chunks of texts", unit="text", disable=not logger.isEnabledFor(logging.INFO)
    ) as bar:
        for texts, windows, found, read in reader.outputs(model, tokenizer, rows["text"][:], batch_size=batch_size):
            assert read is not None
            features.append(read)
            logits.append(found)
            counts += np.bincount(windows.text_index).tolist()
            bar.update(len(texts))
    labels = torch.from_numpy(np.asarray(rows["labels"]))
    return _ChunkOutputs(
        torch.cat(features),
        torch.cat(logits),
        torch.tensor([0, *accumulate(counts)]),
        labels.float() if labels.is_floating_point() else labels,
    )
