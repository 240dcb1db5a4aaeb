"""The embedded texts: enough of them, balanced, rightly labelled, and no two nearly alike."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

import hf_textclf

SAMPLES = Path(hf_textclf.__file__).parent / "data" / "samples"
SPLITS = ("train", "validation", "test")
TOPICS = {"finance", "stocks", "politics", "sport", "technology", "entertainment"}
COLUMNS = {"news": ["text", "topic", "topics"], "opinions": ["text", "rating", "sentiment"]}
SENTIMENT = {"1": "negative", "2": "negative", "3": "neutral", "4": "positive", "5": "positive"}
FILES = [(kind, language, split) for kind in COLUMNS for language in ("en", "zh") for split in SPLITS]
# the pair that a text and its light rewording make; character n-grams of this length tell them from mere neighbours
NGRAM = {"en": 5, "zh": 3}


def read(kind, language, split):
    path = SAMPLES / f"{kind}_{language}" / f"{split}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def texts_of(language):
    return [row["text"] for kind in COLUMNS for split in SPLITS for row in read(kind, language, split)]


def near_duplicates(texts, ngram, limit=0.5):
    """Pairs of texts whose sets of character n-grams have a Jaccard similarity above `limit`."""
    grams = CountVectorizer(analyzer="char", ngram_range=(ngram, ngram), binary=True, dtype=np.int32)
    occurs = grams.fit_transform(" ".join(text.split()) for text in texts)  # (texts, n-grams)
    shared = (occurs @ occurs.T).tocoo()
    sizes = np.asarray(occurs.sum(axis=1)).ravel()
    union = sizes[shared.row] + sizes[shared.col] - shared.data
    close = (shared.row < shared.col) & (shared.data > limit * union)
    return [(texts[i], texts[j]) for i, j in zip(shared.row[close], shared.col[close], strict=True)]


def test_enough_texts():
    english, chinese = texts_of("en"), texts_of("zh")
    assert len(english) >= 800
    assert len(chinese) >= 400
    assert len(english) + len(chinese) >= 1200


@pytest.mark.parametrize(("kind", "language", "split"), FILES)
def test_file_is_clean(kind, language, split):
    raw = (SAMPLES / f"{kind}_{language}" / f"{split}.csv").read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in raw
    assert raw.endswith(b"\n")
    for row in read(kind, language, split):
        assert list(row) == COLUMNS[kind]
        assert all(cell and cell == cell.strip() and "\n" not in cell for cell in row.values()), row


@pytest.mark.parametrize(("kind", "language", "split"), FILES)
def test_labels_agree_with_each_other(kind, language, split):
    for row in read(kind, language, split):
        if kind == "news":
            topics = row["topics"].split(";")
            assert row["topic"] == topics[0], row
            assert len(set(topics)) == len(topics), row
            assert set(topics) <= TOPICS, row
        else:
            assert row["sentiment"] == SENTIMENT[row["rating"]], row


@pytest.mark.parametrize(("kind", "language", "split"), FILES)
def test_classes_are_balanced(kind, language, split):
    rows = read(kind, language, split)
    for column, classes in {"topic": TOPICS, "rating": set(SENTIMENT), "sentiment": set(SENTIMENT.values())}.items():
        if column in COLUMNS[kind]:
            counts = Counter(row[column] for row in rows)
            assert set(counts) == classes
            assert max(counts.values()) <= 1.5 * min(counts.values()), counts


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_split_has_texts_with_several_topics(language):
    for split in SPLITS:
        share = np.mean([";" in row["topics"] for row in read("news", language, split)])
        assert 0.2 < share < 0.6


@pytest.mark.parametrize("language", NGRAM)
def test_no_near_duplicates_within_or_across_splits(language):
    texts = texts_of(language)
    assert not near_duplicates(texts, NGRAM[language])
    # and the check does see a light rewording
    assert near_duplicates([*texts, texts[0] + "!"], NGRAM[language])


def test_readme_tells_the_counts():
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for kind in COLUMNS:
        for language in ("en", "zh"):
            counts = " | ".join(str(len(read(kind, language, split))) for split in SPLITS)
            assert f"| `{kind}_{language}` | {counts} |" in readme
