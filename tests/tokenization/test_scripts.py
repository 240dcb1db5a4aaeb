"""Texts in a script that a vocabulary lacks."""

import pandas as pd
import pytest

from hf_textclf.files import SAMPLES
from hf_textclf.tokenization import encode_whole, train_tokenizer
from hf_textclf.tokenization.scripts import START, VocabularyScripts

ENGLISH = "The hotel was dirty and the coffee cold."
CHINESE = "这家店的咖啡很好喝，下次还来。"
ELSEWHERE = [
    "Этот отель был ужасным и грязным",
    "القهوة جيدة جدا",
    "이 호텔은 정말 더럽고",
    "とてもよかったです",
    "Το ξενοδοχείο ήταν",
]


def texts_of(sample):
    return pd.concat([pd.read_csv(SAMPLES / sample / f"{split}.csv") for split in ("train", "test")]).text.tolist()


@pytest.fixture(scope="module", params=["word", "wordpiece", "bpe"])
def english(request):
    return VocabularyScripts(
        train_tokenizer(texts_of("opinions_en"), tokenizer_type=request.param, vocab_size=900, max_length=40)
    )


@pytest.fixture(scope="module", params=["word", "unigram"])
def chinese(request):
    return VocabularyScripts(
        train_tokenizer(texts_of("opinions_zh"), tokenizer_type=request.param, vocab_size=1500, max_length=40)
    )


def test_other_languages_are_told_from_ones_own(english, chinese):
    assert not any(english.lack(text) for text in texts_of("news_en"))
    assert not any(chinese.lack(text) for text in texts_of("news_zh"))
    for text in ELSEWHERE:
        assert english.lack(text) and chinese.lack(text), text
    assert english.lack(CHINESE) and chinese.lack(ENGLISH)


@pytest.mark.parametrize(
    "text", ["ok", "I am", "🙂 great 👍", "3.5 km, 2024", "Szymborska met Nguyễn", "zsh tbh", "7", "good 好"]
)
def test_short_and_odd_texts_are_read(english, text):
    assert not english.lack(text)


def test_chinese_with_some_english_is_read(chinese):
    assert not chinese.lack("这个 App 的音质很好，我很喜欢")


def test_an_encoding_that_is_there_is_used(english):
    """The special tokens of a whole text tell nothing of its script."""
    for text in (ENGLISH, CHINESE, *ELSEWHERE, ""):
        [encoding] = encode_whole(english.tokenizer, [text]).encodings
        assert english.lack(text, encoding) == english.lack(text) == (text not in (ENGLISH, ""))


def test_the_start_of_a_text_tells(english):
    long = ENGLISH * (START // len(ENGLISH) + 1)
    assert not english.lack(long + CHINESE * START)
    assert english.lack(CHINESE * START, encode_whole(english.tokenizer, [CHINESE * START]).encodings[0])
