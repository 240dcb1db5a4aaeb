"""Start a classifier from the body of one language model, or of two for its two directions.

The states of the classifier are exactly those of the language models, layer by layer: in a deep bidirectional LSTM
each upper layer reads both directions, so its weights for the states of the other direction start at zero.
"""

from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..tokenization import load_tokenizer
from .loading import load_language_model
from .lstm import LSTMForCausalLM, LSTMForSequenceClassification
from .lstm.layers_lstm import LSTMLayer

SIZES = ("embedding_size", "hidden_size", "num_hidden_layers", "cell")


def load_start(folders: list[str], keys: dict[str, Any]) -> tuple[list[LSTMForCausalLM], dict[str, Any]]:
    """Load the language models and say what a classifier must be to start from them.

    keys: the fields of the new model that the user gives. Returns the models and these fields, completed.

    Raises:
        UserError: a number of folders, a direction or a size that does not fit; two models that do not share
            tokenizer, embeddings and sizes.
    """
    if len(folders) > 2:
        raise UserError(f"init_from names {len(folders)} folders, expected one, or two for both directions; drop some")
    models = [load_language_model(folder) for folder in folders]
    for folder, model, backwards in zip(folders, models, (False, True), strict=False):
        if model.config.reads_backwards != backwards:
            read, expected = ("backward", "forward") if model.config.reads_backwards else ("forward", "backward")
            raise UserError(
                f"init_from {folder!r} reads {read}, expected {expected} at this place; name the forward model first, "
                "then the backward one"
            )
    if len(models) == 2:
        _check_pair(folders, models)
    sizes = {name: getattr(models[0].config, name) for name in SIZES} | {"bidirectional": len(models) == 2}
    for name, value in sizes.items():
        if keys.get(name, value) != value:
            raise UserError(
                f"{name}={keys[name]} contradicts init_from {' '.join(folders)}, expected {value}; drop --{name} or "
                "name other folders"
            )
    return models, keys | sizes


def _check_pair(folders: list[str], models: list[LSTMForCausalLM]) -> None:
    """Two directions share one tokenizer and one table of embeddings."""
    forward, backward = models
    for name in SIZES:
        pair = [getattr(model.config, name) for model in models]
        if pair[0] != pair[1]:
            raise UserError(
                f"init_from: {name} is {pair[0]} and {pair[1]}, expected the same in both; pretrain one anew"
            )
    same = [load_tokenizer(folder).backend_tokenizer.to_str() for folder in folders]
    tables = [model.lstm.embed_tokens.weight for model in (forward, backward)]
    if same[0] != same[1] or not torch.equal(*tables):
        what = "tokenizers" if same[0] != same[1] else "embeddings"
        raise UserError(
            f"init_from {' '.join(folders)}: their {what} differ, expected the same; train the second with "
            "`hf-textclf pretrain --direction backward --init_from` the first"
        )


@torch.no_grad()
def copy_start(classifier: LSTMForSequenceClassification, models: list[LSTMForCausalLM]) -> None:
    """Write embeddings and layers of the language models into a classifier made for them (`load_start`)."""
    body = classifier.lstm
    body.embed_tokens.load_state_dict(models[0].lstm.embed_tokens.state_dict())
    # a language model scores padding too, which moved its row
    if body.embed_tokens.padding_idx is not None:
        body.embed_tokens.weight[body.embed_tokens.padding_idx] = 0
    for place, model in enumerate(models):
        for depth, (layer, source) in enumerate(zip(body.layers, model.lstm.layers, strict=True)):
            assert isinstance(layer, LSTMLayer) and isinstance(source, LSTMLayer)
            for name, weight in source.lstm.named_parameters():
                target = getattr(layer.lstm, name + "_reverse" * place)
                reads_both = depth > 0 and name.startswith("weight_ih")
                target.copy_(_beside_zeros(weight, place, len(models)) if reads_both else weight)


def _beside_zeros(weight: Tensor, place: int, directions: int) -> Tensor:
    """weight: (gates, width). Returns (gates, width * directions), zero but at the place of one direction."""
    blocks = [torch.zeros_like(weight)] * directions
    blocks[place] = weight
    return torch.cat(blocks, dim=1)
