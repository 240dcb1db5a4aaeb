"""Whether the files of a saved folder or a Hub repository say what they must, before anything is built from them.

What is wrong ends in one line with file, value and remedy, where the libraries would fail late, hang or answer
something else. A folder of ours also notes the digests of its small files. One that was changed later still opens,
since people may edit config.json, but not in silence.
"""

import hashlib
import json
import logging
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from transformers.utils import cached_file

from ..errors import UserError
from ..files import read_json
from . import layout

logger = logging.getLogger(__name__)
REMEDY = "correct it there, or copy or save the model again"
PROBLEM_TYPES = ("single_label_classification", "multi_label_classification", "regression")
DTYPES = ("float64", "float32", "float16", "bfloat16")
# of several words a key has one of these where its number is a size of tensors, or a number of layers
SIZES = re.compile(r"(?:^|_)(?:size|dim|embeddings|inner|embd|(?:layer|head|group)s?)(?:$|_)|^d_")
LAYERS = re.compile(r"(?:^|_)(?:layers?|groups?)$")
NO_WIDTH = re.compile("vocab|position|layer|group")
MOST_LAYERS = 1000
NAMED_TOKENS = [f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")]
DEFAULT_LABEL = re.compile(r"LABEL_\d+")
# small files that decide what a model says; weights, which may be large, are not read twice
DIGESTED = (
    *(layout.CONFIG, layout.TOKENIZER, layout.TOKENIZER_CONFIG, layout.DOCUMENT, layout.ONE_VS_REST),
    *(layout.LINEAR_CONFIG, layout.LINEAR_VOCABULARY),
)


def require(holds: bool, path: Path, key: str, value: Any, expected: str) -> None:
    """Raise UserError, which names a file, what stands there under a key, and what should, unless this holds."""
    if not holds:
        shown = repr(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        raise UserError(f"{key} in {str(path)!r} is {shown}, expected {expected}; {REMEDY}")


def check_config(path: Path) -> dict[str, Any]:
    """Return what a config.json holds.
    Raises UserError: it is none, or labels, problem type or precision are not what Transformers can work with.
    """
    config = read_json(path)
    model_type = config.get("model_type")
    # old ones on the Hub have none, and are told by their name
    require(model_type is None or _is_text(model_type), path, "model_type", model_type, "the name of a family")
    for key in ("dtype", "torch_dtype"):
        precision = config.get(key)
        known = precision is None or isinstance(precision, str) and precision in DTYPES
        require(known or isinstance(precision, dict), path, key, precision, "float32, float16 or bfloat16")
    classes = config.get("architectures")
    require(classes is None or _are_texts(classes), path, "architectures", classes, "a list of names of classes")
    auto_map = config.get("auto_map", {})
    require(isinstance(auto_map, dict), path, "auto_map", auto_map, "an object of Auto classes")
    for key, value in config.items():
        require(not isinstance(value, float) or math.isfinite(value), path, key, value, "a finite number")
    check_task(path, config)
    calibration = config.get("calibration")
    require(calibration is None or isinstance(calibration, dict), path, "calibration", calibration, "an object")
    for key, value in (calibration or {}).items():
        numbers = [1.0 if value is None else value] if key == "temperature" else value or []
        fits = isinstance(numbers, list) and all(_is_number(number) and number > 0 for number in numbers)
        require(fits, path, key, value, "numbers above 0")
    return config


def check_task(path: Path, config: dict[str, Any]) -> None:
    """Check what a classifier says of its labels. Raises UserError: id2label has holes or two equal names, label2id or
    num_labels say something else, the problem type is unknown or does not fit the number of labels.
    """
    id2label, label2id, num_labels = (config.get(key) for key in ("id2label", "label2id", "num_labels"))
    count = num_labels
    if id2label is not None:
        names = list(id2label.values()) if isinstance(id2label, dict) else []
        whole = bool(names) and _are_texts(names) and set(id2label) == {str(number) for number in range(len(names))}
        expected = 'an object with the names of all labels, each another one, under "0", "1", …'
        require(whole and len(set(names)) == len(names), path, "id2label", id2label, expected)
        fits = num_labels is None or num_labels == len(names)
        require(fits, path, "num_labels", num_labels, f"the {len(names)} of id2label")
        count = len(names)
    require(count is None or type(count) is int and count > 0, path, "num_labels", count, "a number from 1 on")
    if label2id is not None and id2label is not None:
        # published models often keep the names that they began with, in one of the two
        stale = isinstance(label2id, dict) and any(map(DEFAULT_LABEL.fullmatch, [*label2id, *id2label.values()]))
        inverse = {name: number for number, name in id2label.items()}
        same = isinstance(label2id, dict) and {name: str(number) for name, number in label2id.items()} == inverse
        require(same or stale, path, "label2id", label2id, "the names of id2label with their numbers")
    kind = config.get("problem_type")
    require(kind is None or kind in PROBLEM_TYPES, path, "problem_type", kind, f"one of {', '.join(PROBLEM_TYPES)}")
    if kind == "regression":
        require(count == 1, path, "id2label", id2label, "one name, since problem_type is regression")
    elif kind == PROBLEM_TYPES[0] and count is not None:
        require(count > 1, path, "id2label", id2label, f"two names or more, since problem_type is {kind}")


def read_group(path: Path) -> tuple[str, list[str]]:
    """Return problem type and names of the labels that a one_vs_rest.json holds.
    Raises UserError: it is none.
    """
    group = read_json(path)
    kind, names = group.get("problem_type"), group.get("label_names", [])
    expected = f"one of {', '.join(PROBLEM_TYPES[:2])}"
    require(_is_text(kind) and kind in PROBLEM_TYPES[:2], path, "problem_type", kind, expected)
    names = names if _are_texts(names) else []
    whole = bool(names) and len(set(names)) == len(names)
    require(whole, path, "label_names", group.get("label_names"), "the names of all labels, each another one")
    return str(kind), names


def is_plausible(path: Path, config: dict[str, Any], shapes: dict[str, list[int]]) -> bool:
    """Whether the sizes in a config.json fit the tensors of the weights at first sight; if not, the network must be
    measured before it is built. shapes: of the tensors, by their names.
    Raises UserError: a size below 0, or more layers than anybody could build.
    """
    largest = max((size for shape in shapes.values() for size in shape), default=0)
    layers, width, fits = 1, 1, True
    for part in (config, *(value for value in config.values() if isinstance(value, dict))):
        for key, value in part.items():
            if type(value) is not int or not SIZES.search(key):
                continue
            require(value >= 0, path, key, value, "a number from 0 on")
            if LAYERS.search(key):
                most = max(MOST_LAYERS, len(shapes))
                require(value <= most, path, key, value, f"what the {len(shapes)} tensors of its weights hold")
                layers = max(layers, value)
            fits = fits and value <= largest
            width = width if NO_WIDTH.search(key) else max(width, value)
    return fits and layers * width**2 <= 16 * sum(map(math.prod, shapes.values()))


def check_tokenizer(config: Path | None, tokenizer: Path | None) -> None:
    """Check tokenizer_config.json and the outermost of tokenizer.json; None where there is no such file.
    Raises UserError: types that no tokenizer takes, a limit that is no number of tokens.
    """
    if tokenizer is not None:
        with tokenizer.open("rb") as file:
            start = file.read(64).lstrip()[:1].decode("utf-8", "replace")
        require(start == "{", tokenizer, "what begins", start, "a JSON object")
    if config is None:
        return
    values = read_json(config)
    limit = values.get("model_max_length")
    # 1e30 is what Transformers writes where there is no limit
    whole = limit is None or _is_number(limit) and limit > 0 and limit == int(limit)
    require(whole, config, "model_max_length", limit, "a number of tokens")
    for key in NAMED_TOKENS:
        require(_is_token(values.get(key, "")), config, key, values.get(key), "a text, or an object with its content")
    # a tokenizer looks for an empty one for ever
    require(values.get("unk_token") != "", config, "unk_token", "", "a token")
    for key in ("additional_special_tokens", "extra_special_tokens"):
        tokens = values.get(key) or []
        tokens = list(tokens.values()) if isinstance(tokens, dict) else tokens
        fits = isinstance(tokens, list) and all(map(_is_token, tokens))
        require(fits, config, key, values.get(key), "texts")
    added = values.get("added_tokens_decoder", {})
    fits = isinstance(added, dict) and all(number.isdecimal() and _is_token(token) for number, token in added.items())
    require(fits, config, "added_tokens_decoder", added, "an object of numbers and tokens")
    for key in ("tokenizer_class", "segmenter"):
        require(values.get(key) is None or _is_text(values[key]), config, key, values.get(key), "a name")
    for key in ("truncation_side", "padding_side"):
        require(values.get(key, "left") in ("left", "right"), config, key, values.get(key), "left or right")
    head = values.get("head_tokens", 1)
    fits = type(head) is int and 0 < head < (limit or math.inf)
    require(fits, config, "head_tokens", head, "a number of tokens below model_max_length")
    inputs = values.get("model_input_names", ["input_ids"])
    fits = _are_texts(inputs) and "input_ids" in inputs
    require(fits, config, "model_input_names", inputs, "names of inputs, input_ids among them")


def find_file(name_or_path: str, name: str, revision: str = "main") -> Path | None:
    """The path of a file of a folder or Hub repository; None where it is missing, perhaps with the whole model, which
    loading will report."""
    try:
        # of a folder without a config.json it says None
        found = cached_file(name_or_path, name, revision=revision)
        return Path(found) if found else None
    except (OSError, ValueError):
        return None


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the small files in a folder that decide what its model says, by their names."""
    return {name: _digest(folder / name) for name in DIGESTED if (folder / name).is_file()}


def report_changes(folder: Path) -> None:
    """Warn where a file is no longer what was saved, as the results in the folder note it."""
    try:
        noted = read_json(folder / layout.EVAL_RESULTS).get("digests")
    except UserError as error:
        # a model needs no results
        logger.warning("%s", error)
        return
    for name, digest in (noted if isinstance(noted, dict) else {}).items():
        if name in DIGESTED and (folder / name).is_file() and _digest(folder / name) != digest:
            logger.warning(
                "%r is not what was saved there, so labels may be others; copy the model again, or, if the change is "
                "yours, take its line out of `digests` in %s",
                str(folder / name),
                layout.EVAL_RESULTS,
            )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(map(_is_text, values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_token(value: Any) -> bool:
    content = value.get("content") if isinstance(value, dict) else value
    return value is None or isinstance(content, str)


def tensor_shapes(files: Iterable[Path]) -> dict[str, list[int]]:
    """The shapes of all tensors in safetensors files, from their headers.
    Raises ValueError or OSError: a file that is none.
    """
    shapes: dict[str, list[int]] = {}
    for path in files:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        shapes |= {name: tensor["shape"] for name, tensor in header.items() if name != "__metadata__"}
    return shapes
