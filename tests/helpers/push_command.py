"""What the tests of `hf-textclf push` and `hf-textclf space` share."""

REPO = "you/model"
SPACE = "you/demo"


def error_line(err):
    """The one line of a refusal on standard error."""
    lines = [line for line in err.splitlines() if line.startswith("hf-textclf: error: ")]
    assert len(lines) == 1 and "Traceback" not in err, err
    assert "; " in lines[0] and len(lines[0]) < 500
    return lines[0]
