"""The way to the Hub: `push` sends a model, `space` a page on models, `jobs` trains on its machines."""

from .push import PushArguments, prepare, push
from .space.deploy import SpaceArguments, deploy_space, plan_space
from .space.local import run_space
from .upload_folder import UploadFolder, pack

__all__ = [
    "UploadFolder",
    "PushArguments",
    "SpaceArguments",
    "deploy_space",
    "pack",
    "plan_space",
    "prepare",
    "push",
    "run_space",
]
