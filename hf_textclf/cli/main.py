"""The command line: which command, and what becomes of mistakes.

hf-textclf train --config configs/demo_lstm.yaml --output_dir runs/lstm
accelerate launch --cpu --num_processes 2 -m hf_textclf.cli train --config configs/demo_lstm.yaml ...
hf-textclf pretrain --config configs/demo_lm.yaml --output_dir runs/lm
hf-textclf evaluate runs/lstm
hf-textclf calibrate runs/lstm
hf-textclf predict runs/lstm input.csv --output output.csv
hf-textclf compare runs/lstm runs/bert --output_dir runs/compared
"""

import errno
import logging
import os
import sys

from ..errors import UserError
from .commands import COMMANDS, make_parser

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(argv: list[str] | None = None) -> int:
    """Run a command and return the exit code: 0, or 2 for a mistake of the user's."""
    try:
        try:
            return _run(argv)
        finally:
            # here, where it can still be caught that the reader of a pipe has gone
            sys.stdout.flush()
    except BrokenPipeError:
        # the reader has seen enough; what Python would still flush goes nowhere
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        return 141


def _run(argv: list[str] | None) -> int:
    # on standard error, so that standard output stays data; only the main process speaks
    level = logging.INFO if os.environ.get("RANK", "0") == "0" else logging.ERROR
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("hf_textclf").setLevel(level)
    try:
        parser = make_parser()
        arguments = parser.parse_args(argv)
        if arguments.version:
            from importlib.metadata import version

            print(f"hf-textclf {version('hf-textclf')}")
        elif arguments.completion:
            from .reference import completion

            print(completion(make_parser(whole=True), arguments.completion))
        elif arguments.command is None:
            parser.print_help(sys.stderr)
            return 2
        else:
            COMMANDS[arguments.command].run(arguments.parser, arguments.given)
    except UserError as error:
        return _fail(str(error))
    except SystemExit as end:
        # after a page of help, or after a job that nobody watches any more
        return int(end.code or 0)
    except BrokenPipeError:
        raise
    except Exception as error:
        # libraries tell of a full disk in exceptions of their own; all others stay what they are
        if not _disk_is_full(error):
            raise
        place = getattr(error, "filename", None) or "the output"
        return _fail(f"no space left to write {place}; free some, then run the command again")
    except KeyboardInterrupt:
        _fail(
            "stopped by the keyboard; train goes on from its last checkpoint with --resume_from_checkpoint true, "
            "tune, push and space with the same command"
        )
        return 130
    return 0


def _disk_is_full(error: Exception) -> bool:
    """Python, safetensors and tokenizers (Rust) give the number of the error, torch the place it stopped at."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in DISK_FULL
    text = str(error)
    return any(f"(os error {number})" in text for number in DISK_FULL) or "] . unexpected pos" in text


def _fail(message: str) -> int:
    print(f"hf-textclf: error: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
