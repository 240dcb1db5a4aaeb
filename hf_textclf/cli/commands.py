"""The commands: what each takes, and the parser that reads it.

A parser of keys needs the libraries that the dataclasses stand on. So it is made when its command is chosen, and help
and mistakes answer at once.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import UserError
from .publish import card_command, demo_command, page_command, push_command, space_command
from .reference import write_reference
from .train import pretrain_command, train_command, tune_command
from .use import calibrate_command, compare_command, evaluate_command, explain_command, gates_command, predict_command

if TYPE_CHECKING:
    from ..arguments import Parser

DATA = "data:DataArguments"
NETWORK = "training.arguments:ModelArguments training.arguments:NewModelArguments training:TrainerArguments"
# what the help calls the keys of a dataclass, where its own name would not do
TITLES = {"LinearArguments": "linear models (--model_type maxent)", "JobArguments": "jobs on the Hub"}
# of these commands, which take Transformers' keys too, `--help` shows the following; `--help_all` shows all
MANY_KEYS = ("train", "pretrain", "tune")
COMMON = frozenset(
    "dataset text_column label_column label_names label_separator problem_type validation_size max_train_samples "
    "splits direction block_size "
    "model_type model_name_or_path encoder_name_or_path init_from embeddings_from tokenizer_type max_length "
    "truncation document_strategy class_weights early_stopping_patience one_vs_rest calibrate license freeze_layers "
    "vocab_size embedding_size hidden_size num_hidden_layers bidirectional cell pooling classifier_dropout "
    "output_dir num_train_epochs max_steps learning_rate weight_decay warmup_steps per_device_train_batch_size "
    "per_device_eval_batch_size metric_for_best_model resume_from_checkpoint seed use_cpu bf16 "
    "ngram_max C on_hub repo trials backend search_space".split()
)
METAVARS = {"int": "NUMBER", "float": "NUMBER", "string_to_bool": "true|false"}


@dataclass(frozen=True)
class Command:
    """A command.

    run: what does the work, given the parser and the values that were typed. help: one line. kinds: the dataclasses of
    its keys. positionals: what is typed without a flag; `X...` stands for one or more, `X*` for any number, a small
    `x?` for what was typed so before it had a flag. required: keys that must be given, where the dataclasses do not
    say. config: the bundled config of most runs that name none.
    """

    run: Callable[["Parser", dict[str, Any]], None]
    help: str
    kinds: str = ""
    positionals: str = ""
    required: str = ""
    config: str = ""

    def parser(self, name: str, *, all_keys: bool = False) -> "Parser":
        """Make the parser, which shows the common keys or all of them."""
        from ..arguments import Parser
        from ..files import find_config, read_yaml

        kinds = [resolve_name(f"hf_textclf.{kind}") for kind in self.kinds.split()]
        for kind in kinds:
            words = re.findall("[A-Z][a-z]+", kind.__name__.removesuffix("Arguments"))
            kind._argument_group_name = TITLES.get(kind.__name__, " ".join(words).lower())
        positionals = self.positionals.split()
        typed = [positional.replace("*", "...") for positional in positionals if positional.isupper()]
        parser = Parser(
            kinds,
            prog=f"hf-textclf {name}",
            usage=" ".join(["hf-textclf", name, *typed, "[--key value ...]"]),
            description=self.help,
            formatter_class=OneSpelling,
        )
        parser.required = set(self.required.split()) or parser.required
        for positional in positionals:
            nargs: Any = {".": "+", "*": "*", "?": "?"}.get(positional[-1])
            bare = positional.strip(".*?")
            options: Any = {"metavar": bare, "default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
            parser.add_argument(bare.lower(), nargs=nargs, **options)
        parser.add_argument("--help_all", action=HelpAll, nargs=0, default=argparse.SUPPRESS, help="Show all keys.")
        bundled = read_yaml(find_config(self.config)) if self.config else {}
        hidden = set() if all_keys or name not in MANY_KEYS else parser.keys.keys() - COMMON
        for key, action in parser.keys.items():
            default = parser.defaults[key]
            if key in parser.required:
                action.help += " (required)"
            elif default not in (None, False, []):
                action.help += f" (default: {str(default).replace('%', '%%')})"
            if key in bundled:
                action.help += f" ({self.config}: {bundled[key]})"
            if not action.choices:
                action.metavar = METAVARS.get(getattr(action.type, "__name__", ""), "TEXT")
        for action in parser._actions:
            if action.dest in hidden or action.option_strings[:1] == [f"--no_{action.dest}"]:
                action.help = argparse.SUPPRESS
        return parser


class OneSpelling(argparse.HelpFormatter):
    """Shows `--max_length NUMBER`, not its other spelling with a hyphen too."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.dest == "help":
            return super()._format_action_invocation(action)
        return f"{action.option_strings[0]} {self._format_args(action, action.dest.upper())}".rstrip()


class HelpAll(argparse.Action):
    """`--help_all`: the help with the keys that few people need."""

    def __call__(self, parser: argparse.ArgumentParser, *args: Any) -> NoReturn:
        """Called by argparse where the flag stands."""
        name = parser.prog.split()[1]
        COMMANDS[name].parser(name, all_keys=True).print_help()
        parser.exit()


