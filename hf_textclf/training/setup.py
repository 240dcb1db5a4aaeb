"""What a run needs before its first step: a place to write, a tokenizer, encoded texts, a model."""

import logging
from collections import Counter
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from datasets import DatasetDict
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, PreTrainedModel, PreTrainedTokenizerFast, TrainerState, TrainingArguments

from ..args import ModelArguments
from ..baselines import KINDS
from ..data import TextData
from ..embeddings import load_embeddings
from ..errors import UserError
from ..models import further_model, load_config, longest_text, new_model
from ..register import MODELS
from ..tokenization import check_agreement, encode, load_tokenizer, set_truncation, train_tokenizer

logger = logging.getLogger(__name__)
HOME_MADE = {config.model_type: config for config, _, _ in MODELS}


def find_checkpoint(training: TrainingArguments) -> str | None:
    """Say where to go on: None for a new run, which must not write over anything.

    Raises:
        UserError: the folder exists and is not to be resumed, or there is nothing to resume.
    """
    output, wish = Path(training.output_dir), training.resume_from_checkpoint
    anew = wish is None or str(wish).lower() == "false"
    inside = str(wish).lower() == "true" or Path(str(wish)).resolve().parent == output.resolve()
    if anew or not inside:
        if output.is_dir() and any(output.iterdir()) or output.is_file():
            raise UserError(
                f"output_dir {str(output)!r} already holds something, expected a new folder; choose another one, "
                "remove it, or go on with --resume_from_checkpoint true"
            )
    if anew:
        return None
    checkpoints = [Path(str(wish))]
    if str(wish).lower() == "true":
        checkpoints = sorted(output.glob("checkpoint-[0-9]*"), key=lambda folder: int(folder.name.split("-")[1]))
    # the last file of a checkpoint: a run killed while it was writing one goes on from the one before
    whole = [folder for folder in checkpoints if (folder / "trainer_state.json").is_file()]
    if not whole:
        raise UserError(
            f"no whole checkpoint in {str(output if str(wish).lower() == 'true' else wish)!r} to resume from; "
            "train anew into another output_dir, without --resume_from_checkpoint"
        )
    return str(whole[-1])


def check_checkpoint(checkpoint: str, model: PreTrainedModel) -> None:
    """Make sure that a checkpoint can be read and is one of this model.

    Raises:
        UserError: a file is missing or half-written, or the weights have other names or sizes.
    """
    try:
        with safe_open(Path(checkpoint) / "model.safetensors", framework="pt") as saved:
            shapes = {name: saved.get_slice(name).get_shape() for name in saved.keys()}  # noqa: SIM118
        TrainerState.load_from_json(str(Path(checkpoint) / "trainer_state.json"))
        broken = "optimizer.pt" if not is_zipfile(Path(checkpoint) / "optimizer.pt") else ""
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        broken = str(error)
    if broken:
        raise UserError(
            f"cannot resume from {checkpoint!r}: broken or half-written ({broken}); remove it and resume from an "
            "earlier one, or train anew into another output_dir"
        )
    state = model.state_dict()
    for name, shape in shapes.items():
        ours = list(state[name].shape) if name in state else "no such weight"
        if shape != ours:
            raise UserError(
                f"cannot resume from {checkpoint!r}: its {name} is {shape}, this run's is {ours}; "
                "resume with the data and the settings that the run was started with"
            )


def make_tokenizer(data: TextData, arguments: ModelArguments, *, vocab_size: int | None) -> PreTrainedTokenizerFast:
    """Load the tokenizer that the arguments name, or train one on the training texts."""
    name = arguments.tokenizer_name_or_path or arguments.model_name_or_path
    if name and arguments.tokenizer_type:
        raise UserError(f"tokenizer_type {arguments.tokenizer_type!r} trains a tokenizer, {name!r} has one; drop one")
    source = arguments.embeddings_from
    if not name and not arguments.tokenizer_type and source and not Path(source).is_file():
        # the embeddings of another checkpoint fit its own tokenizer best
        name = source
    if name is None:
        tokenizer = train_tokenizer(
            iter(data.splits["train"]["text"]),
            tokenizer_type=arguments.tokenizer_type or "wordpiece",
            vocab_size=vocab_size or 30_000,
            max_length=arguments.max_length,
        )
    else:
        if vocab_size is not None:
            raise UserError(
                f"vocab_size={vocab_size} limits a tokenizer that is trained, but {name!r} has its own; "
                "drop one of them"
            )
        home_made = arguments.model_name_or_path is None
        if arguments.model_name_or_path:
            home_made = _config(arguments).model_type in HOME_MADE
        tokenizer = load_tokenizer(
            name, home_made=home_made, revision=_revision(arguments, name),
            trust_remote_code=arguments.trust_remote_code,
        )  # fmt: skip
    set_truncation(
        tokenizer,
        truncation=arguments.truncation,
        max_length=arguments.max_length,
        head_tokens=arguments.head_tokens,
    )
    return tokenizer


