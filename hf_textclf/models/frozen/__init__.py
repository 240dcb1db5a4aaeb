"""The frozen family: a dense head over any encoder's features. Imports nothing of ours but this folder."""

from .configuration_frozen import FrozenEncoderConfig
from .modeling_frozen import FrozenEncoderForSequenceClassification, FrozenEncoderModel

__all__ = ["FrozenEncoderConfig", "FrozenEncoderForSequenceClassification", "FrozenEncoderModel"]