class Deferred(argparse.ArgumentParser):
    """Stands for the parser of a command until something has to be read."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Called by the parser above with the words behind the command."""
        name = self.prog.split()[-1]
        parser = COMMANDS[name].parser(name)
        return argparse.Namespace(parser=parser, given=read_argv(parser, args)), []


def read_argv(parser: "Parser", argv: Sequence[str]) -> dict[str, Any]:
    """The values that were typed, by key.
    Raises UserError: an unknown flag, or a value that it does not take.
    """
    if word := next((word for word in argv if "\0" in word), None):
        raise UserError(f"{word!r:.60} holds a NUL character, expected text; take it out")
    given, unknown = parser.parse_known_args(argv)
    if unknown:
        if not unknown[0].startswith("-"):
            parser.error(f"argument {unknown[0]!r} is one too many")
        parser.refuse(unknown[0].split("=")[0].lstrip("-"), where="command line")
    # an unset variable of a shell; only a text may be empty
    if empty := next((key for key, value in vars(given).items() if value == "" and key != "text"), None):
        raise UserError(f"{empty} is empty, expected a value; give one, or leave it out")
    return vars(given)


class Main(argparse.ArgumentParser):
    """The parser of `hf-textclf` itself, whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse says as a `UserError`."""
        raise UserError(f"{message}; `hf-textclf --help` lists what is expected")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        choices = list(action.choices or [value])
        if value not in choices:
            what = "command" if action.dest == "command" else f"--{action.dest}"
            close = get_close_matches(value, choices, n=1)
            hint = f"did you mean {close[0]!r}? It is" if close else "expected"
            raise UserError(f"{what} {value!r} is unknown, {hint} one of: {', '.join(choices)}; see --help")


def make_parser(*, whole: bool = False) -> argparse.ArgumentParser:
    """Make the parser of `hf-textclf`; `whole` with all keys of all commands."""
    parser = Main(
        prog="hf-textclf",
        description="Text classifiers for the Hugging Face ecosystem.",
        epilog="`hf-textclf COMMAND --help` lists its keys. Keys can stand in a YAML file given by --config.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    parser.add_argument("--completion", choices=("bash", "zsh"), help="print a script that completes words in a shell")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", parser_class=Deferred)
    for name, command in COMMANDS.items():
        # a command that is going to be dropped has no line of help
        options: Any = {"help": command.help} if command.help else {}
        commands.add_parser(name, **options)
        if whole:
            commands.choices[name] = command.parser(name, all_keys=True)
    return parser


def reference_command(parser: "Parser", given: dict[str, Any]) -> None:
    """Write the reference of all commands."""
    (arguments,) = parser.make(given)
    parsers = {name: command.parser(name, all_keys=True) for name, command in COMMANDS.items() if command.help}
    write_reference(Path(arguments.output_dir), parsers)


RUN, FOLDER = "dataset output_dir", "FOLDER"
PAGE = "cli.publish:PageArguments"
COMMANDS: dict[str, Command] = {
    "train": Command(
        train_command,
        "train a classifier, here or on a machine of the Hub",
        f"{DATA} training.linear:LinearArguments {NETWORK} hub.jobs:JobArguments",
        required=RUN,
        config="lstm",
    ),
    "pretrain": Command(
        pretrain_command,
        "train a language model on texts without labels, for `train --init_from`",
        "data:TextArguments training.arguments:PretrainingArguments training.arguments:LanguageModelArguments "
        "training.trainer_arguments:PretrainingTrainerArguments",
        required=RUN,
    ),
    "tune": Command(
        tune_command,
        "search for the best hyper-parameters of a training run",
        f"tuning:TuneArguments {DATA} {NETWORK}",
        required=RUN,
        config="lstm",
    ),
    "evaluate": Command(
        evaluate_command,
        "evaluate a saved folder on its data or on others",
        f"{DATA} evaluation.evaluate:EvaluationArguments",
        FOLDER,
    ),
    "predict": Command(
        predict_command,
        "classify a file of texts; - is standard input or output",
        "inference.predict_file:PredictionArguments",
        "FOLDER INPUT old_output?",
    ),
    "calibrate": Command(
        calibrate_command,
        "make the probabilities of a saved folder true",
        f"{DATA} evaluation.calibration:CalibrationArguments",
        FOLDER,
    ),
    "compare": Command(
        compare_command,
        "evaluate saved folders side by side, with costs",
        f"{DATA} evaluation.compare:CompareArguments",
        "FOLDER...",
    ),
    "gates": Command(
        gates_command,
        "draw what the gates of an LSTM do over a text",
        "explanation.explain:GatesArguments",
        "FOLDER old_output?",
    ),
    "explain": Command(
        explain_command,
        "show what each word of a text adds to a label",
        "explanation.explain:ExplainArguments",
        FOLDER,
    ),
    "card": Command(card_command, "write the model card of a saved folder", "card:CardArguments", FOLDER),
    "push": Command(push_command, "publish a saved folder on the Hub", "hub:PushArguments", FOLDER),
    "space": Command(space_command, "publish a page on models as a Space", "hub:SpaceArguments"),
    "page": Command(page_command, "open that page here, on saved folders", PAGE, "FOLDER*"),
    "demo": Command(demo_command, "", PAGE, "FOLDER*"),
    "reference": Command(
        reference_command,
        "write the reference of all keys, and the schema of configs",
        "cli.reference:ReferenceArguments",
    ),
}
