"""Data: from a Hub id, folder or file to texts with encoded labels, and rows of files in and out."""

from hf_textclf.data.arguments import DataArguments, ProblemType, TextArguments
from hf_textclf.data.loading import TextData, load_data, load_split
from hf_textclf.data.reading import read_rows
from hf_textclf.data.summary import summarize
from hf_textclf.data.texts import load_texts
from hf_textclf.data.writing import output_format, write_rows

__all__ = [
    "DataArguments",
    "ProblemType",
    "TextArguments",
    "TextData",
    "load_data",
    "load_split",
    "load_texts",
    "output_format",
    "read_rows",
    "summarize",
    "write_rows",
]
