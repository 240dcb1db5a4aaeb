"""Words of a text: spans of it, each with the tokens that are read."""

import pytest

from hf_textclf.explanation.words import find_words
from hf_textclf.tokenization import encode, set_truncation, train_tokenizer
from tests.helpers.tiny import TEXTS, wordpiece_tokenizer

CHINESE = ["房间很好，下次还来。", "服务 不错 😀 cool", "房间不好"] * 3
# byte for byte, half a character, an ellipsis that becomes three dots, blanks of all kinds, nothing
ODD = ["  unbelievable…  film\u3000房间不错cool, 很好", "😀😀 é x\u200by", "", " \n", "\x00a", "[SEP] don't"]


def words(tokenizer, text):
    return [text[start:end] for start, end in find_words(tokenizer, text).spans]


@pytest.mark.parametrize("tokenizer_type", ["word", "wordpiece", "bpe", "unigram"])
def test_words_are_spans_of_the_text(tokenizer_type):
    tokenizer = train_tokenizer(TEXTS + CHINESE, tokenizer_type=tokenizer_type, vocab_size=400, max_length=99)
    for text in TEXTS + CHINESE + ODD:
        found = find_words(tokenizer, text)
        assert found.encoded == {name: rows[0] for name, rows in encode(tokenizer, [text]).items()}
        assert len(found.word_ids) == len(found.encoded["input_ids"]) and found.unread == 0
        assert sorted(set(found.word_ids) - {-1}) == list(range(len(found.spans)))
        edges = [place for span in found.spans for place in span]
        assert edges == sorted(edges) and all(start < end for start, end in found.spans)
        assert all(word == word.strip() for word in words(tokenizer, text))
        # nothing but blanks and what the tokenizer drops lies between
        rest = "".join(text[a:b] for a, b in zip([0, *edges[1::2]], [*edges[::2], len(text)], strict=True))
        assert not rest.strip(" \n\u3000\x00\u200b")


def test_pieces_become_words():
    tokenizer = wordpiece_tokenizer()
    text = "The unbelievable, committee!"
    found = find_words(tokenizer, text)
    assert words(tokenizer, text) == ["The", "unbelievable", ",", "committee", "!"]
    # [CLS] and [SEP] stand for no word
    assert found.word_ids[0] == found.word_ids[-1] == -1 and len(found.word_ids) > 10


def test_chinese_words():
    by_character = train_tokenizer(CHINESE, tokenizer_type="word", vocab_size=99, max_length=99)
    assert words(by_character, "房间不错 cool") == ["房", "间", "不", "错", "cool"]
    # each piece is one
    unigram = train_tokenizer(
        ["好房间", "房间很好", "大房间"] * 9, tokenizer_type="unigram", vocab_size=14, max_length=99
    )
    assert "房间" in words(unigram, "我的房间很好")
    for tokenizer_type in ("word", "wordpiece"):
        segmented = train_tokenizer(
            CHINESE, tokenizer_type=tokenizer_type, vocab_size=99, max_length=99, segmenter="jieba"
        )
        assert words(segmented, "下次的服务不错") == ["下次", "的", "服务", "不错"]


@pytest.mark.parametrize(
    ("truncation", "expected"),
    [("head", "rain is expected"), ("tail", "stays dry ."), ("head_tail", "rain dry .")],
)
def test_words_that_are_cut_off(truncation, expected):
    tokenizer = train_tokenizer(TEXTS, tokenizer_type="word", vocab_size=400, max_length=3)
    set_truncation(tokenizer, truncation=truncation, max_length=3)
    text = "rain is expected in the north ; the south stays dry ."
    found = find_words(tokenizer, text)
    assert " ".join(words(tokenizer, text)) == expected
    assert found.word_ids == [0, 1, 2] and found.unread == 9
    assert found.encoded["input_ids"] == encode(tokenizer, [text])["input_ids"][0]
