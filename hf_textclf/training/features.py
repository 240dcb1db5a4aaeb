"""What a network reads in every epoch: token ids, or the features of a frozen encoder, computed once, kept on disk.

A file of features is named after all that decides its content (weights, settings, token ids), so that it is never
stale. The files lie beside the other caches of `datasets` (HF_DATASETS_CACHE); any of them can be removed.
"""

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.compute as pc
import torch
from datasets import Dataset, DatasetDict, Features, List, Value, concatenate_datasets
from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerFast, TrainingArguments

from ..tokenization import encode

FOLDER = "textclf_features"
BATCHES = 16  # among which texts of similar length are sought for one


def encode_splits(splits: DatasetDict, tokenizer: PreTrainedTokenizerFast) -> DatasetDict:
    """Turn the texts of all splits into token ids; `length` is what the sampler groups by."""

    def step(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        encoded = encode(tokenizer, batch["text"], with_lengths=True)
        encoded["length"] = [len(row) for row in encoded["input_ids"]]
        return encoded

    return splits.map(step, batched=True, remove_columns=["text"], desc="tokenizing")


def compute_features(
    rows: Dataset,
    model: PreTrainedModel,
    collate: Callable[[list[dict[str, Any]]], BatchEncoding],
    batch_size: int,
    name: str,
) -> Dataset:
    """Replace the tokens of a split by a column `features` of tensors, (width,) float32; the other columns stay.

    rows: encoded texts, columns named as the model's `forward` names them; model: a classifier that takes features;
    collate: pads encoded texts into one batch of tensors; name: of the split, for the progress bar.
    """
    body = model.base_model
    tokens = [column for column in rows.column_names if column in inspect.signature(body.forward).parameters]
    width = body.config.get_text_config().hidden_size

    @torch.inference_mode()
    def read(batch: dict[str, list[Any]]) -> dict[str, np.ndarray]:
        order = np.argsort([len(ids) for ids in batch["input_ids"]], kind="stable")
        features = np.zeros((len(order), width), dtype=np.float32)
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            inputs = collate([{column: batch[column][place] for column in tokens} for place in places])
            features[places] = body(**inputs.to(model.device)).pooler_output.float().cpu().numpy()
        return {"features": features}

    folder = Path(datasets.config.HF_DATASETS_CACHE) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    key = _digest(body, rows.select_columns(tokens))
    features = rows.select_columns(tokens).map(
        read,
        batched=True,
        batch_size=BATCHES * batch_size,
        remove_columns=tokens,
        features=Features({"features": List(Value("float32"), length=width)}),
        # `map` writes beside this name, renames when whole, and reads what is there already
        cache_file_name=str(folder / f"{key}.arrow"),
        new_fingerprint=key[:32],
        desc=f"features of {name}",
    )
    return concatenate_datasets([rows.remove_columns(tokens), features], axis=1).with_format("torch")


def features_of(splits: DatasetDict, model: PreTrainedModel, collate: Any, training: TrainingArguments) -> DatasetDict:
    """The splits that are read in every epoch, with features in place of tokens (`compute_features`)."""
    size = training.per_device_eval_batch_size
    # the other processes find what the first one has written
    with training.main_process_first(desc="features"):
        return DatasetDict(
            {split: compute_features(splits[split], model, collate, size, split) for split in ("train", "validation")}
        )


def _digest(body: PreTrainedModel, tokens: Dataset) -> str:
    """A name for the features that a body makes of tokens, 64 hexadecimal digits."""
    config = body.config
    digest = hashlib.sha256(f"{config.feature_pooling} {config.encoder_config.to_json_string()}".encode())
    for name, weight in sorted(body.state_dict().items()):
        # a checkpoint without the encoder's own pooler gets a random one, which the features do not depend on
        if "pooler" not in name.split("."):
            digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}".encode())
            digest.update(weight.cpu().contiguous().view(-1).view(torch.uint8).numpy())
    table = tokens.with_format("arrow")[:]
    for column in table.column_names:
        digest.update(column.encode())
        digest.update(pc.list_value_length(table[column]).to_numpy())
        digest.update(pc.list_flatten(table[column]).to_numpy())
    return digest.hexdigest()
