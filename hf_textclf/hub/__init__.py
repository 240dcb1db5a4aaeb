"""The way to the Hub: `push` sends a model, `space` a page on models, `jobs` trains on its machines."""

from .push import PushArguments, prepare, push
from .space import SpaceArguments, deploy_space, plan_space, run_space
from .upload_folder import UploadFolder

__all__ = [
    "PushArguments",
    "SpaceArguments",
    "UploadFolder",
    "deploy_space",
    "plan_space",
    "prepare",
    "push",
    "run_space",
]
