"""The way to the Hub: `hf-textclf push FOLDER --repo you/name`, and training on its machines."""

from .jobs import JobArguments, train_on_hub
from .parcel import Parcel, pack
from .sending import PushArguments, push

__all__ = ["JobArguments", "Parcel", "PushArguments", "pack", "push", "train_on_hub"]
