"""Make a new model or load a saved one; an error says in one line what is wrong with a checkpoint."""

import logging
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)

from ..errors import UserError
from ..files import read_json
from ..provenance import HUB_ID
from ..saved_model.check import check_config, find_file, is_plausible, require, tensor_shapes
from ..saved_model.layout import CONFIG, WEIGHTS, WEIGHTS_INDEX
from .lstm import LSTMForCausalLM

logger = logging.getLogger(__name__)
# whatever a network needs beside what its checkpoint holds, so much is no danger
FEW_WEIGHTS = 10_000_000
# of a layer, in the name of a weight
NUMBERS = re.compile(r"\.\d+\.")
ROBERTA_LIKE = {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "mpnet"}


def load_config(name_or_path: str, *, revision: str = "main", trust_remote_code: bool = False) -> PreTrainedConfig:
    """Load the configuration of a folder or Hub id.
    Raises UserError: nothing there, no network, not a model, or code that would have to be trusted.
    """
    check_trust(revision, trust_remote_code)
    with _readable(name_or_path):
        if path := find_file(name_or_path, CONFIG, revision):
            check_config(path)
        config = AutoConfig.from_pretrained(name_or_path, revision=revision, trust_remote_code=trust_remote_code)
    # under the names that all families know
    for name in ("vocab_size", "hidden_size", "num_hidden_layers"):
        require(getattr(config.get_text_config(), name, 1) != 0, Path(name_or_path), name, 0, "1 or more")
    return config


def _load(auto: Any, name_or_path: str, **options: Any) -> tuple[Any, list[str]]:
    """Load a model by one of the Auto classes, and name the weights that the checkpoint lacks, which start at random.
    Raises UserError: weights that cannot be read, that are not safetensors, or that do not fit the configuration.
    """
    _check_size(auto, name_or_path, **options)
    # whatever it was saved in: a half-precision checkpoint would be trained in half precision
    options |= {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True}
    with _readable(name_or_path):
        model, report = auto.from_pretrained(name_or_path, **options)
    # transformers#47688: a model that seems to average over accumulated batches itself gets larger steps
    model.accepts_loss_kwargs = False
    loaded = {NUMBERS.sub(".0.", name) for name in model.state_dict()}
    if more := [name for name in sorted(report["unexpected_keys"]) if NUMBERS.sub(".0.", name) in loaded]:
        raise UserError(
            f"the weights in {name_or_path!r} hold {len(more)} of layers that its config.json does not have "
            f"({more[0]}, …), expected as many in both; copy or save the model again"
        )
    return model, sorted(report["missing_keys"])


def _check_size(auto: Any, name_or_path: str, revision: str = "main", **options: Any) -> None:
    """Refuse a network that the weights beside its config.json do not hold, before memory is taken for it.
    Raises UserError: a network that is many times larger; weights or a configuration that cannot be read.
    """
    path = find_file(name_or_path, CONFIG, revision)
    index = None if path is None else find_file(name_or_path, WEIGHTS_INDEX, revision)
    names = sorted(set(read_json(index).get("weight_map", {}).values())) if index else [WEIGHTS]
    files = [find_file(name_or_path, name, revision) for name in names] if path else [None]
    if path is None or None in files:
        # which loading will report
        return
    with _readable(name_or_path):
        shapes = tensor_shapes(file for file in files if file)
        if is_plausible(path, read_json(path), shapes):
            return
        config = options.pop("config", None) or load_config(name_or_path, revision=revision, **options)
        with torch.device("meta"):
            network = auto.from_config(config, **options)
    held = sum(map(math.prod, shapes.values()))
    wanted = sum(tensor.numel() for tensor in (*network.parameters(), *network.buffers()))
    if wanted > 4 * held + FEW_WEIGHTS:
        raise UserError(
            f"{str(path)!r} describes a network of {wanted:,} weights, expected the {held:,} that lie beside it; "
            "correct its sizes, or copy or save the model again"
        )


def load_classifier(name_or_path: str, *, revision: str = "main", trust_remote_code: bool = False) -> PreTrainedModel:
    """Load a trained classifier, every weight of it.
    Raises UserError: as `load_config`; weights that cannot be read or are not safetensors; no trained head.
    """
    options: Any = {"revision": revision, "trust_remote_code": trust_remote_code}
    config = load_config(name_or_path, **options)
    model, missing = _load(AutoModelForSequenceClassification, name_or_path, config=config, **options)
    if missing:
        raise UserError(
            f"{name_or_path!r} lacks {len(missing)} weights ({missing[0]}, …), expected a trained classifier; "
            "train it first with `hf-textclf train --model_name_or_path`, or copy the checkpoint again"
        )
    return model.eval()


def load_language_model(folder: str) -> LSTMForCausalLM:
    """Load a language model that `hf-textclf pretrain` saved, every weight of it.
    Raises UserError: nothing there, or something else than such a model.
    """
    config = load_config(folder)
    kind = (config.architectures or ["a model without a name"])[0]
    if kind != LSTMForCausalLM.__name__:
        raise UserError(
            f"init_from {folder!r} holds {kind}, expected {LSTMForCausalLM.__name__}; name a folder that "
            "`hf-textclf pretrain` finished"
        )
    return _load(AutoModelForCausalLM, folder, config=config)[0]


