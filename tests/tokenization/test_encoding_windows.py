"""Windows over tokens, beside a loop over a list."""

import unicodedata

import pytest

from hf_textclf import UserError
from hf_textclf.tokenization import encode, encode_windows, set_truncation, train_tokenizer
from tests.helpers.tiny import TEXTS, wordpiece_tokenizer

LONG = " ".join(TEXTS) + "  "


def tokenizer_of(length, *, special=True):
    tokenizer = wordpiece_tokenizer(add_special_tokens=special)
    set_truncation(tokenizer, truncation="head", max_length=length)
    return tokenizer


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("stride", [0, 3])
@pytest.mark.parametrize("length", [8, 19])
def test_windows(length, stride, special):
    tokenizer = tokenizer_of(length, special=special)
    windows = encode_windows(tokenizer, [TEXTS[0], LONG], stride=stride)
    for number, text in enumerate([TEXTS[0], LONG]):
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        room = length - 2 * special
        expected = [tokens[start : start + room] for start in range(0, len(tokens), room - stride)]
        # windows that only repeat what stands in the one before, and the last one, which is as long as the others
        while len(expected) > 1 and len(expected[-1]) <= stride:
            expected.pop()
        if len(expected) > 1:
            expected[-1] = tokens[-room:]
        found = [
            row[special : len(row) - special]
            for row, owner in zip(windows.encoded["input_ids"], windows.text_index, strict=True)
            if owner == number
        ]
        assert found == expected


@pytest.mark.parametrize("stride", [0, 3])
def test_spans(stride):
    """A window's characters give its tokens, and together they leave out white space at most."""
    tokenizer = tokenizer_of(11)
    windows = encode_windows(tokenizer, [TEXTS[1], LONG], stride=stride)
    spans = [span for span, owner in zip(windows.spans, windows.text_index, strict=True) if owner == 1]
    assert spans[0][0] == 0 and spans[-1][1] == len(LONG)
    for (_, end), (start, _) in zip(spans, spans[1:], strict=False):
        assert not LONG[end:start].strip()
    for (start, end), owner, ids in zip(windows.spans, windows.text_index, windows.encoded["input_ids"], strict=True):
        decoded = tokenizer.decode(ids, skip_special_tokens=True).replace("##", "")
        assert "".join(decoded.split()) == "".join([TEXTS[1], LONG][owner][start:end].lower().split())


@pytest.mark.parametrize("special", [True, False])
def test_a_text_that_fits_is_what_encode_makes_of_it(special):
    texts = ["", "   ", *TEXTS]
    tokenizer = tokenizer_of(50, special=special)
    windows = encode_windows(tokenizer, texts)
    assert windows.encoded == encode(tokenizer, texts)
    assert windows.text_index == list(range(len(texts)))
    assert windows.spans == [(0, len(text)) for text in texts]


def test_no_text():
    windows = encode_windows(tokenizer_of(9), [])
    assert windows.text_index == windows.spans == [] and windows.encoded == {"input_ids": [], "attention_mask": []}


@pytest.mark.parametrize("stride", [-1, 7, 100])
def test_refused(stride):
    with pytest.raises(UserError, match=f"stride={stride} .* expected 0 to 6"):
        encode_windows(tokenizer_of(9), TEXTS, stride=stride)


@pytest.mark.parametrize("tokenizer_type", ["word", "bpe"])
def test_spans_of_a_text_that_is_cut_into_words(tokenizer_type):
    """Chinese words part the tokens, but no blank gets between the characters of the text."""
    text = "这家酒店的服务 很好，房间也很干净。Wi-Fi很快,  下次还住这家酒店  "
    options = {"tokenizer_type": tokenizer_type, "vocab_size": 500, "max_length": 5, "segmenter": "jieba"}
    tokenizer = train_tokenizer([text] * 3, **options)
    windows = encode_windows(tokenizer, [text], stride=1)
    assert len(windows.spans) > 3 and windows.spans[0][0] == 0 and windows.spans[-1][1] == len(text)
    for (start, end), ids in zip(windows.spans, windows.encoded["input_ids"], strict=True):
        shown, decoded = (unicodedata.normalize("NFKC", s).lower() for s in (text[start:end], tokenizer.decode(ids)))
        assert "".join(shown.split()) == "".join(decoded.split())
        assert len(ids) == 5
