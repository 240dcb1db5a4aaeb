"""What each command does: read its flags, do its work, show what came of it.

Heavy imports wait inside the commands, so that help and mistakes answer at once.
"""

from collections.abc import Callable

from .publish import card_command, demo_command, push_command, space_command
from .train import pretrain_command, train_command, tune_command
from .use import calibrate_command, compare_command, evaluate_command, explain_command, gates_command, predict_command

COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "train": train_command,
    "pretrain": pretrain_command,
    "tune": tune_command,
    "evaluate": evaluate_command,
    "predict": predict_command,
    "calibrate": calibrate_command,
    "compare": compare_command,
    "gates": gates_command,
    "explain": explain_command,
    "card": card_command,
    "push": push_command,
    "space": space_command,
    "demo": demo_command,
}
