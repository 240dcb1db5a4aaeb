"""From keys and values to dataclasses, wherever the keys were named: YAML, command line, Python.

A YAML key is a flag written down and a keyword of `hf_textclf.train`, so that one table of keys, read from the
dataclasses, checks names, types and choices of all three.
"""

import json
from argparse import SUPPRESS, ArgumentError
from collections.abc import Sequence
from dataclasses import field, fields
from difflib import get_close_matches
from typing import Any, NoReturn

from transformers import HfArgumentParser
from transformers.hf_argparser import string_to_bool

from .errors import UserError
from .files import find_config, read_yaml

# what all libraries can count: a C int
MOST = 2**31 - 1


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
        try:
            return tuple(
                kind(**{key: value for key, value in values.items() if key in names})
                for kind, names in zip(self.dataclass_types, parts, strict=True)
            )
        except (ValueError, ImportError) as error:  # contradictions found by TrainingArguments
            raise UserError(" ".join(str(error).split())) from error

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


def option(default: Any, help: str) -> Any:
    """A field of a dataclass of arguments: a key of configs and a flag, described where it is declared."""
    return field(default=default, metadata={"help": help})
