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
import re
import signal
import sys
import tempfile
import traceback
from io import TextIOWrapper
from types import FrameType

from ..errors import UserError
from .commands import COMMANDS, make_parser

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# as torch on a CPU, torch on a GPU and numpy tell of it
OUT_OF_MEMORY = re.compile(r"(?:tried|unable) to allocate ([\d.]+ \w+)", re.IGNORECASE)
# how a stopped command goes on; the others have left nothing, and are run again
GO_ON = dict.fromkeys(("train", "pretrain"), "it goes on with --resume_from_checkpoint true from its last checkpoint")
GO_ON |= dict.fromkeys(("tune", "push", "space"), "the same command goes on")
REPORT = "https://github.com/OWNER/hf-textclf/issues"


class Stopped(KeyboardInterrupt):
    """A signal that ends the process: all that cleans up after Ctrl-C does so after it, too."""

    def __init__(self, number: int, frame: FrameType | None = None) -> None:
        super().__init__()
        self.number = number


def main(argv: list[str] | None = None) -> int:
    """Run a command and return the exit code: 0; 2 for what the user can mend; 1 for a fault of ours; 128 and its
    number for a signal."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # closed; progress bars and messages need one
    if isinstance(sys.stdout, TextIOWrapper):
        # an encoding that lacks a character of a label must not hide the figures
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            return _stoppable(argv)
        finally:
            # here, where it can still be caught that the reader of a pipe has gone
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # the reader has seen enough; what Python would still flush goes nowhere
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        return 141


def _stoppable(argv: list[str] | None) -> int:
    """Run a command that SIGTERM and SIGHUP end as Ctrl-C does, unless somebody else (`nohup`) has decided on them."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    # Windows has no SIGHUP
    signals = {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
    ours = [number for number in signals if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in ours:
            signal.signal(number, stop)
    except ValueError:  # not in the main thread, where no signal arrives
        ours = []
    try:
        return _run(argv)
    except KeyboardInterrupt as error:
        number = getattr(error, "number", signal.SIGINT)
        by = "the keyboard" if number == signal.SIGINT else signal.Signals(number).name
        command = next(iter(sys.argv[1:] if argv is None else argv), "")
        _fail(f"stopped by {by}; {GO_ON.get(command, 'nothing was written, run the command again')}")
        return 128 + number
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


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
        if line := _explain(error):
            return _fail(line)
        return _report(error)
    return 0


def _explain(error: Exception) -> str | None:
    """What the machine refuses, in one line; None for all else. Libraries tell of a full disk in exceptions of their
    own: safetensors and tokenizers (Rust) give the number of the error, torch the place it stopped at."""
    number, text = getattr(error, "errno", None), str(error)
    # of a copy the second is where it goes
    place = getattr(error, "filename2", None) or getattr(error, "filename", None)
    if number in DISK_FULL or any(f"(os error {full})" in text for full in DISK_FULL) or "] . unexpected pos" in text:
        return f"no space left to write {place or 'the output'}; free some, then run the command again"
    asked = OUT_OF_MEMORY.search(text) if isinstance(error, RuntimeError | MemoryError) else None
    if asked or isinstance(error, MemoryError):
        size = f": {asked[1]} asked for" if asked else ""
        return f"not enough memory{size}; take a smaller batch, a smaller --max_length or a smaller model"
    if not isinstance(error, OSError) or number is None:
        return None
    place = f"{os.fsdecode(place)[:200]}: " if isinstance(place, str | bytes | os.PathLike) else ""
    return f"{place}{error.strerror or text}, expected a place that can be read and written; {_remedy(number)}"


def _remedy(number: int) -> str:
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "change its permissions, or choose another place"
    if number == errno.ENAMETOOLONG:
        return "choose a shorter name"
    return "correct the path, or choose another place"


def _report(error: Exception) -> int:
    """Say in one line that something is broken here, and where the traceback is."""
    lines = str(UserError("".join(traceback.format_exception(error))))
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="backslashreplace", prefix="hf-textclf-",
                                     suffix=".txt", delete=False) as file:  # fmt: skip
        file.write(lines)
    what = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    _fail(f"a fault of ours: {what}; the traceback is in {file.name}, report it at {REPORT}")
    return 1


def _fail(message: str) -> int:
    if (tqdm := sys.modules.get("tqdm")) is not None:
        # a bar that nobody could close would stand on the same line
        for bar in list(getattr(tqdm.tqdm, "_instances", ())):
            bar.close()
    # one line, in which a name of thousands of characters hides nothing
    words = [word if len(word) <= 200 else f"{word[:90]}…{word[-90:]}" for word in message.split()]
    print(f"hf-textclf: error: {UserError(' '.join(words))}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
