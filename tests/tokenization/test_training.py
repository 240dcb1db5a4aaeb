"""Tokenizers trained here: their vocabularies, the same file twice, Chinese."""

import hashlib
import re
import subprocess
import sys
from collections import Counter

import pytest

from hf_textclf.errors import UserError
from hf_textclf.tokenization import TOKENIZER_TYPES, encode, train_tokenizer
from hf_textclf.tokenization.training import SMALLEST_VOCAB
from tests.helpers import ROOT

ENGLISH = [
    "The film was good, and the acting was better.",
    "A dull film: the plot was thin and the ending worse!",
    "Better acting would have saved the thin plot of this film.",
    "Good music, good light, good night.",
]
CHINESE = ["这家酒店的服务很好，房间也很干净。", "酒店的房间很小，服务也不好。", "服务很好，下次还住这家酒店。"] * 3
TEXTS = ENGLISH * 3 + CHINESE
# room for every character and some longer pieces
SIZES = {"word": 60, "wordpiece": 110, "bpe": 330, "unigram": 120}


def trained(tokenizer_type, texts=TEXTS, **options):
    values = {"vocab_size": SIZES[tokenizer_type], "max_length": 512} | options
    return train_tokenizer(texts, tokenizer_type=tokenizer_type, **values)


@pytest.fixture(params=TOKENIZER_TYPES)
def tokenizer(request):
    return trained(request.param)


def test_word_vocabulary_is_that_of_a_counter():
    words = Counter(word for text in ENGLISH for word in re.findall(r"\w+|[^\w\s]", text.lower()))
    size = 2 + len([word for word, count in words.items() if count > 1])
    tokenizer = trained("word", ENGLISH, vocab_size=size)
    expected = [word for word, _ in words.most_common(size - 2)]
    assert set(tokenizer.get_vocab()) == {"[PAD]", "[UNK]", *expected}
    assert tokenizer.tokenize("GOOD film, unheard") == ["good", "film", ",", "[UNK]"]


def test_every_type_obeys_the_contract(tokenizer):
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id) == (0, 1)
    assert tokenizer.num_special_tokens_to_add() == 0
    assert tokenizer.padding_side == "right"
    assert tokenizer.model_input_names == ["input_ids", "attention_mask"]
    assert len(tokenizer) <= max(SIZES.values())
    # ids without holes, so that the embedding matrix has no row too many
    assert sorted(tokenizer.get_vocab().values()) == list(range(len(tokenizer)))
    assert encode(tokenizer, ["", "  \t\n"])["input_ids"][0] == []


@pytest.mark.parametrize("tokenizer_type", TOKENIZER_TYPES)
def test_vocab_size_is_an_upper_bound(tokenizer_type):
    smallest = SMALLEST_VOCAB[tokenizer_type]
    for size in (smallest, smallest + 1, smallest + 20):
        assert len(trained(tokenizer_type, vocab_size=size)) <= size


@pytest.mark.parametrize("tokenizer_type", TOKENIZER_TYPES)
def test_lowercase_is_a_choice(tokenizer_type):
    lower = trained(tokenizer_type)
    assert lower.tokenize("The") == lower.tokenize("the")
    cased = trained(tokenizer_type, lowercase=False)
    assert cased.tokenize("The") != cased.tokenize("the")


def fingerprints():
    files = [trained(tokenizer_type).backend_tokenizer.to_str() for tokenizer_type in TOKENIZER_TYPES]
    return [hashlib.sha256(file.encode()).hexdigest() for file in files]


def test_training_is_deterministic():
    script = "import tests.tokenization.test_training as here; print(*here.fingerprints())"
    other = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert fingerprints() == fingerprints() == other.stdout.split()


@pytest.mark.parametrize("tokenizer_type", TOKENIZER_TYPES)
def test_an_iterator_will_do(tokenizer_type):
    assert trained(tokenizer_type, iter(TEXTS)).get_vocab() == trained(tokenizer_type).get_vocab()


def test_chinese_round_trips(tokenizer):
    text = "服务很好，房间也很干净。"
    ids = encode(tokenizer, [text])["input_ids"][0]
    assert tokenizer.unk_token_id not in ids
    # NFKC makes the full-width comma an ordinary one
    assert tokenizer.decode(ids).replace(" ", "").replace(",", "，") == text


@pytest.mark.parametrize("tokenizer_type", ["word", "wordpiece"])
def test_chinese_characters_stand_alone(tokenizer_type):
    assert trained(tokenizer_type).tokenize("酒店good") == ["酒", "店", "good"]


def test_unigram_learns_chinese_words():
    assert {"酒店", "服务", "房间"} & set(trained("unigram", CHINESE).get_vocab())


def test_unigram_leaves_room_beside_the_characters():
    many = [chr(0x4E00 + i) + "好房间好房间" for i in range(300)]
    vocabulary = set(trained("unigram", many, vocab_size=100).get_vocab())
    assert {"好", "房", "间"} <= vocabulary
    assert len(vocabulary) <= 100


def test_bpe_knows_every_byte():
    tokenizer = trained("bpe", lowercase=False)
    text = "Zürich 🙂 未見の文字 \x07"
    assert tokenizer.decode(encode(tokenizer, [text])["input_ids"][0]) == " " + text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tokenizer_type": "jieba"}, "'jieba' is unknown; choose one of word,"),
        ({"vocab_size": 2}, "vocab_size=2 is too small"),
        ({"tokenizer_type": "bpe", "vocab_size": 257}, "set it to 258 or more"),
        ({"texts": ["", " \n"]}, "no word"),
        ({"texts": ["", " \n"], "tokenizer_type": "unigram"}, "no word"),
        ({"texts": [], "tokenizer_type": "wordpiece"}, "no word"),
        ({"max_length": 0}, "max_length=0 must exceed the 0 special tokens"),
    ],
)
def test_training_refuses(options, words):
    values = {"texts": TEXTS, "tokenizer_type": "word", "vocab_size": 50, "max_length": 9} | options
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        train_tokenizer(values.pop("texts"), **values)
    assert "\n" not in str(caught.value)
