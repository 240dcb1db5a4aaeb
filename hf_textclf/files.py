"""Files: written whole or not at all, read with an error that names what is wrong, found in a checkout or a wheel."""

import json
import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from .errors import UserError

PACKAGE = Path(__file__).parent
SAMPLES = PACKAGE / "data" / "samples"


def bundled(folder: str) -> Path:
    """The path of `configs`, `model_cards` or `spaces_app`."""
    inside = PACKAGE / folder
    return inside if inside.is_dir() else PACKAGE.parent / folder


def find_config(name: str, *, folder: str = "configs") -> Path:
    """Find a YAML file: a path, or the name of a bundled one (`configs/demo_lstm.yaml`, `demo_lstm`).

    folder: where the bundled ones are, `configs` or a folder in it.
    Raises UserError: there is no such file.
    """
    path = Path(name)
    if path.is_file():
        return path
    for candidate in (bundled(folder) / path.name, bundled(folder) / f"{path.name}.yaml"):
        if candidate.is_file() and path.parent.name in ("", Path(folder).name):
            return candidate
    known = sorted(file.stem for file in bundled(folder).glob("*.yaml"))
    demos = [stem for stem in known if stem.startswith("demo")]
    close = ", ".join(get_close_matches(path.stem, known, n=5) or demos or known)
    raise UserError(
        f"config {name!r} not found; give the path of a YAML file or one of the {len(known)} bundled ones, "
        f"such as {close}"
    )


def new_folder(output_dir: str | Path) -> Path:
    """Make sure, before the work begins, that results can go there without hiding older ones.
    Raises UserError: there is a file, or a folder that holds something.
    """
    output = Path(output_dir)
    if output.is_file() or output.is_dir() and any(output.iterdir()):
        raise UserError(
            f"output_dir {str(output)!r} already holds something, expected a new folder; "
            "choose another with --output_dir or remove it"
        )
    return output


def write_text(path: Path, text: str) -> None:
    """Write a text file beside its final name and rename it when it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write JSON that people can read, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where there is none.
    Raises UserError: it is no JSON object.
    """
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is broken ({error}), expected JSON; restore it or write it again") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} holds no JSON object, expected one; restore it or write it again")
    return value


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of keys and values.
    Raises UserError: the file is not YAML, not a mapping, empty, or names a key twice.
    """
    try:
        tree = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(values, dict) or tree is None:
        raise UserError(f"{path}: expected `key: value` lines, found {'nothing' if values is None else values!r}")
    names = [key.value for key, _ in tree.value]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path}: key {twice[0]!r} stands there {names.count(twice[0])} times; keep one")
    return values
