"""Digests of the texts that a model has seen: which texts are the same, what they cost, and that they stay here."""

import time

import numpy as np
import pyarrow as pa
import pytest

from hf_textclf.errors import UserError
from hf_textclf.saved_model.seen_texts import SeenTexts, digest_texts, held_out


def column(*texts):
    return pa.chunked_array([pa.array(texts[:1], pa.large_string()), pa.array(texts[1:], pa.large_string())])


def test_texts_that_differ_in_white_space_alone_are_the_same():
    digests = digest_texts(column("a b", " a\r\nb ", "a  b", "ab", "A b", "好", "好 "))
    assert digests.dtype == np.uint64
    assert len(set(digests[:3])) == 1 and len(set(digests)) == 4 and digests[-1] == digests[-2]


def test_saved_and_loaded(tmp_path):
    seen = SeenTexts.of(column("b", "a", "a"), column("c"))
    seen.save(tmp_path)
    again = SeenTexts.load(tmp_path)
    assert len(again.train) == 2 and (again.train == seen.train).all() and (again.validation == seen.validation).all()
    # 8 bytes a text, and a header
    assert (tmp_path / "seen_texts.safetensors").stat().st_size < 8 * 3 + 300
    assert SeenTexts.load(tmp_path / "none") is None
    (tmp_path / "seen_texts.safetensors").write_bytes(b"12345678broken")
    with pytest.raises(UserError, match=r"seen_texts\.safetensors' is broken .* remove it"):
        SeenTexts.load(tmp_path)


def test_counts_and_parts():
    seen = SeenTexts.of(column("a", "b", "x"), column("c", "x"))
    digests = digest_texts(column("a", "c", "new", "x"))
    assert seen.count(digests) == {"train": 2, "validation": 1}
    # what stands in both was held out by the run too; the count tells that it was learnt from
    assert held_out([seen], digests)["validation"].tolist() == [False, True, False, True]
    other = SeenTexts.of(column("c"), column("a", "x"))
    parts = held_out([seen, other], digests)
    assert {name: part.tolist() for name, part in parts.items()} == {
        "validation": [False, False, False, True],
        "train": [True, True, False, False],
    }


@pytest.mark.parametrize(
    ("texts", "own"),
    [
        ([f"t{n}" for n in range(20)], True),
        # the first lines, and a file that has grown
        ([f"t{n}" for n in range(5)], True),
        ([f"t{n}" for n in range(200)], True),
        # two of twenty corrected; a test set that repeats some of them
        ([f"t{n}" for n in range(2, 22)], True),
        ([f"t{n}" for n in range(10, 40)], False),
        (["new"], False),
    ],
)
def test_own_data(texts, own):
    seen = SeenTexts.of(column(*(f"t{n}" for n in range(18))), column("t18", "t19"))
    assert seen.is_own(digest_texts(column(*texts))) is own


def test_a_million_texts_take_seconds():
    texts = pa.chunked_array([pa.array([f"the text number {n} of a million texts" for n in range(100_000)])])
    start = time.perf_counter()
    digest_texts(texts)
    assert time.perf_counter() - start < 2
