"""From texts to a sparse matrix of n-gram values, by scikit-learn's own vectorizers."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

# every word, one-letter words too, and every mark: `!` and `?` say much about an opinion
WORD = r"\w+|[^\w\s]"
# the scripts of Chinese and Japanese, which put no blanks between words
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
LONGEST = {"word": 2, "char": 3}


def choose_analyzer(texts: Sequence[str]) -> str:
    """Return `char` where most letters of the first thousand texts are Chinese or Japanese, else `word`."""
    sample = "".join(texts[:1000])
    return "char" if 2 * len(UNSPACED.findall(sample)) > sum(map(str.isalpha, sample)) else "word"


def make_vectorizer(*, analyzer: str, ngram_max: int, weighting: str, **options: Any) -> CountVectorizer:
    """Make a vectorizer, to be fitted or with a `vocabulary` among the options; texts are put in lower case.

    weighting: `counts`, `binary` (1 for what is there), or `tfidf`: (1 + ln count) x idf, each text of length 1.
    """
    options |= {"analyzer": analyzer, "ngram_range": (1, ngram_max), "dtype": np.float64}
    if analyzer == "word":
        options["token_pattern"] = WORD
    if weighting == "tfidf":
        return TfidfVectorizer(sublinear_tf=True, **options)
    return CountVectorizer(binary=weighting == "binary", **options)
