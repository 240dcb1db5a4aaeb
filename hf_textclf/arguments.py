"""From keys and values to dataclasses, wherever the keys were named: YAML, command line, Python.

A YAML key is a flag written down and a keyword of `hf_textclf.train`, so that one table of keys, read from the
dataclasses, checks names, types and choices of all three.
"""

import json
import operator
import sys
from argparse import SUPPRESS, ArgumentError
from collections.abc import Callable, Sequence
from dataclasses import field, fields
from difflib import get_close_matches
from typing import Any, NoReturn

from transformers import HfArgumentParser
from transformers.hf_argparser import string_to_bool

from .errors import UserError
from .files import find_config, read_yaml

# what all libraries can count: a C int
MOST = 2**31 - 1


# what Transformers raises for values that it cannot use
WRONG = (ValueError, ImportError, TypeError, KeyError, AttributeError, OSError, NotImplementedError)


class Parser(HfArgumentParser):
    """The keys of some dataclasses, which `make` fills.

    Parsing a command line gives the keys that stand in it and no others. There are no abbreviations. Where two
    dataclasses share a key, the last one says what it takes.
    """

    def __init__(self, kinds: Sequence[type], *, required: Sequence[str] = (), **options: Any) -> None:
        super().__init__(kinds, allow_abbrev=False, conflict_handler="resolve", **options)
        # `--no_key` follows `--key` and has the same name
        flags = [action for action in self._actions if action.option_strings and action.dest != "help"]
        self.keys = {action.dest: action for action in reversed(flags)}
        self.defaults = {key: action.default for key, action in self.keys.items()}
        self.required = {key for key, action in self.keys.items() if action.required} | set(required)
        for action in flags:
            action.default, action.required = SUPPRESS, False
            if action.type is string_to_bool:
                # also where a key is neither true nor false unless named
                action.nargs, action.const = "?", True
        self.add_argument("--config", default=SUPPRESS, help="YAML file of keys, or the name of a bundled one.")

    def error(self, message: str) -> NoReturn:
        """Raise what argparse says as a `UserError`."""
        raise UserError(f"{message}; `{self.prog} --help` lists what is expected")

    def refuse(self, key: str, *, where: str) -> NoReturn:
        """Raise that there is no such key.

        where: where it stands.
        """
        close = get_close_matches(key, self.keys, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"`{self.prog} --help` lists the known ones"
        raise UserError(f"unknown key {key!r} ({where}); {hint}")

    def make(
        self, given: dict[str, Any], *, recorded: dict[str, Any] | None = None, where: str = "command line"
    ) -> tuple[Any, ...]:
        """Make one object of each dataclass.

        given: values by key; `config` names a YAML file of more, which hold unless given otherwise. recorded: values
        that hold unless named anywhere else; keys that are not ours are skipped. where: where `given` was named.

        Raises:
            UserError: unknown key, wrong type or choice, missing or contradictory value.
        """
        return self.build(self.merge(given, recorded=recorded, where=where))

    def merge(
        self, given: dict[str, Any], *, recorded: dict[str, Any] | None = None, where: str = "command line"
    ) -> dict[str, Any]:
        """The values of all keys that are named somewhere; arguments and errors as of `make`."""
        values = self.read({key: value for key, value in (recorded or {}).items() if key in self.keys})
        if config := given.get("config"):
            path = find_config(config)
            values |= self.read(read_yaml(path), where=str(path))
        return values | self.read({key: value for key, value in given.items() if key != "config"}, where=where)

    def build(self, values: dict[str, Any]) -> tuple[Any, ...]:
        """Make one object of each dataclass from values as `merge` returns them; errors as of `make`."""
        if missing := [f"--{key}" for key in self.keys if key in self.required - values.keys()]:
            self.error(f"the following arguments are required: {', '.join(reversed(missing))}")
        parts = [{item.name for item in fields(kind) if item.init} for kind in self.dataclass_types]
        for kind in self.dataclass_types:
            check_numbers(kind, values)
        return tuple(
            _make(kind, {key: value for key, value in values.items() if key in names})
            for kind, names in zip(self.dataclass_types, parts, strict=True)
        )

    def read(self, values: dict[str, Any], *, where: str = "") -> dict[str, Any]:
        """Check keys and bring values to their types; None stands for a key that is not named.

        Raises:
            UserError: unknown key, wrong type or choice.
        """
        for key in values:
            if key not in self.keys:
                self.refuse(str(key), where=where)
        return {key: self._read(key, value, where=where) for key, value in values.items() if value is not None}

    def _read(self, key: str, value: Any, *, where: str) -> Any:
        action, items = self.keys[key], value if isinstance(value, list | tuple) else [value]
        if action.type is str and any(isinstance(item, bool) for item in items):
            raise UserError(f"{key}: a bare yes, no, on, off, true or false in {where} is no text; put it in quotes")
        if any(isinstance(item, str) and "\0" in item for item in items):
            raise UserError(f"{key}: a NUL character in {where}, expected text; take it out")
        if items is value and action.nargs != "+":
            raise UserError(f"{key}: {value} in {where}, expected one value; write `{key}: value`")
        words = [json.dumps(item) if isinstance(item, dict) else str(item) for item in items]
        try:
            return self._get_values(action, words)
        except ArgumentError as error:
            self.error(str(error))


def _make(kind: type, values: dict[str, Any]) -> Any:
    """Make an object of a dataclass. What TrainingArguments finds wrong is told with a key without which all would be
    well."""
    try:
        return kind(**values)
    except WRONG as error:
        message = " ".join(str(error).split())
        for key in values:
            try:
                kind(**{name: value for name, value in values.items() if name != key})
            except WRONG:
                continue
            raise UserError(f"{key}={values[key]}: {message}; correct it or drop --{key}") from error
        raise UserError(message) from error


def option(default: Any, help: str) -> Any:
    """A field of a dataclass of arguments: a key of configs and a flag, described where it is declared."""
    return field(default=default, metadata={"help": help})


# beyond it, one library or another stops counting
MOST = 2**31 - 1
BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "least": ("{} or more", operator.ge),
    "above": ("above {}", operator.gt),
    "most": ("{} or less", operator.le),
    "below": ("below {}", operator.lt),
    "but_not": ("not {}", operator.ne),
}


def check_numbers(kind: type, values: dict[str, Any]) -> None:
    """Make sure that numbers are what the `BOUNDS` of their dataclass say. Without any, a number must be finite, and a
    whole one at most `MOST`.

    Raises:
        UserError: one of the values, by name, is not.
    """
    for item in fields(kind):
        value = values.get(item.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        limit = MOST if isinstance(value, int) else sys.float_info.max
        own = getattr(kind, "BOUNDS", {}).get(item.name, {})
        bounds = {"least": -limit, "most": limit} | own
        if not all(BOUNDS[name][1](value, bound) for name, bound in bounds.items()):
            expected = " and ".join(BOUNDS[name][0].format(bound) for name, bound in (own or bounds).items())
            raise UserError(
                f"{item.name}={value} is out of range, expected a number: {expected}; correct --{item.name}"
            )
