"""A language model over the LSTM: the next token of a text, trained on texts without labels.

What is unusual here:
- The cache of `generate` is what the network remembers: (h, c) of every layer, as `nn.LSTM` gives them.
- While training with labels no logits are returned: `linear_cross_entropy` never holds all of them.
- With `config.reads_backwards` the model is fed each text from its last token to its first; it does not turn
  anything around itself.

This file travels to the Hub with every saved language model: it imports nothing of ours but its siblings.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GenerationMixin
from transformers.utils import ModelOutput, can_return_tuple

from .configuration_lstm import LSTMConfig
from .layers_lstm import LSTMLayer, align_left, locked_dropout, reorder
from .modeling_lstm import LSTMModel, LSTMPreTrainedModel

IGNORED = -100
CHUNK = 512  # positions; the scores of a chunk over 10,000 tokens nearly fit into the cache


class LSTMMemory(NamedTuple):
    """What the network remembers of the texts so far: h and c, each (num_hidden_layers, batch, hidden_size)."""

    h: Tensor
    c: Tensor

    @property
    def is_compileable(self) -> bool:
        """Asked by `generate`, which would compile the model for a cache that it has made for that."""
        return False

    @property
    def is_croppable(self) -> bool:
        """Asked by `generate` on MPS: the last tokens cannot be forgotten again."""
        return False


@dataclass
class LSTMCausalLMOutput(ModelOutput):
    """`cache_params`: what is remembered after the last real token."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    cache_params: LSTMMemory | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class LSTMForCausalLM(LSTMPreTrainedModel, GenerationMixin):
    """An `LSTMModel` that predicts the next token through its own embeddings (Press & Wolf 2017, "Using the Output
    Embedding to Improve Language Models"); dropout as in AWD-LSTM (Merity et al. 2017).

    Raises:
        ValueError: `bidirectional`, since the states of the backward direction have read the next token; a cell that
            is no LSTM, since generation goes on from (h, c).
    """

    _tied_weights_keys = {"lm_head.weight": "lstm.embed_tokens.weight"}
    # the states of earlier tokens are gone: generation cannot step back
    _is_stateful = True

    def __init__(self, config: LSTMConfig) -> None:
        if config.bidirectional:
            raise ValueError("bidirectional=True has read the next token already; set it to False")
        if config.cell != "lstm":
            raise ValueError(f"cell={config.cell!r} does not remember (h, c); set it to 'lstm'")
        super().__init__(config)
        self.lstm = LSTMModel(config, add_pooling_layer=False)
        same = config.hidden_size == config.embedding_size
        self.projection = nn.Identity() if same else nn.Linear(config.hidden_size, config.embedding_size)
        self.lm_head = nn.Linear(config.embedding_size, config.vocab_size)
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        cache_params: LSTMMemory | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> LSTMCausalLMOutput:
        """Score every token of the vocabulary as the next one; first arguments as in `LSTMModel.forward`.

        Args:
            labels: (batch, length) ids, usually `input_ids` themselves: they are shifted here. -100 is left out.
            cache_params: What the model remembers of the tokens before these, from an earlier output. No dropout.
            use_cache: Return `cache_params` to go on from; never while training.
            logits_to_keep: Number of positions, counted from the end, that logits are computed for; 0: all of them.
            kwargs: Of these, `shift_labels` counts in place of `labels` where it is given beside them: (batch,
                length), shifted already. Not an argument by name, or the Trainer would ask every batch for it.

        Returns:
            `logits` (batch, length, vocab_size), not while training with labels; `loss`, a scalar, where labels are
            given; `cache_params` and `hidden_states` on request.
        """
        use_cache = bool(use_cache) and not self.training
        if use_cache or cache_params is not None:
            hidden_states, cache_params = self._read_on(input_ids, attention_mask, inputs_embeds, cache_params)
            states = hidden_states[-1]
        else:
            # on a CPU, LSTM kernels fail or crawl in half precision; what costs most is the head
            whole = self.device.type == "cpu" and torch.is_autocast_enabled("cpu")
            with torch.autocast("cpu", enabled=False) if whole else nullcontext():
                on_request = {"output_attentions": False, "output_hidden_states": output_hidden_states}
                outputs = self.lstm(input_ids, attention_mask, inputs_embeds, **on_request, return_dict=True)
            states, hidden_states = outputs.last_hidden_state, outputs.hidden_states
        states = self.projection(locked_dropout(states, self.config.locked_dropout, self.training))

        loss = logits = None
        if labels is not None and self.training:
            after = kwargs.get("shift_labels")
            before, after = (states[:, :-1], labels[:, 1:]) if after is None else (states, after)
            loss = linear_cross_entropy(before.flatten(0, 1), self.lm_head.weight, self.lm_head.bias, after.flatten())
        else:
            kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
            logits = self.lm_head(states[:, kept])
            if labels is not None:
                loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.lm_head.out_features, **kwargs)
        wants_states = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        memory = cache_params if use_cache else None
        return LSTMCausalLMOutput(loss, logits, memory, hidden_states if wants_states else None)

    def _read_on(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None,
        embeddings: Tensor | None,
        cache_params: LSTMMemory | None,
    ) -> tuple[tuple[Tensor, ...], LSTMMemory]:
        """Run the layers from what they remember. Returns embeddings and states of each layer, and what is kept."""
        if (input_ids is None) == (embeddings is None):
            raise ValueError("pass exactly one of input_ids and inputs_embeds")
        if embeddings is None:
            embeddings = self.lstm.embed_tokens(input_ids)
        batch, length = embeddings.shape[:2]
        if cache_params is None:
            zeros = embeddings.new_zeros(self.config.num_hidden_layers, batch, self.config.hidden_size)
            cache_params = LSTMMemory(zeros, zeros)
        ones = torch.ones(batch, length, device=embeddings.device)
        mask = (ones if attention_mask is None else attention_mask).bool()
        origins = align_left(mask)
        places = origins.argsort(1)
        hidden_states, remembered = [embeddings], []
        for layer, *before in zip(self.lstm.layers, *cache_params, strict=True):
            assert isinstance(layer, LSTMLayer)
            states, after = layer.resume(reorder(hidden_states[-1], origins), mask.sum(1), (before[0], before[1]))
            hidden_states.append(reorder(states, places) * mask[..., None])
            remembered.append(after)
        h, c = zip(*remembered, strict=True)
        return tuple(hidden_states), LSTMMemory(torch.stack(h), torch.stack(c))

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """As in every model of Transformers, but for the mask: it covers the tokens at hand alone.

        `generate` takes `inputs_embeds` only where they are written out here, and the other arguments of `forward`
        only where the rest is called `kwargs`.
        """
        inputs = super().prepare_inputs_for_generation(
            input_ids, attention_mask=attention_mask, inputs_embeds=inputs_embeds, **kwargs
        )
        tokens = inputs["input_ids"] if inputs.get("input_ids") is not None else inputs["inputs_embeds"]
        if attention_mask is not None:
            inputs["attention_mask"] = attention_mask[:, -tokens.shape[1] :]
        return inputs

    @classmethod
    def _supports_default_dynamic_cache(cls) -> bool:
        """There are no keys and values to keep."""
        return False

    def _reorder_cache(self, cache_params: LSTMMemory, beam_idx: Tensor) -> LSTMMemory:
        """Called by beam search: each beam goes on from the one it was taken from."""
        return LSTMMemory(*(states.index_select(1, beam_idx) for states in cache_params))


