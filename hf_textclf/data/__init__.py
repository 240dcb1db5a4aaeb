"""Data: from a Hub id, folder or file to texts with encoded labels, and rows of files in and out."""

from .labels import label_examples
from .loading import TextData, load_data, load_split, load_texts, summarize, texts_of
from .reading import read_rows
from .sources import DataArguments, ProblemType, TextArguments
from .splits import too_small
from .writing import output_format, write_rows

__all__ = [
    "DataArguments",
    "ProblemType",
    "TextArguments",
    "TextData",
    "label_examples",
    "load_data",
    "load_split",
    "load_texts",
    "output_format",
    "read_rows",
    "summarize",
    "texts_of",
    "too_small",
    "texts_of",
    "too_small",
    "write_rows",
]
