"""A pretrained encoder that stays as it is, and a small head that learns from its features.

What is unusual here:
- Loading makes every weight trainable, a training loop puts every module into training mode; both go through
  `train()`, which freezes the encoder. So the features of a text never change, and the classifier takes them, too.
- Which tokens are real is read from `attention_mask` alone: the encoder gets the real tokens of each text moved to the
  left. Padding therefore changes no result, on whichever side it stands, and an empty text is legal.

This file travels to the Hub with every saved model: it imports nothing of ours but its sibling.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling, SequenceClassifierOutput
from transformers.utils import can_return_tuple

from .configuration_frozen import FrozenEncoderConfig


def encoder_of(model: PreTrainedModel) -> PreTrainedModel:
    """The part of a model that reads texts: all of it, but for the decoder of one that has both."""
    return model.get_encoder() if model.config.is_encoder_decoder else model


class FrozenEncoderPreTrainedModel(PreTrainedModel):
    """Loading shared by the models of the frozen family."""

    config: FrozenEncoderConfig
    base_model_prefix = "frozen"
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    # the Trainer must not think that forward() averages over accumulated batches itself (transformers#47688)
    accepts_loss_kwargs = False

    def save_pretrained(self, save_directory: Any, *args: Any, **options: Any) -> None:
        """Save as any model does. Without the plugin, too, what is saved opens headless or with a new head."""
        if self._auto_class is not None:
            module = "modeling_frozen"
            self.config.auto_map = (getattr(self.config, "auto_map", None) or {}) | {
                "AutoModel": f"{module}.FrozenEncoderModel",
                "AutoModelForSequenceClassification": f"{module}.FrozenEncoderForSequenceClassification",
            }
        super().save_pretrained(save_directory, *args, **options)


class FrozenEncoderModel(FrozenEncoderPreTrainedModel):
    """An encoder without gradients and without dropout, and the pooling that makes features of its states: the
    feature-based approach of Devlin et al. 2019, "BERT", section 5.3; mean pooling as in Reimers & Gurevych 2019,
    "Sentence-BERT"."""

    def __init__(self, config: FrozenEncoderConfig) -> None:
        super().__init__(config)
        self.encoder = encoder_of(AutoModel.from_config(config.encoder_config))
        self.post_init()
        self.train()

    def train(self, mode: bool = True) -> "FrozenEncoderModel":
        """Set the mode of everything but the encoder, which stays frozen; see the top of this file."""
        super().train(mode)
        self.encoder.eval().requires_grad_(False)
        return self

    def load_encoder(self, pretrained: PreTrainedModel) -> None:
        """Take over the weights of an `AutoModel` of the configuration `encoder_config`."""
        self.encoder.load_state_dict(encoder_of(pretrained).state_dict())

    def get_input_embeddings(self) -> nn.Module:
        """The encoder's own."""
        return self.encoder.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the encoder's own."""
        self.encoder.set_input_embeddings(value)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | list[int] | None = None,
    ) -> BaseModelOutputWithPooling:
        """Compute the features of a batch of texts.

        Args:
            input_ids: (batch, length) token ids.
            attention_mask: (batch, length), 1 = real token; None means that every token is real.
            token_type_ids: (batch, length), for encoders that know segments.
            inputs_embeds: (batch, length, width), in place of `input_ids`.
            output_attentions: Also return the encoder's attentions.
            output_hidden_states: Also return the encoder's hidden states, all of them or those of the given layers.

        Returns:
            `pooler_output` (batch, width), the features, zero for an empty text; `last_hidden_state`
            (batch, length, width) and on request `hidden_states` and `attentions`, as the encoder gave them: with the
            real tokens of each text on the left.

        Raises:
            ValueError: neither or both of `input_ids` and `inputs_embeds` are given.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds")
        tokens = {"input_ids": input_ids, "token_type_ids": token_type_ids, "inputs_embeds": inputs_embeds}
        inputs: dict[str, Any] = {name: rows for name, rows in tokens.items() if rows is not None}
        tokens_of_texts = next(iter(inputs.values()))
        (batch, length), device = tokens_of_texts.shape[:2], tokens_of_texts.device
        if batch == 0 or length == 0:
            # encoders refuse empty tensors, yet an empty text is legal
            width = self.config.get_text_config().hidden_size
            states = self.encoder.get_input_embeddings().weight.new_zeros(batch, length, width)
            return BaseModelOutputWithPooling(last_hidden_state=states, pooler_output=states.new_zeros(batch, width))
        mask = torch.ones(batch, length, dtype=torch.bool, device=device)
        if attention_mask is not None:
            # the real tokens first, in their order; every place has a key of its own, as ONNX knows no stable sort
            steps = torch.arange(length, device=device)
            mask, order = (steps + length * (attention_mask == 0)).sort(dim=1)
            mask = mask < length
            for name, rows in inputs.items():
                inputs[name] = rows.gather(1, order if rows.dim() == 2 else order[..., None].expand_as(rows))
            inputs["attention_mask"] = mask.long()
        requested = {"output_attentions": output_attentions, "output_hidden_states": output_hidden_states}
        requested = {name: getattr(self.config, name) if on is None else on for name, on in requested.items()}
        outputs = self.encoder(**inputs, **requested, return_dict=True)
        # filled, not multiplied: at a text without tokens an encoder may give anything, infinities too
        states = outputs.last_hidden_state.masked_fill(~mask[..., None], 0)
        mean = states.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        pooled = states[:, 0] if self.config.feature_pooling == "cls" else mean
        return BaseModelOutputWithPooling(outputs.last_hidden_state, pooled, outputs.hidden_states, outputs.attentions)


class FrozenEncoderForSequenceClassification(FrozenEncoderPreTrainedModel):
    """A `FrozenEncoderModel` under a dense layer with ReLU, dropout and a linear layer, for single-label, multi-label
    and regression targets. Only these two layers learn."""

    def __init__(self, config: FrozenEncoderConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.frozen = FrozenEncoderModel(config)
        self.dense = nn.Linear(config.get_text_config().hidden_size, config.head_size)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(config.head_size, config.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        features: Tensor | None = None,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | list[int] | None = None,
    ) -> SequenceClassifierOutput:
        """Classify a batch of texts; arguments as in `FrozenEncoderModel.forward`.

        Args:
            features: (batch, width), the `pooler_output` of `FrozenEncoderModel` for these texts, computed before; in
                place of everything about tokens.
            labels: (batch,) ids for single-label classification; (batch, num_labels) floats for multi-label
                classification; (batch,) floats for regression.

        Returns:
            `logits` (batch, num_labels); `loss`, a scalar, where labels are given; states and attentions on request.
        """
        outputs = BaseModelOutputWithPooling(pooler_output=features)
        if features is None:
            on_request = output_attentions, output_hidden_states
            outputs = self.frozen(
                input_ids, attention_mask, token_type_ids, inputs_embeds, *on_request, return_dict=True
            )
        logits = self.classifier(self.dropout(self.dense(outputs.pooler_output).relu()))
        loss = None if labels is None else self.loss_function(labels=labels, pooled_logits=logits, config=self.config)
        return SequenceClassifierOutput(loss, logits, outputs.hidden_states, outputs.attentions)
