"""Splits made here: disjoint, stratified, seeded, at any number of classes."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binomtest

from hf_textclf.data import DataArguments, load_data
from hf_textclf.data.sources import canonical_split
from hf_textclf.data.splits import choose_subset, choose_validation, count_overlap, strata_of, too_small

SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"


def choose(labels, texts=None, size=0.1, seed=3, problem_type=SINGLE):
    column = pa.chunked_array([pa.array(texts or [f"text {n}" for n in range(len(labels))])])
    return choose_validation(column, np.array(labels), problem_type=problem_type, size=size, seed=seed)


def test_stratified_disjoint_and_seeded(load):
    labels = ["a"] * 700 + ["b"] * 200 + ["c"] * 100
    data = load(labels)
    train, validation = data.splits["train"], data.splits["validation"]
    assert data.made_validation
    assert len(train) == 900 and len(validation) == 100
    assert not set(train["text"]) & set(validation["text"])
    counts = Counter(validation["labels"])
    assert all(abs(counts[label] - expected) <= 1 for label, expected in enumerate((70, 20, 10)))
    assert load(labels).splits["validation"]["text"][:] == validation["text"][:]
    assert load(labels, split_seed=1).splits["validation"]["text"][:] != validation["text"][:]


def test_multi_label_rows_are_stratified_by_their_rarest_label():
    rows = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 0, 1], [1, 0, 1]], np.float32)
    assert strata_of(rows, problem_type=MULTI).tolist() == [1, 0, -1, 2, 2]


def test_regression_is_split_plainly():
    assert choose(np.linspace(0, 1, 50), problem_type=REGRESSION).sum() == 5


def test_classes_with_one_row_stay_in_train():
    labels = [0] * 50 + [1] * 50 + list(range(2, 60))
    assert set(np.array(labels)[choose(labels, size=0.4)]) == {0, 1}


def test_all_classes_with_one_row_still_split():
    assert choose(list(range(100))).sum() == 10


def test_copies_of_a_text_stay_together():
    texts = [f"text {n % 40}" for n in range(200)]
    mask = choose([n % 2 for n in range(200)], texts)
    sides = {text: {bool(mask[n]) for n in range(200) if texts[n] == text} for text in texts}
    assert all(len(side) == 1 for side in sides.values())
    assert mask.sum() == 20


@pytest.mark.parametrize("per_class", [1, 2])
def test_fifty_thousand_classes(load, per_class):
    data = load([f"class {n:05}" for n in range(50_000)] * per_class)
    assert len(data.label_names) == 50_000
    assert len(data.splits["validation"]) == 5_000 * per_class


def test_subset_is_stratified_and_seeded():
    labels = np.array([0] * 80 + [1] * 20)
    mask = choose_subset(labels, 10, problem_type=SINGLE, seed=0)
    assert np.bincount(labels[mask]).tolist() == [8, 2]
    assert (mask == choose_subset(labels, 10, problem_type=SINGLE, seed=0)).all()
    assert choose_subset(labels, 500, problem_type=SINGLE, seed=0).all()


def test_max_train_samples_leaves_validation_alone(load):
    labels = [0, 1] * 100
    whole, part = load(labels), load(labels, max_train_samples=30)
    assert len(part.splits["train"]) == 30
    assert part.splits["validation"]["text"][:] == whole.splits["validation"]["text"][:]


def test_overlap_counts_rows():
    column = pa.chunked_array([pa.array(["a", "b"]), pa.array(["a", "c"])])
    assert count_overlap(column, train=pa.chunked_array([pa.array(["a", "a", "x"])])) == 2


def test_aliases():
    names = ["train", "validation", "valid", "val", "dev", "test", "Test", "unsupervised"]
    assert [canonical_split(name) for name in names] == [
        "train", "validation", "validation", "validation", "validation", "test", "test", None,
    ]  # fmt: skip


def test_refused(load, table, refused):
    for size in (0, 1, 20):
        refused(lambda size=size: load([0, 1] * 5, validation_size=size), f"validation_size {size}")
    refused(lambda: load([0, 1] * 5, max_train_samples=0), "max_train_samples 0")
    refused(lambda: load_data(DataArguments(table([("same", "a"), ("same", "b")]))), "one distinct text")


@pytest.mark.parametrize(("rows", "points"), [(1, 45), (2, 41), (20, 20), (38, 15), (39, None), (10_000, None)])
def test_too_small_to_mean_anything(rows, points):
    """Compared with the interval that SciPy gives (Wilson's), of which half are right."""
    line = too_small("validation", rows)
    assert (line is None) == (points is None)
    if line and rows % 2 == 0:
        limits = binomtest(rows // 2, rows).proportion_ci(0.95, "wilson")
        assert round(50 * (limits.high - limits.low)) == points
    if line:
        assert f"validation has {rows} text" in line and f"{points} points" in line
