"""How much each depth of a model is trained: frozen, at a lower rate, or only from a later epoch on.

The parts of a model from bottom to top are its embeddings, its layers and its head. Freezing keeps weights where they
are and changes nothing else: dropout goes on in frozen parts as in all others.
"""

import logging
from itertools import chain
from typing import Any

from torch import nn
from transformers import PreTrainedModel, TrainerCallback, TrainerState

from ..errors import UserError

logger = logging.getLogger(__name__)


def model_parts(model: PreTrainedModel) -> list[list[nn.Parameter]]:
    """Sort the parameters of a classifier by depth: embeddings, layer 1 to `config.num_hidden_layers`, head.

    The body registers its parts in the order in which a text passes them. So what stands before the layers counts as
    embeddings (BERT's positions, types and LayerNorm; ELECTRA's projection), and what stands behind them as head
    (poolers, a last LayerNorm), but for embeddings that each layer reads (the relative positions of DeBERTa, MPNet).
    Raises UserError: the layers cannot be told, as in ALBERT, whose layers share their weights, or in an encoder with
    a decoder.
    """
    # the outermost list of as many modules as the configuration tells layers, whatever the family calls it
    number = getattr(model.config, "num_hidden_layers", None)
    lists = [part for part in model.base_model.modules() if isinstance(part, nn.ModuleList) and len(part) == number]
    inside = {module for layers in lists for layer in layers for module in layer.modules()}
    outermost = [layers for layers in lists if layers not in inside]
    if len(outermost) != 1:
        raise UserError(
            f"found {len(outermost)} lists of num_hidden_layers={number} layers in {type(model).__name__}, expected 1;"
            " drop freeze_embeddings, freeze_layers, layerwise_lr_decay and gradual_unfreezing, or change the model"
        )
    layers = outermost[0]
    places = {parameter: place for place, layer in enumerate(layers, 1) for parameter in layer.parameters()}
    tables = [module for module in model.base_model.modules() if isinstance(module, nn.Embedding)]
    embeddings = {parameter for table in tables for parameter in table.parameters()}
    parts: list[list[nn.Parameter]] = [[] for _ in range(len(layers) + 2)]
    before = True
    for parameter in model.parameters():
        before = before and parameter not in places
        parts[places.get(parameter, 0 if before or parameter in embeddings else -1)].append(parameter)
    return parts


def freeze(model: PreTrainedModel, *, embeddings: bool, layers: int) -> None:
    """Exclude the lowest layers and the embeddings below them from training, or the embeddings alone.
    Raises UserError: fewer layers than are to be frozen, or as `model_parts`.
    """
    if not embeddings and layers == 0:
        return
    parts = model_parts(model)
    most = len(parts) - 2
    if not 0 <= layers <= most:
        raise UserError(f"freeze_layers={layers}, but the model has {most} layers; set 0 to {most}")
    for parameter in chain.from_iterable(parts[: layers + 1]):
        parameter.requires_grad_(False)
    trained = f"{model.num_parameters(only_trainable=True):,}"
    logger.info("frozen: the embeddings and %d of %d layers; %s parameters are trained", layers, most, trained)


def layer_lr_multipliers(model: PreTrainedModel, factor: float) -> list[tuple[list[nn.Parameter], float]] | None:
    """Say how fast each part learns: the head as `learning_rate` says, the others `factor` times as fast as the part
    above them (Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?", section 5.3.4; the discriminative
    fine-tuning of Howard & Ruder 2018, "Universal Language Model Fine-tuning for Text Classification", section 3.2,
    is a factor of 1/2.6).

    Returns the parts from the head down, each with what multiplies its learning rate; None for a factor of 1.
    Raises UserError: a factor that is not above 0 and up to 1, or as `model_parts`.
    """
    if not 0 < factor <= 1:
        raise UserError(f"layerwise_lr_decay={factor} is out of range, expected a number above 0, up to 1; change it")
    if factor == 1:
        return None
    return [(part, factor**below) for below, part in enumerate(reversed(model_parts(model)))]


class GradualUnfreezing(TrainerCallback):
    """Train the head alone for one epoch, and free one more layer from the top with each further epoch, the
    embeddings last (Howard & Ruder 2018, section 3.3). What was frozen before stays so.

    The optimizer holds all parts from the start and passes over those without gradients. Several processes need
    `ddp_find_unused_parameters`.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self.parts = [[parameter for parameter in part if parameter.requires_grad] for part in model_parts(model)]

    def on_epoch_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Called by the Trainer before each epoch, also before the one in which a resumed run goes on."""
        trained = 1 + int(state.epoch)
        for below, part in enumerate(reversed(self.parts)):
            for parameter in part:
                parameter.requires_grad_(below < trained)
        lowest, *layers, _ = (any(parameter.requires_grad for parameter in part) for part in self.parts)
        embeddings = " and the embeddings" if lowest else ""
        logger.info("epoch %d trains the head, %d of %d layers%s", trained, sum(layers), len(layers), embeddings)
