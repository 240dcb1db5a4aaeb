"""Which texts a model has seen: a digest of each, beside the model, so that whatever it is evaluated on later, under
any name, can be compared with them.

The file is never sent to the Hub: whoever has a text could tell by it whether that was among the data.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ..errors import UserError
from .layout import SEEN_TEXTS

# rows are the data of a run if it has seen so many of them: some may have been corrected or added since
OWN_SHARE = 0.9


def digest_texts(texts: pa.ChunkedArray) -> np.ndarray:
    """(texts,) uint64, equal for texts that differ in white space alone, as files do that went through other tools."""

    def digests() -> Iterator[bytes]:
        for chunk in texts.chunks:
            for text in chunk.to_pylist():
                # what Python read from a broken encoding may be no valid Unicode
                yield blake2b(" ".join(text.split()).encode("utf-8", "surrogatepass"), digest_size=8).digest()

    return np.frombuffer(b"".join(digests()), "<u8")


@dataclass(frozen=True)
class SeenTexts:
    """Digests of the texts that a model has learnt from, and of those that it was chosen on; (texts,) uint64 each."""

    train: np.ndarray
    validation: np.ndarray

    @classmethod
    def of(
        cls, train: pa.ChunkedArray, validation: pa.ChunkedArray, *, starts: Iterable[str | None] = ()
    ) -> "SeenTexts":
        """The texts of a run, and what the folders that it starts from have seen already."""
        earlier = [seen for start in starts if start and (seen := cls.load(Path(start)))]
        return cls(
            np.unique(np.concatenate([digest_texts(train), *(seen.train for seen in earlier)])),
            np.unique(np.concatenate([digest_texts(validation), *(seen.validation for seen in earlier)])),
        )

    @classmethod
    def load(cls, folder: Path) -> "SeenTexts | None":
        """What a saved folder has seen; None where it does not say.
        Raises UserError: the file is broken.
        """
        path = folder / SEEN_TEXTS
        if not path.is_file():
            return None
        try:
            arrays = load_file(path)
            return cls(arrays["train"], arrays["validation"])
        except (OSError, SafetensorError, KeyError) as error:
            raise UserError(
                f"{str(path)!r} is broken ({error}), expected digests of the texts that the model has seen; restore "
                "it, or remove it: then nothing tells training texts from others"
            ) from error

    def save(self, folder: Path) -> None:
        """Write them into a folder."""
        save_file({"train": self.train, "validation": self.validation}, folder / SEEN_TEXTS)

    def is_own(self, digests: np.ndarray) -> bool:
        """Whether rows are the data of this run: it has seen nearly all of them, or they hold all that it has seen."""
        own = np.concatenate([self.train, self.validation])
        return bool(np.isin(digests, own).sum() >= OWN_SHARE * len(digests) or np.isin(own, digests).all())

    def count(self, digests: np.ndarray) -> dict[str, int]:
        """How many of some rows are texts of `train`, and how many of the others are texts of `validation`."""
        train = np.isin(digests, self.train)
        return {"train": int(train.sum()), "validation": int(np.isin(digests[~train], self.validation).sum())}


def held_out(own: list[SeenTexts], digests: np.ndarray) -> dict[str, np.ndarray]:
    """The parts of the data of one or more runs, (rows,) bool each: `validation` is what all have held out."""
    validation = np.logical_and.reduce([np.isin(digests, seen.validation) for seen in own])
    train = np.logical_or.reduce([np.isin(digests, seen.train) for seen in own])
    return {"train": train & ~validation, "validation": validation}
