"""Configuration of the LSTM family.

This file travels to the Hub with every saved model, so it imports nothing of ours. It must not import
`annotations` from `__future__` either: that silently switches off the type checks of `@strict`.
"""

from typing import Literal

from transformers.utils.versions import require_version

# an older version fails below, in words that tell nobody why
REQUIRED = "transformers>=5.20"
require_version(REQUIRED)

from huggingface_hub.dataclasses import strict  # noqa: E402
from transformers import PreTrainedConfig  # noqa: E402


@strict
class LSTMConfig(PreTrainedConfig):
    """Sizes and regularisers of an `LSTMModel`.

    Args:
        vocab_size: Number of rows of the embedding matrix.
        embedding_size: Width of a token's embedding.
        hidden_size: Width of the hidden state *per direction*.
        num_hidden_layers: Number of stacked LSTM layers.
        cell: What the layers are made of. `rnn` is the plain recurrent network of Elman 1990 ("Finding Structure in
            Time"), a tanh without gates, to see what the gates are good for.
        bidirectional: Whether each layer also reads the text backwards; doubles the width of its states.
        num_attention_heads: Heads of the self-attention (Vaswani et al. 2017, "Attention Is All You Need") over the
            states of the last layer, before they are pooled; 0 for none.
        pooling: How the states of a text become one vector. `last` is the forward direction's state at the last
            token beside the backward direction's at the first; `max` and `mean` are taken over the real tokens;
            `mean_max` is both, side by side; `attention` is a learned weighted mean.
        embedding_dropout: Probability that all occurrences of a word type are dropped from a batch
            (Gal & Ghahramani 2016, section 4.2).
        locked_dropout: Probability that a feature is dropped at *every* time step of a text, on the embeddings and
            between layers (Gal & Ghahramani 2016).
        recurrent_dropout: DropConnect probability on the hidden-to-hidden weights (Merity et al. 2017).
        classifier_dropout: Dropout on the pooled vector before the classification head.
        initializer_range: Standard deviation of the normal distribution that embeddings and linear layers start from.
        pad_token_id: Row of the embedding matrix that stands for padding, if the tokenizer has one.
        tie_word_embeddings: Whether a language model predicts tokens through its embedding matrix.
        reads_backwards: Whether a language model was trained on texts from their last token to their first.

    Raises:
        StrictDataclassError: a value has the wrong type or lies outside its range.
    """

    model_type = "textclf_lstm"

    vocab_size: int = 30522
    embedding_size: int = 128
    hidden_size: int = 128
    num_hidden_layers: int = 1
    cell: Literal["lstm", "rnn"] = "lstm"
    bidirectional: bool = False
    num_attention_heads: int = 0
    pooling: Literal["last", "max", "mean", "mean_max", "attention"] = "max"
    embedding_dropout: float | int = 0.0
    locked_dropout: float | int = 0.0
    recurrent_dropout: float | int = 0.0
    classifier_dropout: float | int = 0.0
    initializer_range: float | int = 0.1
    pad_token_id: int | None = 0
    tie_word_embeddings: bool = True
    reads_backwards: bool = False

    def validate_sizes(self) -> None:
        """Called by `@strict` after construction."""
        for name in ("vocab_size", "embedding_size", "hidden_size", "num_hidden_layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")
        for name in ("embedding_dropout", "locked_dropout", "recurrent_dropout", "classifier_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must lie in [0, 1)")
        if self.num_hidden_layers > 1000:
            raise ValueError(f"num_hidden_layers={self.num_hidden_layers} must be at most 1000")
        if not 0 <= self.initializer_range < float("inf"):
            raise ValueError(f"initializer_range={self.initializer_range} must be 0 or more")
        width = self.hidden_size * (1 + self.bidirectional)
        if self.num_attention_heads < 0 or self.num_attention_heads and width % self.num_attention_heads:
            raise ValueError(
                f"num_attention_heads={self.num_attention_heads} must be 0 or divide the width of the states, {width}"
            )
        if self.pad_token_id is not None and not 0 <= self.pad_token_id < self.vocab_size:
            raise ValueError(f"pad_token_id={self.pad_token_id} must lie in [0, vocab_size={self.vocab_size})")
