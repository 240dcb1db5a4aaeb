"""What the page says of texts that a model reads not at all, or in part."""

import threading
from types import SimpleNamespace

import pandas as pd
import pytest
from tokenizers.processors import BertProcessing

from hf_textclf.files import SAMPLES
from hf_textclf.tokenization import set_truncation, train_tokenizer

ENGLISH = "The hotel was dirty and the coffee cold."
LONG = f"{ENGLISH} " * 20
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
    """A model as far as these texts go: a vocabulary."""
    return served(
        train_tokenizer(texts_of("opinions_en"), tokenizer_type=request.param, vocab_size=900, max_length=40)
    )


@pytest.fixture(scope="module", params=["word", "unigram"])
def chinese(request):
    return served(
        train_tokenizer(texts_of("opinions_zh"), tokenizer_type=request.param, vocab_size=1500, max_length=40)
    )


def served(tokenizer):
    class Model(SimpleNamespace):
        __hash__ = object.__hash__

    return Model(turn=threading.RLock(), classifier=SimpleNamespace(system=SimpleNamespace(tokenizer=tokenizer)))


def test_other_languages_are_told_from_ones_own(app, english, chinese):
    is_foreign = app("texts").is_foreign
    assert not any(is_foreign(text, english) for text in texts_of("news_en"))
    assert not any(is_foreign(text, chinese) for text in texts_of("news_zh"))
    for text in ELSEWHERE:
        assert is_foreign(text, english) and is_foreign(text, chinese), text
    assert is_foreign(CHINESE, english) and is_foreign(ENGLISH, chinese)


@pytest.mark.parametrize(
    "text", ["ok", "I am", "🙂 great 👍", "3.5 km, 2024", "Szymborska met Nguyễn", "zsh tbh", "7", "good 好"]
)
def test_short_and_odd_texts_are_read(app, english, text):
    assert not app("texts").is_foreign(text, english)


def test_chinese_with_some_english_is_read(app, chinese):
    assert not app("texts").is_foreign("这个 App 的音质很好，我很喜欢", chinese)


def test_how_much_is_read(app, english):
    part_read, tokenizer = app("texts").part_read, english.classifier.predictor.tokenizer
    whole = len(tokenizer(LONG, verbose=False)["input_ids"])
    assert whole > 40 and part_read(ENGLISH, english) is None
    for truncation, key, head, tail in (
        ("head", "part_head", 40, 0),
        ("tail", "part_tail", 0, 40),
        ("head_tail", "part_both", 10, 30),
    ):
        set_truncation(tokenizer, truncation=truncation, max_length=40)
        assert part_read(LONG, english) == (key, {"head": head, "tail": tail, "whole": whole})
    set_truncation(tokenizer, truncation="head", max_length=whole)
    assert part_read(LONG, english) is None


def test_special_tokens_are_not_of_the_text(app):
    tokenizer = train_tokenizer(texts_of("opinions_en"), tokenizer_type="word", vocab_size=900, max_length=12)
    tokenizer.backend_tokenizer.post_processor = BertProcessing(("[PAD]", 0), ("[PAD]", 0))
    said = app("texts").part_read("good " * 20, served(tokenizer))
    assert said == ("part_head", {"head": 10, "tail": 0, "whole": 20})
