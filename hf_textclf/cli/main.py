"""The command line: which command, and what becomes of mistakes.

hf-textclf train --config configs/demo_lstm.yaml --output_dir runs/lstm
accelerate launch --cpu --num_processes 2 -m hf_textclf.cli train --config configs/demo_lstm.yaml ...
hf-textclf pretrain --config configs/demo_lm.yaml --output_dir runs/lm
hf-textclf evaluate runs/lstm
hf-textclf calibrate runs/lstm
hf-textclf predict runs/lstm input.csv output.csv
hf-textclf compare runs/lstm runs/bert --output_dir runs/compared
"""

import errno
import logging
import os
import sys

from ..errors import UserError
from .commands import COMMANDS

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

USAGE = """usage: hf-textclf COMMAND ...

commands:
  train     train a classifier:       hf-textclf train --config demo_lstm --output_dir FOLDER [--key value ...]
            on a machine of the Hub:  hf-textclf train --on_hub t4-small --repo you/name ...
  pretrain  train a language model on texts without labels, for `train --init_from`
  tune      search hyper-parameters:  hf-textclf tune --config demo_lstm --output_dir FOLDER [--trials 20]
  evaluate  judge a saved folder:     hf-textclf evaluate FOLDER [--dataset DATA] [--split test]
  predict   classify a file of texts: hf-textclf predict FOLDER input.csv output.csv   (- is stdin or stdout)
  calibrate make probabilities true:  hf-textclf calibrate FOLDER [--dataset DATA] [--split validation]
  compare   folders side by side:     hf-textclf compare FOLDER... --output_dir NEW [--dataset DATA] [--split test]
  gates     draw an LSTM's gates:     hf-textclf gates FOLDER picture.png --text "..."
  explain   what each word adds:      hf-textclf explain FOLDER --text "..." [--label NAME] [--output picture.html]
  card      write the model card:     hf-textclf card FOLDER [--license apache-2.0] [--language en] [--costs true]
  push      publish on the Hub:       hf-textclf push FOLDER --repo you/name [--with_onnx] [--create_pr] [--dry_run]
  space     a page on models:         hf-textclf space --models you/a you/b --repo you/demo   (--local: run it here)
  demo      open a page on models:    hf-textclf demo FOLDER... [--comparison FOLDER]

`hf-textclf COMMAND --help` lists every key. Keys can stand in a YAML file given by --config."""


def main(tokens: list[str] | None = None) -> int:
    """Run a command and return the exit code: 0, or 2 for a mistake of the user's."""
    tokens = sys.argv[1:] if tokens is None else tokens
    # on standard error, so that standard output stays data; only the main process speaks
    level = logging.INFO if os.environ.get("RANK", "0") == "0" else logging.ERROR
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("hf_textclf").setLevel(level)
    if not tokens or tokens[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if tokens else 2
    try:
        if tokens[0] not in COMMANDS:
            raise UserError(f"command {tokens[0]!r} is unknown, expected one of: {', '.join(COMMANDS)}; see --help")
        COMMANDS[tokens[0]](tokens[1:])
    except UserError as error:
        return _fail(str(error))
    except BrokenPipeError:
        # the reader of standard output has seen enough; what Python would still flush goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
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
