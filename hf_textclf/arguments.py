"""From a YAML file and the command line to typed arguments.

A YAML key is a command-line flag written down: the file's keys are put in front of the flags, so that one parser
checks names, types and choices of both, and what is typed wins.
"""

import json
from argparse import SUPPRESS, ArgumentError, ArgumentParser
from collections.abc import Sequence
from dataclasses import field
from difflib import get_close_matches
from typing import Any, NoReturn

from transformers import HfArgumentParser

from .errors import UserError
from .files import find_config, read_yaml


class Parser(HfArgumentParser):
    """An `HfArgumentParser` whose complaints are one line each, and which takes no abbreviations."""

    def __init__(self, kinds: Sequence[type], **options: Any) -> None:
        super().__init__(kinds, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found as a `UserError`."""
        raise UserError(f"{message}; `{self.prog} --help` lists what is expected")

    def require(self, key: str) -> None:
        """Make a key obligatory that its dataclass has a default for."""
        self._keys()[key].required = True

    def parse(
        self, tokens: list[str], *, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None
    ) -> tuple[Any, ...]:
        """Parse the tokens into one object per dataclass.

        before: keys and values that hold unless the tokens say otherwise; keys that are not ours are skipped.
        after: keys and values that hold whatever the tokens say.

        Raises:
            UserError: unknown key or flag, wrong type or choice, missing or contradictory value.
        """
        rest = self.without_config(tokens)
        rest = self._tokens_of({key: value for key, value in (before or {}).items() if key in self._keys()}) + rest
        rest += self._tokens_of(after or {}, where="search space")
        # before argparse misses a key that somebody has only misspelt
        for token in rest:
            if token.startswith("--") and token.split("=")[0] not in self._option_string_actions:
                self._refuse(token.split("=")[0].lstrip("-"), where="command line")
        try:
            *objects, unknown = self.parse_args_into_dataclasses(rest, return_remaining_strings=True)
        except (ValueError, ImportError) as error:  # contradictions found by TrainingArguments
            raise UserError(" ".join(str(error).split())) from error
        if unknown:
            self._refuse(unknown[0].split("=")[0].lstrip("-"), where="command line")
        return tuple(objects)

    def given(self, tokens: list[str], *, after: dict[str, Any] | None = None) -> dict[str, Any]:
        """The keys of the tokens and of their YAML file, without those that nobody has named, and those of `after`."""
        for action in self._actions:
            action.default = SUPPRESS
            action.required = False
        rest = self.without_config(tokens) + self._tokens_of(after or {}, where="search space")
        return vars(self.parse_args(rest))

    def without_config(self, tokens: list[str]) -> list[str]:
        """Put the keys of the YAML file that --config names in front of the other tokens."""
        first = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        first.add_argument("--config")
        try:
            chosen, rest = first.parse_known_args(tokens)
        except ArgumentError as error:
            self.error(str(error))
        if not chosen.config:
            return rest
        path = find_config(chosen.config)
        return self._tokens_of(read_yaml(path), where=str(path)) + rest

    def _keys(self) -> dict[str, Any]:
        return {action.dest: action for action in self._actions if action.option_strings and action.dest != "help"}

    def _refuse(self, key: str, *, where: str) -> NoReturn:
        close = get_close_matches(key, self._keys(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"`{self.prog} --help` lists the known ones"
        raise UserError(f"unknown key {key!r} ({where}); {hint}")

    def _tokens_of(self, values: dict[str, Any], *, where: str = "") -> list[str]:
        """Write keys and values as command-line tokens."""
        keys = self._keys()
        tokens = []
        for key, value in values.items():
            if key not in keys:
                self._refuse(str(key), where=where)
            if value is None:
                continue
            items = value if isinstance(value, list) else [value]
            if keys[key].type is str and any(isinstance(item, bool) for item in items):
                raise UserError(
                    f"{key}: a bare yes, no, on, off, true or false in {where} is no text; put it in quotes"
                )
            if isinstance(value, list):
                if keys[key].nargs != "+":
                    raise UserError(f"{key}: {value} in {where}, expected one value; write `{key}: value`")
                tokens += [f"--{key}", *map(str, value)]
            else:
                tokens.append(f"--{key}={json.dumps(value) if isinstance(value, dict) else value}")
        return tokens


def option(default: Any, help: str) -> Any:
    """A field of a dataclass of arguments: a key of configs and a flag, described where it is declared."""
    return field(default=default, metadata={"help": help})
