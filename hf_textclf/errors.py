"""The exceptions that stand for a mistake of the user's."""

import re

# what looks like an access token of the Hub
TOKEN = re.compile(r"\bhf_(?:(?:oauth|jwt)_[\w.-]{20,}|[A-Za-z0-9]{16,})")
# what stands before the host in an address
PASSWORD = re.compile(r"(?<=//)[^/@\s]+(?=@)")


class UserError(Exception):
    """A mistake that the user can mend. The message is one line: the value, what was expected, the remedy.

    The command line prints it without a traceback and exits with code 2. A token or password in the value that it
    names is hidden.
    """

    def __str__(self) -> str:
        return PASSWORD.sub("***", TOKEN.sub("hf_***", super().__str__()))


class Diverged(UserError):
    """The loss or the output of a model in training is no longer a number."""
