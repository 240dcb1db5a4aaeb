"""The command line: typed words to one typed call, and what is printed."""

from .main import main

__all__ = ["main"]