# torch.nn.functional.linear_cross_entropy does the same from torch 2.13 on: drop ours when that is the floor
class LinearCrossEntropy(torch.autograd.Function):
    """Cross entropy of a linear layer over a vocabulary, chunk by chunk: the scores of all positions are by far the
    largest tensor of a language model. Forward takes the gradient of a chunk while it is in the processor's cache (the
    idea of Hsu et al. 2024, "Liger Kernel: Efficient Triton Kernels for LLM Training", section 3.2)."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the mean over all positions with a label; shapes as in `linear_cross_entropy`."""
        wants_states, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        count = (labels != IGNORED).sum().clamp(min=1)
        total = states.new_zeros((), dtype=torch.float32)
        grad_states = torch.zeros_like(states) if wants_states else None
        grad_weight = torch.zeros_like(weight) if wants_weight else None
        grad_bias = torch.zeros_like(bias) if wants_bias else None
        rounded_weight, rounded_bias = weight.to(dtype), bias.to(dtype)
        for start in range(0, len(states), CHUNK):
            here = slice(start, start + CHUNK)
            inputs, targets = states[here].to(dtype), labels[here]
            real, rows = targets != IGNORED, torch.arange(len(targets), device=targets.device)
            targets = targets.clamp(min=0)
            scores = F.linear(inputs, rounded_weight, rounded_bias)
            probabilities = scores.softmax(-1)
            # from the likeliest token, whose probability cannot underflow, to the label
            behind = scores.amax(-1).float() - scores[rows, targets].float()
            total += ((behind - probabilities.amax(-1).float().log()) * real).sum()
            # the gradient of the scores: the probabilities less one at the label
            grad = probabilities
            grad[rows, targets] -= 1
            grad[~real] = 0
            if grad_bias is not None:
                grad_bias += grad.sum(0)
            if grad_states is not None:
                grad_states[here] = grad @ rounded_weight
            if grad_weight is not None:
                grad_weight += grad.T @ inputs
        ctx.save_for_backward(count, grad_states, grad_weight, grad_bias)
        return total / count

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the gradients that forward computed."""
        count, *grads = ctx.saved_tensors
        scaled = (None if grad is None else grad * (grad_output / count) for grad in grads)
        return (*scaled, None, None)


def linear_cross_entropy(states: Tensor, weight: Tensor, bias: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of `states @ weight.T + bias`, averaged over the positions whose label is not -100.

    states: (positions, width); weight: (vocab_size, width); bias: (vocab_size,); labels: (positions,). Under autocast
    the products are taken in its type, all sums over a text or a vocabulary in float32. Returns a scalar; 0 where no
    position has a label.
    """
    kind = states.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype
    with torch.autocast(kind, enabled=False):
        return LinearCrossEntropy.apply(states, weight, bias, labels, dtype)
