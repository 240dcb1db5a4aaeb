"""Helpers to write small files and to see that a refusal is one line with a remedy."""

import csv

import pytest

from hf_textclf.data import DataArguments, load_data
from hf_textclf.errors import UserError

# what a remedy looks like; every message must hold one of these
REMEDIES = (
    "pass", "correct", "check", "rename", "remove", "add", "write", "convert", "quote", "fill", "leave", "choose",
    "name", "mend", "save",
)  # fmt: skip


@pytest.fixture
def table(tmp_path):
    """Write rows of (text, label) as csv and return its name."""

    def write(rows, name="data.csv", header=("text", "label")):
        with open(tmp_path / name, "w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, delimiter="\t" if name.endswith("tsv") else ",").writerows([header, *rows])
        return str(tmp_path / name)

    return write


@pytest.fixture
def load(table):
    """Load (text, label) rows, or labels alone with made-up texts, from a csv file."""

    def run(labels, **arguments):
        return load_data(DataArguments(table([(f"text {n}", label) for n, label in enumerate(labels)]), **arguments))

    return run


@pytest.fixture
def refused():
    """Call a function and return its refusal, checked to be one line, with an expectation and a remedy."""

    def run(function, *words):
        with pytest.raises(UserError) as caught:
            function()
        message = str(caught.value)
        assert "\n" not in message and len(message) < 500
        assert "expected" in message, message
        assert any(remedy in message.rpartition("expected")[2] for remedy in REMEDIES), message
        for word in words:
            assert word in message, message
        return message

    return run
