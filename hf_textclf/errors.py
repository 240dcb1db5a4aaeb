"""The exceptions that stand for a mistake of the user's."""


class UserError(Exception):
    """A mistake that the user can mend. The message is one line: the value, what was expected, the remedy.

    The command line prints it without a traceback and exits with code 2.
    """


class Diverged(UserError):
    """The loss or the output of a model in training is no longer a number."""
