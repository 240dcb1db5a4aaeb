"""`compare`: saved folders of any kind side by side on one split, what they know beside what they cost."""

from .compare import CompareArguments, compare

__all__ = ["CompareArguments", "compare"]
