"""Files: written whole or not at all, read with an error that names what is wrong, found in a checkout or a wheel."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import yaml
from filelock import FileLock, Timeout

from .errors import UserError

PACKAGE = Path(__file__).parent
SAMPLES = PACKAGE / "data" / "samples"
# by it a command holds an output folder; it is not there between commands
LOCK = ".lock"
# so begin the names of hidden folders in it, whose files are moved when whole
PARTIAL = ".partial"


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


def new_folder(output_dir: str | Path, remedy: str = "choose another with --output_dir or remove it") -> Path:
    """Make sure, before the work begins, that results can go there without hiding older ones.
    Raises UserError: there is a file, or a folder that holds something.
    """
    output = Path(output_dir)
    names = [path.name for path in output.iterdir()] if output.is_dir() else [str(output)] * exists(output)
    # what a killed command has left hides nothing
    if any(not name.startswith((LOCK, PARTIAL)) for name in names):
        raise UserError(f"output_dir {str(output)!r} already holds something, expected a new folder; {remedy}")
    return output


def new_file(output: str | Path) -> Path:
    """Make sure, before the work begins, that a new file can be written.
    Raises UserError: there is something of that name, or no folder for it; OSError: it cannot be written.
    """
    path = Path(output)
    if exists(path):
        raise UserError(f"output {str(path)!r} exists, expected a new file; choose another name or remove it")
    if not path.parent.is_dir():
        raise UserError(
            f"output {str(path)!r}: no folder {str(path.parent)!r}, expected one; make it or correct the path"
        )
    # gone again at once
    with TemporaryFile(dir=path.parent):
        return path


def exists(path: Path) -> bool:
    """Whether a name is taken, be it by a link to nothing. Raises OSError: no file can have this name."""
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


@contextmanager
def hold_file(path: Path) -> Iterator[None]:
    """Keep other commands from writing the same new file meanwhile. Raises UserError: one is at it."""
    with _hold(path.with_name(f".{path.name}.lock"), path):
        yield


@contextmanager
def hold_folder(output: Path) -> Iterator[None]:
    """Keep other commands from writing into the same folder meanwhile. It is made where it is not there, and goes
    again where nothing was written.
    Raises UserError: another command is at it; OSError: it cannot be written.
    """
    made = [folder for folder in (output, *output.parents) if not folder.is_dir()]
    try:
        output.mkdir(parents=True, exist_ok=True)
        with _hold(output / LOCK, output):
            for killed in output.glob(f"{PARTIAL}*"):
                shutil.rmtree(killed, ignore_errors=True)
            yield
    finally:
        with suppress(OSError):  # those that hold something stay
            for folder in made:
                folder.rmdir()


@contextmanager
def _hold(lock: Path, path: Path) -> Iterator[None]:
    """Hold a lock, which a killed process leaves open to the next."""
    try:
        held = FileLock(lock, timeout=0).acquire()
    except Timeout:
        problem = f"another command is writing {str(path)!r}, expected to be the only one"
        raise UserError(f"{problem}; wait for its end, or choose another place") from None
    with held:
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextmanager
def whole(path: Path, *, new: bool = False) -> Iterator[Path]:
    """Give a name beside `path` to write to. What is written there gets the final name when it is whole, and goes if
    that fails.

    new: nothing of that name is replaced. Raises UserError: then something has appeared there; what was written stays
    beside it.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        if not new:
            os.replace(partial, path)
        elif not _rename_new(partial, path):
            kept = path.with_name(f"{path.stem}.{os.getpid()}{path.suffix}")
            os.replace(partial, kept)
            raise UserError(f"{path} appeared meanwhile, expected a free name; it stays, what was written is {kept}")
    finally:
        partial.unlink(missing_ok=True)


def _rename_new(partial: Path, path: Path) -> bool:
    """Rename a file unless the name is taken; say whether."""
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError:  # no file system for that
        if exists(path):
            return False
        os.replace(partial, path)
    return True


def write_text(path: Path, text: str) -> None:
    """Write a text file beside its final name and rename it when it is whole."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


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
    except (ValueError, RecursionError) as error:
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
    # ValueError: bytes that are no text, a date that no calendar has, a number of thousands of digits
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not YAML ({reason}), expected `key: value` lines; correct the file") from error
    if not isinstance(values, dict) or tree is None:
        raise UserError(f"{path}: expected `key: value` lines, found {'nothing' if values is None else values!r}")
    names = [key.value for key, _ in tree.value]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path}: key {twice[0]!r} stands there {names.count(twice[0])} times; keep one")
    return values
