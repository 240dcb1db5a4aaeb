"""What the commands do with the words that were typed, before a parser reads the flags."""

import logging
from pathlib import Path
from typing import Any

from ..errors import UserError


def quiet() -> None:
    """No bars for the reading and writing of weights, which takes a moment; those of training and predicting stay."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    # its table of the weights of a new head, which are missing as they should
    transformers_logging.get_logger("transformers.modeling_utils").addFilter(_is_no_report)


def _is_no_report(record: logging.LogRecord) -> bool:
    return "LOAD REPORT" not in record.getMessage() or "mismatch" in record.getMessage()


def with_config(tokens: list[str]) -> list[str]:
    """Put the default config in front of the flags of a run that names none."""
    given = {token.split("=")[0] for token in tokens}
    if "--config" in given:
        return tokens
    defaults = {
        "--model_name_or_path": "bert",
        "--encoder_name_or_path": "frozen",
        "--init_from": "lstm_pretrained",
    }
    return ["--config", next((name for flag, name in defaults.items() if flag in given), "lstm"), *tokens]


def positionals(tokens: list[str], usage: str) -> tuple[list[str], list[str]]:
    """Split off the arguments without a flag, which come first; a last name with dots stands for one or more."""
    names = usage.split()[1:]
    many = names[-1].endswith("...")
    if tokens and tokens[0] in ("-h", "--help"):
        return [""] * len(names), tokens
    count = next((number for number, token in enumerate(tokens) if token.startswith("--")), len(tokens))
    if count != len(names) and not (many and count > len(names)):
        raise UserError(
            f"expected {len(names)} argument(s){' or more' if many else ''} before the flags, found {count}; "
            f"hf-textclf {usage} --flag ..."
        )
    return tokens[:count], tokens[count:]


def recorded(folder: str) -> dict[str, Any]:
    """The keys of the run that a folder came from.

    Raises:
        UserError: there is no such folder, and no model of the Hub has such a name.
    """
    from ..saved_model.layout import read_run

    if "/" not in folder and folder and not Path(folder).exists():
        raise UserError(f"{folder!r} is no folder here, expected a trained model; correct its path")
    return read_run(Path(folder))