def encode_splits(data: TextData, tokenizer: PreTrainedTokenizerFast) -> DatasetDict:
    """Turn the texts of all splits into token ids; `length` is what the sampler groups by."""

    def step(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        encoded = encode(tokenizer, batch["text"], with_lengths=True)
        encoded["length"] = [len(row) for row in encoded["input_ids"]]
        return encoded

    return data.splits.map(step, batched=True, remove_columns=["text"], desc="tokenizing")


def make_model(
    data: TextData,
    tokenizer: PreTrainedTokenizerFast,
    train_ids: list[list[int]],
    *,
    arguments: ModelArguments,
    new: Any,
) -> PreTrainedModel:
    """Make a new model of a home-made family, or load the checkpoint that is to be trained further.

    train_ids: token ids of the training texts, which the coverage of pretrained embeddings is reported for.
    new: the fields of a new model (`args.NewModelArguments`), None where not given.
    """
    id2label = dict(enumerate(data.label_names))
    labels = {
        "id2label": id2label,
        "label2id": {name: number for number, name in id2label.items()},
        "problem_type": data.problem_type,
    }
    chosen = {item.name: getattr(new, item.name) for item in fields(new) if getattr(new, item.name) is not None}
    if arguments.model_name_or_path:
        if arguments.embeddings_from:
            chosen["embeddings_from"] = arguments.embeddings_from
        if chosen:
            raise UserError(
                f"{sorted(chosen)[0]}={chosen[sorted(chosen)[0]]} describes a new model, but model_name_or_path "
                f"{arguments.model_name_or_path!r} has its own; drop one of them"
            )
        model = further_model(
            arguments.model_name_or_path,
            labels,
            revision=_revision(arguments, arguments.model_name_or_path),
            trust_remote_code=arguments.trust_remote_code,
        )
        longest = longest_text(model.config)
        if longest and arguments.max_length > longest:
            raise UserError(
                f"max_length={arguments.max_length} is more than the {longest} positions of "
                f"{arguments.model_name_or_path!r}; set --max_length {longest} or less"
            )
    else:
        model = new_model(_new_config(arguments, chosen | {"vocab_size": len(tokenizer)}, labels, tokenizer))
    check_agreement(tokenizer, model.config)
    if arguments.embeddings_from:
        counts = Counter(chain.from_iterable(train_ids))
        coverage = load_embeddings(model, tokenizer, arguments.embeddings_from, counts=counts)
        logger.info("%s", coverage)
    return model


def _revision(arguments: ModelArguments, name: str) -> str:
    """The revision is that of the model; a tokenizer from elsewhere is taken as it is now."""
    return (arguments.revision or "main") if name == arguments.model_name_or_path else "main"


def _config(arguments: ModelArguments) -> Any:
    assert arguments.model_name_or_path is not None
    return load_config(
        arguments.model_name_or_path,
        revision=_revision(arguments, arguments.model_name_or_path),
        trust_remote_code=arguments.trust_remote_code,
    )


def _new_config(
    arguments: ModelArguments, chosen: dict[str, Any], labels: dict[str, Any], tokenizer: PreTrainedTokenizerFast
) -> Any:
    if arguments.model_type not in HOME_MADE:
        raise UserError(
            f"model_type {arguments.model_type!r} is not home-made, expected one of "
            f"{', '.join([*HOME_MADE, *KINDS])}; name a checkpoint of another family with --model_name_or_path"
        )
    known = HOME_MADE[arguments.model_type].__annotations__
    if foreign := sorted(chosen.keys() - known.keys()):
        raise UserError(f"{foreign[0]} is no key of model_type {arguments.model_type!r}; its keys: {', '.join(known)}")
    try:
        return AutoConfig.for_model(arguments.model_type, pad_token_id=tokenizer.pad_token_id, **chosen, **labels)
    except StrictDataclassError as error:
        raise UserError(str(error).splitlines()[-1].strip()) from error
