"""Load a stock fast tokenizer, decide how it cuts long texts, check that it fits the model.

transformers cuts a text at its head or its tail. `head_tail` is ours; its one number, `head_tokens`, and the
`segmenter` travel inside tokenizer_config.json. Stock tools do not know them, so `save_tokenizer` names the class that
does, `ClassifierTokenizer`.
"""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerFast
from transformers.dynamic_module_utils import custom_object_save

from ..errors import UserError
from ..files import read_json, write_json
from ..saved_model.check import check_tokenizer, find_file
from ..saved_model.layout import DOCUMENT, TOKENIZER, TOKENIZER_CODE, TOKENIZER_CONFIG
from .tokenization_classifier import ClassifierTokenizer, mark

NO_JIEBA = "segmenter 'jieba' is not installed; pip install 'hf-textclf[chinese]'"
# from here on `save_pretrained` names the class in `auto_map` and copies its file
ClassifierTokenizer.register_for_auto_class()
TRUNCATIONS = ("head", "tail", "head_tail")
# of a tokenizer whose model reads long texts in chunks
DOCUMENT_KEYS = ("document_strategy", "num_sentences")
# a tokenizer without a limit has this or more
NO_LIMIT = 1e9
# what the forward() of an LSTM takes: no token_type_ids, which a BERT tokenizer would add
CUSTOM_INPUTS = ("input_ids", "attention_mask")


def load_tokenizer(
    name_or_path: str, *, custom_model: bool = False, revision: str = "main", trust_remote_code: bool = False
) -> PreTrainedTokenizerFast:
    """Load the fast tokenizer of any checkpoint, folder or Hub id.

    custom_model: it feeds one of our own models, which reads tokens alone, and returns `CUSTOM_INPUTS` only, also when
    loaded again after saving. Raises UserError: nothing there, no network, no or broken tokenizer files, code that
    would have to be trusted, or a tokenizer that is not a fast one.
    """
    inputs = {"model_input_names": list(CUSTOM_INPUTS)} if custom_model else {}
    check_tokenizer(*(find_file(name_or_path, name, revision) for name in (TOKENIZER_CONFIG, TOKENIZER)))
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(name_or_path), revision=revision, trust_remote_code=trust_remote_code, **inputs
        )
        if tokenizer.is_fast:
            # a letter that hardly a vocabulary has: one without its token for the unknown says so here
            tokenizer.backend_tokenizer.encode("\ua66e")
    # the libraries raise what they like at files that they did not write
    except Exception as error:
        if "pip install jieba" in str(error):
            raise UserError(NO_JIEBA) from error
        # the first line says what is wrong, the others speak to programmers
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        reason = "no tokenizer files there" if "instantiate the backend tokenizer" in reason else reason
        as_hub_id = "" if Path(name_or_path).is_dir() else "no such folder, and as a Hub id: "
        raise UserError(
            f"cannot load a tokenizer from {str(name_or_path)!r}: {as_hub_id}{reason}; "
            "name a folder with tokenizer.json and tokenizer_config.json, or a Hub id while online"
        ) from error
    # what is special about it, the functions of this folder do
    tokenizer.as_is = True
    # said by `model_max_length`; two tokenizers are compared by their text
    _drop_truncation(tokenizer)
    problem = ""
    if not tokenizer.is_fast:
        problem = f"has a slow tokenizer ({type(tokenizer).__name__})"
    # a folder with nothing but config.json gives a tokenizer that knows special tokens only
    elif not tokenizer.get_vocab().keys() - set(tokenizer.all_special_tokens):
        problem = "holds no vocabulary"
    if problem:
        raise UserError(f"{str(name_or_path)!r} {problem}, expected a tokenizer.json; name one that carries it")
    return tokenizer


