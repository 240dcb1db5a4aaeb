"""The way to the Hub: `hf-textclf push FOLDER --repo you/name`, and training on its machines (`jobs`)."""

from .parcel import Parcel, pack
from .sending import PushArguments, prepare, push

__all__ = ["Parcel", "PushArguments", "pack", "prepare", "push"]
