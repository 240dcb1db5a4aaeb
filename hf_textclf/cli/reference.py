"""What is written of the commands, from the dataclasses: reference, schema of configs, completion in shells."""

import json
from argparse import ArgumentParser
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from ..arguments import Parser

REFERENCE, SCHEMA = "REFERENCE.md", "schema.json"
HEAD = """# Every key of every command

Written by `make reference` from the dataclasses. A key is a flag (`--key value`) and, for `train`, `pretrain` and
`tune`, a line of a YAML file (`key: value`) and a keyword of `hf_textclf.train`.
"""
SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object"}
# where a shell completes the names of files and folders
FILES = {"config", "dataset", "input", "output", "search_space", "prose", "embeddings_from"}
FOLDERS = {"folder", "output_dir", "model_name_or_path", "init_from", "comparison", "resume_from_checkpoint"}


@dataclass
class ReferenceArguments:
    """Where the reference goes."""

    output_dir: str = field(default="configs", metadata={"help": "Folder for REFERENCE.md and schema.json."})


def write_reference(folder: Path, parsers: dict[str, "Parser"]) -> None:
    """Write the reference of the parsers, by command, and the schema of configs."""
    from ..files import write_json, write_text

    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / REFERENCE, reference(parsers))
    write_json(folder / SCHEMA, schema([parsers["train"], parsers["pretrain"]]))
    print(f"saved to {folder / REFERENCE} and {folder / SCHEMA}")


def reference(parsers: dict[str, "Parser"]) -> str:
    """The page of all keys, in Markdown."""
    lines = [HEAD]
    for name, parser in parsers.items():
        lines.append(f"## {parser.usage}\n\n{parser.description}.\n")
        for kind in parser.dataclass_types:
            hints, title = get_type_hints(kind), kind._argument_group_name
            lines.append(f"### {name}: {title}\n\n| key | type | default | |\n|---|---|---|---|")
            for item in fields(kind):
                if item.init and item.name in parser.keys:
                    cells = [f"`{item.name}`", _type(hints[item.name]), _default(item), _help(item.metadata)]
                    lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def schema(parsers: list["Parser"]) -> dict[str, Any]:
    """The JSON schema of the YAML files that the commands read: any key of any of them, with its values."""
    keys: dict[str, Any] = {}
    for kind in (kind for parser in parsers for kind in parser.dataclass_types):
        hints = get_type_hints(kind)
        for item in fields(kind):
            if not item.init:
                continue
            described = {"description": _help(item.metadata), **_schema(hints[item.name])}
            if item.default not in (MISSING, None):
                described["default"] = item.default.value if isinstance(item.default, Enum) else item.default
            if item.name in keys and keys[item.name] != described:
                # a key that means another thing to another kind of model
                options = keys[item.name].get("anyOf", [keys[item.name]])
                described = {"anyOf": [*options, *([] if described in options else [described])]}
            keys[item.name] = described
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A run of hf-textclf",
        "type": "object",
        "additionalProperties": False,
        "properties": dict(sorted(keys.items())),
    }


def _schema(hint: Any) -> dict[str, Any]:
    """What values a type takes in a YAML file."""
    options = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    if get_origin(hint) is Literal:
        return {"enum": list(options)}
    if get_origin(hint) is list:
        item: dict[str, Any] = {"type": ["string", "number"]} if options == [str] else _schema(options[0])
        # one value needs no brackets
        return {"anyOf": [{"type": "array", "items": item, "minItems": 1}, item]}
    if len(options) == 1 and options[0] is not hint:
        return _schema(options[0])
    if enums := [kind for kind in options if isinstance(kind, type) and issubclass(kind, Enum)]:
        return {"enum": [member.value for member in enums[0]]}
    kinds = [SCALARS.get(get_origin(kind) or kind, "string") for kind in options]
    return {"type": kinds[0] if len(set(kinds)) == 1 else sorted(set(kinds))}


def _type(hint: Any) -> str:
    """A type as people read it."""
    kind = _schema(hint)
    if "anyOf" in kind:
        return "list of text"
    if "enum" in kind:
        return ", ".join(f"`{value}`" for value in kind["enum"])
    names = {"string": "text", "boolean": "true or false", "integer": "whole number", "object": "mapping"}
    kinds = kind["type"] if isinstance(kind["type"], list) else [kind["type"]]
    return " or ".join(str(names.get(name, name)) for name in kinds)


def _default(item: Any) -> str:
    if item.default is MISSING and item.default_factory is MISSING:
        return "required"
    value = item.default_factory() if item.default is MISSING else item.default
    value = value.value if isinstance(value, Enum) else value
    return "" if value in (None, [], "") else f"`{json.dumps(value)}`"


def _help(metadata: Any) -> str:
    """The help text in one line, as argparse would print it."""
    return " ".join(str(metadata.get("help", "")).split()).replace("%%", "%")


def completion(parser: ArgumentParser, shell: str) -> str:
    """The script that lets a shell complete commands, flags and names of files."""
    import shtab

    for command in parser._subparsers._group_actions[0].choices.values():  # type: ignore[union-attr]
        for action in command._actions:
            if action.dest in FILES | FOLDERS:
                action.complete = shtab.FILE if action.dest in FILES else shtab.DIRECTORY
    return shtab.complete(parser, shell=shell)
