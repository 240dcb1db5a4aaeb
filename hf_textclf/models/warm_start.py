"""Start a classifier from the body of one language model, or of two for its two directions: its states are exactly
theirs. In a deep bidirectional LSTM the weights of upper layers for the states of the other direction start at zero.
"""

from typing import Any

import torch

from ..errors import UserError
from ..tokenization import load_tokenizer
from .loading import load_language_model
from .lstm import LSTMForCausalLM, LSTMForSequenceClassification
from .lstm.layers_lstm import LSTMLayer

SIZES = ("embedding_size", "hidden_size", "num_hidden_layers", "cell")


def load_start(folders: list[str], keys: dict[str, Any]) -> tuple[list[LSTMForCausalLM], dict[str, Any]]:
    """Load the language models and say what a classifier must be to start from them.

    keys: the fields of the new model that the user gives. Returns the models and these fields, completed.
    Raises UserError: a number of folders, a direction or a size that does not fit; two models that do not share
    tokenizer, embeddings and sizes.
    """
    if len(folders) > 2:
        raise UserError(f"init_from names {len(folders)} folders, expected one, or two for both directions; drop some")
    models = [load_language_model(folder) for folder in folders]
    for folder, model, backwards in zip(folders, models, (False, True), strict=False):
        if model.config.reads_backwards != backwards:
            read, expected = ("forward", "backward")[:: 1 if backwards else -1]
            raise UserError(
                f"init_from {folder!r} reads {read}, expected {expected} at this place; name the forward model first, "
                "then the backward one"
            )
    if len(models) == 2:
        for name in SIZES:
            pair = [getattr(model.config, name) for model in models]
            if pair[0] != pair[1]:
                raise UserError(
                    f"init_from: {name} is {pair[0]} and {pair[1]}, expected the same in both; pretrain one anew"
                )
        tokenizers = [load_tokenizer(folder).backend_tokenizer.to_str() for folder in folders]
        same = tokenizers[0] == tokenizers[1]
        if not same or not torch.equal(*(model.lstm.embed_tokens.weight for model in models)):
            raise UserError(
                f"init_from {' '.join(folders)}: their {'embeddings' if same else 'tokenizers'} differ, expected the "
                "same; train the second with `hf-textclf pretrain --direction backward --init_from` the first"
            )
    sizes = {name: getattr(models[0].config, name) for name in SIZES} | {"bidirectional": len(models) == 2}
    for name, value in sizes.items():
        if keys.get(name, value) != value:
            raise UserError(
                f"{name}={keys[name]} contradicts init_from {' '.join(folders)}, expected {value}; drop --{name} or "
                "name other folders"
            )
    return models, keys | sizes


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
                if depth > 0 and name.startswith("weight_ih"):
                    # (gates, width * directions), zero but for the states of its own direction
                    blocks = [torch.zeros_like(weight)] * len(models)
                    blocks[place] = weight
                    target.copy_(torch.cat(blocks, dim=1))
                else:
                    target.copy_(weight)
