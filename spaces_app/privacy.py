"""What visitors send stays out of the log, and out of Gradio's memory once it is answered."""

import sys
import traceback

from gradio.state_holder import SessionState


def install() -> None:
    """Change two habits of Gradio's, for this process.

    Where a call fails it prints the traceback, whose message may hold the inputs (too few of them, a choice that is
    not there): here, the kind of the failure and its place. And it remembers the last inputs and outputs of every
    session, for links to a page as it was, which anybody who knows the session may ask for: here, none.
    """
    traceback.print_exc = _print_kind_and_place
    SessionState._update_value_in_config = lambda *_: None


def _print_kind_and_place(*_: object, **__: object) -> None:
    kind, _, where = sys.exc_info()
    last = traceback.extract_tb(where)[-1] if where else None
    place = f" in {last.filename}, line {last.lineno}" if last else ""
    print(f"{kind.__name__ if kind else 'error'}{place}", file=sys.stderr, flush=True)
