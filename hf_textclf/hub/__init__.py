"""The way to the Hub: `push` sends a model, `space` a page on models, `jobs` trains on its machines."""

from .commit import UploadFolder
from .push import PushArguments, prepare, push
from .space import SpaceArguments, deploy_space, run_space

__all__ = ["PushArguments", "SpaceArguments", "UploadFolder", "deploy_space", "prepare", "push", "run_space"]