def set_truncation(
    tokenizer: PreTrainedTokenizerFast, *, truncation: str, max_length: int, head_tokens: int | None = None
) -> None:
    """Decide how `encode` cuts a longer text, now and after saving and loading.

    truncation: `head` keeps the first tokens, `tail` the last ones, `head_tail` some of both (Sun et al. 2019, "How to
    Fine-Tune BERT for Text Classification?"). max_length: number of tokens kept, special tokens included. head_tokens:
    for `head_tail`, how many of them stand at the head; by default a quarter, as in the paper (128 of 510). Raises
    UserError for an unknown truncation, or numbers that leave no room.
    """
    if truncation not in TRUNCATIONS:
        raise UserError(f"truncation {truncation!r} is unknown; choose one of {', '.join(TRUNCATIONS)}")
    prefix, suffix = special_tokens_around(tokenizer)
    if max_length <= prefix + suffix:
        raise UserError(
            f"max_length={max_length} must exceed the {prefix + suffix} special tokens that this tokenizer adds; "
            f"set it to {prefix + suffix + 1} or more"
        )
    if head_tokens is not None and truncation != "head_tail":
        raise UserError(f"head_tokens={head_tokens} needs truncation 'head_tail', not {truncation!r}; drop one")
    if truncation == "head_tail":
        lowest, highest = prefix + 1, max_length - suffix - 1
        head_tokens = max(max_length // 4, lowest) if head_tokens is None else head_tokens
        if not lowest <= head_tokens <= highest:
            raise UserError(
                f"head_tokens={head_tokens} must lie between {lowest} and {highest} for max_length={max_length}, "
                "so that a token of the text stands on both sides; change one of them"
            )
    # a length that the checkpoint's own tokenizer.json was padded to must not be saved beside ours
    _drop_truncation(tokenizer)
    tokenizer.backend_tokenizer.no_padding()
    for stale in ("head_tokens", "pad_to_multiple_of"):
        tokenizer.init_kwargs.pop(stale, None)
    tokenizer.model_max_length = max_length
    # only what stands in init_kwargs is saved; stock tools read `truncation_side` and keep the head for `head_tail`
    tokenizer.truncation_side = "left" if truncation == "tail" else "right"
    tokenizer.init_kwargs["truncation_side"] = tokenizer.truncation_side
    if head_tokens is not None:
        tokenizer.init_kwargs["head_tokens"] = head_tokens


def _drop_truncation(tokenizer: PreTrainedTokenizerFast) -> None:
    """Forget how tokenizer.json cuts."""
    tokenizer.backend_tokenizer.no_truncation()
    for stale in ("max_length", "stride", "truncation_strategy"):
        tokenizer.init_kwargs.pop(stale, None)


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Save a tokenizer so that whoever opens the folder reads texts as we do, or learns why not.

    tokenizer.json carries the truncation, for those who know it alone. Where that is not enough, tokenizer_config.json
    names `ClassifierTokenizer`, whose file goes along, and tokenizer.json is marked. folder: may hold document.json,
    by which a model reads long texts in chunks.
    """
    backend = tokenizer.backend_tokenizer
    settings = _special(tokenizer.init_kwargs) | _special(read_json(folder / DOCUMENT), DOCUMENT_KEYS)
    tokenizer.save_pretrained(folder)
    if tokenizer.model_max_length < NO_LIMIT:
        backend.enable_truncation(tokenizer.model_max_length, direction=tokenizer.truncation_side)
    content = json.loads(backend.to_str())
    backend.no_truncation()
    # a tokenizer of ours that is loaded and saved again may have other settings than before
    config = {name: value for name, value in read_json(folder / TOKENIZER_CONFIG).items() if name not in DOCUMENT_KEYS}
    if settings:
        sides = {"padding_side": tokenizer.padding_side, "model_input_names": tokenizer.model_input_names}
        config |= settings | sides | {"tokenizer_class": ClassifierTokenizer.__name__}
        # copies the file of the class, and its neighbour
        custom_object_save(ClassifierTokenizer.__new__(ClassifierTokenizer), folder, config)
        content = mark(content, settings)
    elif config["tokenizer_class"] == ClassifierTokenizer.__name__:
        config["tokenizer_class"] = PreTrainedTokenizerFast.__name__
        del config["auto_map"]
        for name in TOKENIZER_CODE:
            (folder / name).unlink()
    write_json(folder / TOKENIZER_CONFIG, config)
    write_json(folder / TOKENIZER, content)


def renew_tokenizer(folder: Path) -> None:
    """Make the tokenizer of a folder what `save_tokenizer` makes it, where an older version or somebody else saved it.
    Raises as `load_tokenizer`.
    """
    config, document = read_json(folder / TOKENIZER_CONFIG), read_json(folder / DOCUMENT)
    limit = config.get("model_max_length") or NO_LIMIT
    if _special(config) or _special(document, DOCUMENT_KEYS):
        if config.get("tokenizer_class") != ClassifierTokenizer.__name__:
            with TemporaryDirectory(dir=folder, prefix=".tokenizer-") as partial:
                if document:
                    write_json(Path(partial) / DOCUMENT, document)
                save_tokenizer(load_tokenizer(str(folder)), Path(partial))
                for file in Path(partial).iterdir():
                    os.replace(file, folder / file.name)
    elif limit < NO_LIMIT and not (content := read_json(folder / TOKENIZER)).get("truncation"):
        side = str(config.get("truncation_side", "right")).capitalize()
        truncation = {"direction": side, "max_length": limit, "strategy": "LongestFirst", "stride": 0}
        write_json(folder / TOKENIZER, content | {"truncation": truncation})


def _special(config: dict[str, Any], names: tuple[str, ...] = ("segmenter", "head_tokens")) -> dict[str, Any]:
    """What of a file of settings is special about a tokenizer."""
    return {name: config[name] for name in names if config.get(name) is not None}


def head_and_tail(tokenizer: PreTrainedTokenizerFast) -> tuple[int, int]:
    """Return how many tokens of the whole sequence, special ones included, are kept at its head and at its tail."""
    prefix, suffix = special_tokens_around(tokenizer)
    plain = prefix if tokenizer.truncation_side == "left" else tokenizer.model_max_length - suffix
    head = tokenizer.init_kwargs.get("head_tokens", plain)
    return head, tokenizer.model_max_length - head


def special_tokens_around(tokenizer: PreTrainedTokenizerFast) -> tuple[int, int]:
    """Return how many special tokens the tokenizer puts before and after each text."""
    mask = tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"]
    prefix = next((position for position, special in enumerate(mask) if not special), len(mask))
    return prefix, tokenizer.num_special_tokens_to_add() - prefix


def check_agreement(tokenizer: PreTrainedTokenizerFast, config: Any) -> None:
    """Make sure that a tokenizer and the model of `config` belong together.

    Raises UserError where it has ids that the model has no embedding for, cannot pad, or pads with another id.
    """
    # a model around another's encoder has its embeddings
    config = config.get_text_config()
    # not len(tokenizer): a vocabulary may have holes
    size = max(tokenizer.get_vocab().values()) + 1
    if size > config.vocab_size:
        raise UserError(
            f"the tokenizer has {size} token ids but the model vocab_size={config.vocab_size}; use its own tokenizer"
        )
    pad = tokenizer.pad_token_id
    if pad != config.pad_token_id or pad is None:
        problem = "has no padding token (pad_token_id=None)" if pad is None else f"pads with id {pad}"
        remedy = "set its pad_token" if pad is None else "use the tokenizer that was saved with the model"
        raise UserError(f"the tokenizer {problem} but the model expects pad_token_id={config.pad_token_id}; {remedy}")
