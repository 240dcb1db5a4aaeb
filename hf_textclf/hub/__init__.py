"""The way to the Hub: `push` sends a model, `space` a page on models, `jobs` trains on its machines."""

from .parcel import Parcel, pack
from .sending import PushArguments, prepare, push
from .space import SpaceArguments, deploy_space, plan_space
from .space_local import run_space

__all__ = [
    "Parcel",
    "PushArguments",
    "SpaceArguments",
    "deploy_space",
    "pack",
    "plan_space",
    "prepare",
    "push",
    "run_space",
]
