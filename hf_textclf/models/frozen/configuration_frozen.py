"""Configuration of the frozen family: an encoder's own configuration and the head above it.

This file travels to the Hub with every saved model, so it imports nothing of ours. It must not import
`annotations` from `__future__` either: that silently switches off the type checks of `@strict`.
"""

from typing import Any, Literal

from transformers.utils.versions import require_version

# an older version fails below, in words that tell nobody why
REQUIRED = "transformers>=5.20"
require_version(REQUIRED)

from huggingface_hub.dataclasses import strict  # noqa: E402
from transformers import AutoConfig, PreTrainedConfig  # noqa: E402
from transformers.configuration_utils import SubConfigSpec  # noqa: E402


@strict
class FrozenEncoderConfig(PreTrainedConfig):
    """What a `FrozenEncoderForSequenceClassification` is made of.

    Args:
        encoder_config: Configuration of the encoder, any that `AutoModel` knows; a BERT's where none is given.
        feature_pooling: How the encoder's states of a text become one vector, its features. `cls` is the state of the
            first token, which a BERT puts there for this; `mean` is taken over the real tokens.
        head_size: Width of the dense layer between the features and the last layer.
        classifier_dropout: Dropout before the last layer.

    Raises:
        StrictDataclassError: a value has the wrong type or lies outside its range.
    """

    model_type = "textclf_frozen"
    sub_configs_defaults = {"encoder_config": SubConfigSpec(config_class=AutoConfig, model_type="bert")}

    # whatever is given, it is a configuration after construction
    encoder_config: Any = None
    feature_pooling: Literal["cls", "mean"] = "mean"
    head_size: int = 64
    classifier_dropout: float | int = 0.5

    def validate_sizes(self) -> None:
        """Called by `@strict` after construction."""
        if self.head_size < 1:
            raise ValueError(f"head_size={self.head_size} must be at least 1")
        if not 0 <= self.classifier_dropout < 1:
            raise ValueError(f"classifier_dropout={self.classifier_dropout} must lie in [0, 1)")

    def get_text_config(self, **options: Any) -> PreTrainedConfig:
        """The configuration that holds vocabulary, width and positions: that of the encoder."""
        return self.encoder_config.get_text_config(**options)
