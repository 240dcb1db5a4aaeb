"""What a run on long texts learns beside the network: the key words before, the attention over the chunks after it."""

import logging
import time
from collections.abc import Callable
from copy import deepcopy
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
    Raises UserError: keys that contradict each other, or a stride as long as a window.
    """
    keys = {name: getattr(arguments, name) for name in ("sentence_weights", "stride", "num_sentences")}
    settings = DocumentSettings.from_keys(arguments.document_strategy, **keys)
    if settings is None:
        return None
    reader = DocumentReader(settings)
    reader.windows(tokenizer, [""])
    if reader.needs_idf:
        texts = data.splits["train"].select_columns("text")
        ids = (
            row for batch in texts.iter(batch_size=1000) for row in encode_whole(tokenizer, batch["text"])["input_ids"]
        )
        bar = tqdm(ids, total=len(texts), desc="key words", disable=not logger.isEnabledFor(logging.INFO))
        vocab_size = max(tokenizer.get_vocab().values()) + 1
        reader.idf = key_word_idf(bar, vocab_size=vocab_size, special_ids=tokenizer.all_special_ids)
    return reader


def finish_reader(reader: DocumentReader, trainer: Trainer, data: TextData) -> tuple[EvalPrediction, float]:
    """Learn what the reader lacks once the network is trained, and read the validation texts, in each process alike.
    Returns logits with labels, and the seconds that learning took."""
    start = time.perf_counter()
    network, validation = (trainer.model, trainer.processing_class), data.splits["validation"]
    batch_size = trainer.args.per_device_eval_batch_size
    if reader.needs_attention:
        loss, seed = trainer.compute_loss_func, trainer.args.seed
        fit_attention(reader, *network, data, loss=loss, batch_size=batch_size, seed=seed)
    seconds = round(time.perf_counter() - start, 1)
    logits = reader.logits(*network, validation["text"][:], batch_size=batch_size)
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
    train, validation = (
        _chunk_outputs(reader, model, tokenizer, data.splits[name].shuffle(seed=seed), batch_size)
        for name in ("train", "validation")
    )

    def loss_of(outputs: tuple[Tensor, Tensor, Tensor, Tensor], texts: Tensor) -> Tensor:
        features, chunk_logits, bounds, labels = outputs
        first, last = bounds[texts], bounds[texts + 1]
        chunks = torch.cat([torch.arange(*span) for span in zip(first.tolist(), last.tolist(), strict=True)])
        text_index = torch.repeat_interleave(last - first)
        logits = merge(chunk_logits[chunks], attention(features[chunks], text_index), text_index)
        if loss is not None:
            return loss({"logits": logits}, labels[texts])
        return model.loss_function(labels=labels[texts], pooled_logits=logits, config=model.config)

    @torch.no_grad()
    def validation_loss() -> float:
        texts = torch.arange(len(validation[-1]))
        losses = [float(loss_of(validation, batch)) * len(batch) for batch in texts.split(BATCH_SIZE)]
        return sum(losses) / len(texts)

    optimizer = torch.optim.Adam(attention.parameters(), lr=LEARNING_RATE)
    generator = torch.Generator().manual_seed(seed)
    before = lowest = validation_loss()
    best = deepcopy(attention.state_dict())
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(train[-1]), generator=generator).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss_of(train, batch).backward()
            optimizer.step()
        if (now := validation_loss()) < lowest:
            lowest, best = now, deepcopy(attention.state_dict())
    attention.load_state_dict(best)
    reader.attention = attention
    logger.info("attention over the chunks: loss on validation %.4f, with even weights %.4f", lowest, before)


def _chunk_outputs(
    reader: DocumentReader, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, rows: Dataset, batch_size: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What a network makes of the chunks of the first rows: what its last layer reads, (chunks, width); its logits,
    (chunks, labels); where the chunks of each text begin, (texts + 1,); and the labels of the texts."""
    rows = rows.select(range(min(len(rows), MOST_TEXTS)))
    features: list[Any] = []
    logits, counts = [], []
    outputs = reader.outputs(model, tokenizer, rows["text"][:], batch_size=batch_size)
    with tqdm(total=len(rows), desc="chunks", unit="text", disable=not logger.isEnabledFor(logging.INFO)) as bar:
        for texts, windows, chunk_logits, read in outputs:
            features.append(read)
            logits.append(chunk_logits)
            counts += np.bincount(windows.text_index).tolist()
            bar.update(len(texts))
    labels = torch.from_numpy(np.asarray(rows["labels"]))
    labels = labels.float() if labels.is_floating_point() else labels
    return torch.cat(features), torch.cat(logits), torch.tensor([0, *accumulate(counts)]), labels
