"""The pretrained encoder that a new model of a home-made family is made around, where the family is of that kind."""

from typing import Any

from ..errors import UserError
from ..models.loading import load_config
from .arguments import ModelArguments


def encoder_config(arguments: ModelArguments, families: dict[str, Any], *, revision: str) -> dict[str, Any]:
    """The configuration of the encoder, under the key it has in the new model's; nothing where there is none.

    families: the configuration class of every home-made family, by its model_type.

    Raises:
        UserError: an encoder is missing, is not wanted, cannot be read, or is home-made itself.
    """
    family, name = families[arguments.model_type], arguments.encoder_name_or_path
    if not family.sub_configs:
        if name:
            raise UserError(
                f"encoder_name_or_path {name!r}, but model_type {arguments.model_type!r} has no encoder; drop it, "
                "add --model_type textclf_frozen, or train the whole encoder with --model_name_or_path"
            )
        return {}
    if name is None:
        raise UserError(
            f"model_type {arguments.model_type!r} needs a pretrained encoder; name a checkpoint with "
            "--encoder_name_or_path"
        )
    if arguments.embeddings_from:
        raise UserError(
            f"embeddings_from {arguments.embeddings_from!r}, but the encoder {name!r} has its own embeddings; "
            "drop one of them"
        )
    config = load_config(name, revision=revision)
    if config.model_type in families:
        raise UserError(
            f"encoder {name!r} is a {config.model_type}, expected a model of Transformers' own, such as a BERT; "
            "train this one further with --model_name_or_path"
        )
    # it is saved, and a path of this machine is nobody else's business
    config.name_or_path = ""
    return dict.fromkeys(family.sub_configs, config)