def init_model(config: PreTrainedConfig, *, encoder: str | None = None, revision: str = "main") -> PreTrainedModel:
    """Make a classifier with random weights.

    encoder: folder or Hub id of the pretrained encoder whose configuration stands inside `config`; its weights are
    loaded, the head starts at random. revision: of the encoder.
    Raises UserError: weights that cannot be read, that are not safetensors, or that are not all there.
    """
    model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    model.accepts_loss_kwargs = False  # as in `_load`
    if encoder is not None:
        pretrained, missing = _load(AutoModel, encoder, revision=revision)
        _require_body(encoder, missing)
        model.base_model.load_encoder(pretrained)
    return model


def load_for_finetuning(
    name_or_path: str, labels: dict[str, Any], *, revision: str = "main", trust_remote_code: bool = False
) -> PreTrainedModel:
    """Load a checkpoint to train it further, with a new head where it has none or one for other labels.

    labels: `id2label`, `label2id` and `problem_type` of the data.
    """
    options: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
    config = load_config(name_or_path, **options)
    trained = any(name.endswith("ForSequenceClassification") for name in config.architectures or ())
    if trained and (config.id2label, problem_type_of(config)) != (labels["id2label"], labels["problem_type"]):
        old, _ = _load(AutoModelForSequenceClassification, name_or_path, config=config, **options)
        message = "%s was trained for %d other labels: its body is kept, the head for %d labels starts anew"
        logger.warning(message, name_or_path, len(config.id2label), len(labels["id2label"]))
        model = init_model(_with_labels(load_config(name_or_path, **options), labels))
        model.base_model.load_state_dict(old.base_model.state_dict())
        return model
    options["config"] = _with_labels(config, labels)
    model, missing = _load(AutoModelForSequenceClassification, name_or_path, **options)
    _require_body(name_or_path, [name for name in missing if name.startswith(f"{model.base_model_prefix}.")])
    return model


def _require_body(name_or_path: str, missing: list[str]) -> None:
    """Refuse a checkpoint that lacks weights of its body; missing: their names."""
    # some BERT checkpoints are published without the pooler, which only the head reads
    if missing := [name for name in missing if "pooler" not in name.split(".")]:
        raise UserError(
            f"{name_or_path!r} lacks weights of the body ({missing[0]}, …); the checkpoint is not whole: copy it again"
        )


def _with_labels(config: PreTrainedConfig, labels: dict[str, Any]) -> PreTrainedConfig:
    config.update(labels)
    # what was fitted to the old weights does not hold for those to come
    config.__dict__.pop("calibration", None)
    return config


def problem_type_of(config: PreTrainedConfig) -> str:
    """The problem type of a classifier; published ones often leave it to their number of labels."""
    return config.problem_type or ("regression" if config.num_labels == 1 else "single_label_classification")


def calibration_of(config: PreTrainedConfig) -> dict[str, Any]:
    """What was fitted to a classifier: `temperature`, folded into its weights already, and `thresholds`, one for each
    label or None."""
    fitted = getattr(config, "calibration", None)
    return {"temperature": 1.0, "thresholds": None} | (fitted if isinstance(fitted, dict) else {})


def classification_head(model: PreTrainedModel) -> nn.Linear:
    """Find the linear layer that puts out the logits: `classifier` of an LSTM or BERT, `classifier.out_proj` of a
    RoBERTa, `logits_proj` of an XLNet.
    Raises UserError: there is no such layer behind the body of the model.
    """
    body = set(model.base_model.modules())
    linear = [module for module in model.modules() if isinstance(module, nn.Linear) and module not in body]
    heads = [module for module in linear if module.out_features == model.config.num_labels]
    if not heads:
        raise UserError(
            f"{type(model).__name__} has no linear layer of {model.config.num_labels} outputs behind its body, "
            "expected one that puts out the logits; choose another model"
        )
    return heads[-1]


def longest_text(config: PreTrainedConfig) -> int | None:
    """The number of tokens that a model has positions for, None where there is no limit."""
    # a model around another's encoder has its limit
    config = config.get_text_config()
    positions = getattr(config, "max_position_embeddings", None)
    # the RoBERTa family numbers positions from behind the id of padding
    offset = (config.pad_token_id or 0) + 1 if config.model_type in ROBERTA_LIKE else 0
    return None if positions is None else positions - offset


def check_trust(revision: str, trust_remote_code: bool) -> None:
    """Refuse to run the code of a checkpoint that can change under the same name.
    Raises UserError: code is to be trusted, but at no commit.
    """
    if trust_remote_code and not re.fullmatch("[0-9a-f]{40}", revision):
        raise UserError(
            f"trust_remote_code with revision {revision!r}, expected a commit of 40 hexadecimal digits; "
            "look the code over and pin it with --revision"
        )


@contextmanager
def _readable(name_or_path: str) -> Iterator[None]:
    """Turn what the libraries raise about a checkpoint that they cannot read into a UserError."""
    try:
        yield
    except UserError:
        raise
    # the libraries raise what they like at files that they did not write
    except Exception as error:
        missing = not Path(name_or_path).exists()
        if missing and not HUB_ID.fullmatch(name_or_path):
            raise UserError(
                f"{name_or_path!r} is no folder here, expected a trained model or a Hub id OWNER/NAME; "
                "correct the name"
            ) from error
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        # a headline is no reason yet
        reason = " ".join(lines[: 2 if lines[0].endswith(":") else 1])
        if "ignore_mismatched_sizes" in str(error):
            reason = "its weights have other sizes than its config.json says"
        as_hub_id = "no such folder here, and as a Hub id: " if missing else ""
        raise UserError(
            f"cannot load a model from {name_or_path!r}: {as_hub_id}{reason}; "
            "name a folder that `hf-textclf train` finished, or a Hub id while online"
        ) from error
