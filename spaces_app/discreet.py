"""Failures on the log without what a visitor sent.

Where a call fails, Gradio prints the traceback, whose message may hold the inputs of the call (too few of them, a
choice that is not there): visitors' texts. Of such a failure only its kind and place are written.
"""

import sys
import traceback


def install() -> None:
    """Let Gradio print failures in one line."""
    traceback.print_exc = _print_kind_and_place


def _print_kind_and_place(*_: object, **__: object) -> None:
    kind, _, where = sys.exc_info()
    last = traceback.extract_tb(where)[-1] if where else None
    place = f" in {last.filename}, line {last.lineno}" if last else ""
    print(f"{kind.__name__ if kind else 'error'}{place}", file=sys.stderr, flush=True)
