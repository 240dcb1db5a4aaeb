"""An LSTM that behaves like any other Transformers model.

What is unusual here:
- Which tokens are real is read from `attention_mask` alone, wherever the pads stand: the real tokens of each text are
  moved to the left, read, and moved back. Padding therefore changes no result, and an empty text is legal.

This file travels to the Hub with every saved model: it imports nothing of ours but its siblings.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPooling, SequenceClassifierOutput
from transformers.utils import can_return_tuple

from .configuration_lstm import LSTMConfig
from .layers_lstm import LSTMLayer, LSTMPooler, align_left, locked_dropout, reorder, turn_around


class LSTMPreTrainedModel(PreTrainedModel):
    """Weight initialisation and loading shared by the LSTM models."""

    config: LSTMConfig
    base_model_prefix = "lstm"
    _no_split_modules = ["LSTMLayer"]
    # the Trainer must not think that forward() averages over accumulated batches itself (transformers#47688)
    accepts_loss_kwargs = False

    def save_pretrained(self, save_directory: Any, *args: Any, **options: Any) -> None:
        """Save as any model does. Without the plugin, too, what is saved opens headless or with a new head."""
        if self._auto_class is not None:
            module = "modeling_lstm"
            self.config.auto_map = (getattr(self.config, "auto_map", None) or {}) | {
                "AutoModel": f"{module}.LSTMModel",
                "AutoModelForSequenceClassification": f"{module}.LSTMForSequenceClassification",
            }
        super().save_pretrained(save_directory, *args, **options)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if not isinstance(module, nn.RNNBase):
            return
        for name, parameter in module.named_parameters():
            if name.startswith("weight_hh"):
                init.orthogonal_(parameter)
            elif isinstance(module, nn.RNN):
                # as Transformers does for nn.LSTM
                (init.xavier_uniform_ if name.startswith("weight_ih") else init.zeros_)(parameter)
            elif name.startswith("bias_ih"):
                # forget-gate bias of 1 (Jozefowicz et al. 2015, "An Empirical Exploration of Recurrent Network
                # Architectures"); copied whole, since writing to a slice would overwrite loaded weights
                bias = torch.zeros_like(parameter)
                bias[module.hidden_size : 2 * module.hidden_size] = 1
                init.copy_(parameter, bias)


class LSTMModel(LSTMPreTrainedModel):
    """Embedding, stacked (bidirectional) LSTM (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al.
    2000) and pooling, which a language model does without."""

    def __init__(self, config: LSTMConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id)
        width = config.hidden_size * (1 + config.bidirectional)
        sizes = [config.embedding_size] + [width] * (config.num_hidden_layers - 1)
        self.layers = nn.ModuleList(LSTMLayer(config, size) for size in sizes)
        self.pooler = LSTMPooler(config) if add_pooling_layer else None
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
    ) -> BaseModelOutputWithPooling:
        """Read a batch of texts.

        Args:
            input_ids: (batch, length) token ids.
            attention_mask: (batch, length), 1 = real token; None means that every token is real.
            inputs_embeds: (batch, length, embedding_size), in place of `input_ids`.
            output_attentions: Also return the weights of self-attention and of attention pooling.
            output_hidden_states: Also return the embeddings and the states of each layer.

        Returns:
            `last_hidden_state` (batch, length, hidden_size * directions), zero at pads; `pooler_output`
            (batch, width of the pooling), None without pooling; on request `hidden_states`, 1 + num_hidden_layers
            tensors, and `attentions`: (batch, num_attention_heads, length, length) where there are heads, then
            (batch, length) for attention pooling.

        Raises:
            ValueError: neither or both of `input_ids` and `inputs_embeds` are given.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds")
        if inputs_embeds is None:
            inputs_embeds = self.embed_tokens(input_ids)
            if self.training and self.config.embedding_dropout:
                # whole word types: every occurrence in the batch at once (Gal & Ghahramani 2016, section 4.2)
                ones = inputs_embeds.new_ones(self.config.vocab_size, 1)
                inputs_embeds = inputs_embeds * F.dropout(ones, self.config.embedding_dropout)[input_ids]
        ones = torch.ones(inputs_embeds.shape[:2], device=inputs_embeds.device)
        mask = (ones if attention_mask is None else attention_mask).bool()
        # a short cut past all that moves pads, which a graph cannot take: it would depend on the values of the mask
        in_graph = torch.compiler.is_compiling() or torch.jit.is_tracing()
        hidden_states = self._read(inputs_embeds, mask, padded=in_graph or not mask.all())
        wants_states = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        wants_weights = self.config.output_attentions if output_attentions is None else output_attentions
        pooled, weights = self.pooler(hidden_states[-1], mask, wants_weights) if self.pooler else (None, ())
        states, attentions = hidden_states if wants_states else None, weights if wants_weights and weights else None
        return BaseModelOutputWithPooling(hidden_states[-1], pooled, states, attentions)

    def _read(self, embeddings: Tensor, mask: Tensor, *, padded: bool) -> tuple[Tensor, ...]:
        """Run the layers. embeddings: (batch, length, width); mask: (batch, length); padded: whether it has zeros.
        Returns the embeddings and each layer's states, every one with the tokens where they came from and zeros at
        pads."""
        if embeddings.shape[0] == 0 or embeddings.shape[1] == 0:
            # the kernels refuse empty tensors, yet an empty text is legal
            width = self.config.hidden_size * (1 + self.config.bidirectional)
            return (embeddings, *(embeddings.new_zeros(*mask.shape, width) for _ in self.layers))
        hidden_states = [embeddings]
        if padded:
            # where each left-aligned step comes from, where each token goes, and where the backward direction reads
            origins = align_left(mask)
            places, turn = origins.argsort(1), turn_around(mask.sum(1), mask.shape[1])
        for layer in self.layers:
            states = locked_dropout(hidden_states[-1], self.config.locked_dropout, self.training)
            if padded:
                states = reorder(layer(reorder(states, origins), turn), places) * mask[..., None]
            else:
                states = layer(states, None)
            hidden_states.append(states)
        return tuple(hidden_states)


class LSTMForSequenceClassification(LSTMPreTrainedModel):
    """An `LSTMModel` with dropout and a linear head, for single-label, multi-label and regression targets."""

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.lstm = LSTMModel(config)
        assert self.lstm.pooler is not None
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(self.lstm.pooler.output_size, config.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
    ) -> SequenceClassifierOutput:
        """Classify a batch of texts; arguments as in `LSTMModel.forward`.

        Args:
            labels: (batch,) ids for single-label classification; (batch, num_labels) floats for multi-label
                classification; (batch,) floats for regression.

        Returns:
            `logits` (batch, num_labels); `loss`, a scalar, where labels are given; states and weights on request.
        """
        outputs = self.lstm(
            input_ids, attention_mask, inputs_embeds, output_attentions, output_hidden_states, return_dict=True
        )
        logits = self.classifier(self.dropout(outputs.pooler_output))
        loss = None if labels is None else self.loss_function(labels=labels, pooled_logits=logits, config=self.config)
        return SequenceClassifierOutput(loss, logits, outputs.hidden_states, outputs.attentions)
