"""A network that reads long texts in parts, or their key sentences alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transformers.utils import cached_file

from ...saved_model.layout import DOCUMENT, DOCUMENT_WEIGHTS
from ..network import Network
from . import DocumentReader, Reading


def open_network(name_or_path: str, *, revision: str = "main", **options: Any) -> Network:
    """Load a network, with the reader of long texts where its folder or Hub repository holds one."""
    description = _file(name_or_path, DOCUMENT, revision)
    if description is None:
        return Network(name_or_path, revision=revision, **options)
    reader = DocumentReader.load(description, _file(name_or_path, DOCUMENT_WEIGHTS, revision))
    return Documents(name_or_path, reader, revision=revision, **options)


def _file(name_or_path: str, name: str, revision: str) -> Path | None:
    """The path of a file; None where it cannot be found, nor perhaps the place, which loading the network will say."""
    try:
        return Path(cached_file(name_or_path, name, revision=revision))
    except OSError:
        return None


class Documents(Network):
    """A `Network` whose logits are those of whole texts, however long; further arguments and errors as there.

    Attributes:
        document_strategy: How a long text is read; stock tools, which cut it, may answer otherwise.
    """

    def __init__(self, name_or_path: str, reader: DocumentReader, **options: Any) -> None:
        super().__init__(name_or_path, **options)
        self.reader = reader
        self.document_strategy = reader.settings.document_strategy

    def logits(self, texts: Sequence[str], *, batch_size: int = 64) -> np.ndarray:
        """Return the merged logits, (texts, labels)."""
        return self.reader.logits(self.model, self.tokenizer, texts, batch_size=batch_size)

    def read(self, texts: Sequence[str], *, batch_size: int = 64) -> Iterator[Reading]:
        """Yield what the network says of one group of texts after the other, and of their parts."""
        return self.reader.read(self.model, self.tokenizer, texts, batch_size=batch_size)
