"""Stock tools read a folder with a special tokenizer as `encode` does, or say why not."""

import json
import sys

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from hf_textclf import Classifier, UserError
from hf_textclf.inference.long_texts import DocumentReader, DocumentSettings
from hf_textclf.saved_model.layout import TOKENIZER, TOKENIZER_CODE, TOKENIZER_CONFIG
from hf_textclf.tokenization import (
    encode,
    load_tokenizer,
    renew_tokenizer,
    save_tokenizer,
    set_truncation,
    train_tokenizer,
)
from hf_textclf.tokenization.tokenization_classifier import ClassifierTokenizer
from tests.helpers.saved import save_model
from tests.helpers.tiny import TEXTS, wordpiece_tokenizer

CHINESE = ["这家酒店的服务很好，房间也很干净。", "酒店的房间很小，服务也不好！", "", "Wi-Fi很快 下次还住这家酒店"]
TRUNCATIONS = [
    {"truncation": "head", "max_length": 9},
    {"truncation": "tail", "max_length": 9},
    {"truncation": "head_tail", "max_length": 9},
    {"truncation": "head_tail", "max_length": 10, "head_tokens": 7},
]


@pytest.fixture(params=["lstm", "bert"])
def folder(request, tmp_path):
    return save_model(tmp_path / "model", request.param)


def jieba_tokenizer(**options):
    return train_tokenizer(
        CHINESE, tokenizer_type="word", vocab_size=99, segmenter="jieba", **{"max_length": 6} | options
    )


@pytest.mark.parametrize("truncation", TRUNCATIONS, ids=str)
def test_long_texts_are_cut_alike(folder, truncation):
    """By the Auto classes, whatever they return, and by `tokenizers` alone, which refuse what they cannot do."""
    ours = load_tokenizer(str(folder))
    set_truncation(ours, **truncation)
    save_tokenizer(ours, folder)
    assert encode(load_tokenizer(str(folder)), TEXTS) == (expected := encode(ours, TEXTS))
    stock, special = AutoTokenizer.from_pretrained(folder), truncation["truncation"] == "head_tail"
    assert (type(stock) is ClassifierTokenizer) == special
    assert dict(stock(TEXTS, truncation=True)) == expected
    assert dict(stock(TEXTS[0], truncation=True)) == {name: rows[0] for name, rows in expected.items()}
    assert stock.encode(TEXTS[1], truncation=True) == expected["input_ids"][1]
    padded = stock(["a", *TEXTS], truncation=True, padding=True, return_tensors="pt")
    assert padded["input_ids"].shape == (len(TEXTS) + 1, truncation["max_length"])
    for row, ids in zip(padded["input_ids"][1:].tolist(), expected["input_ids"], strict=True):
        assert row[: len(ids)] == ids
    # as always, only if asked to
    assert len(stock(TEXTS[0])["input_ids"]) > truncation["max_length"]
    if special:
        assert stock.encode(TEXTS[0], truncation=True, max_length=5) != stock.encode(TEXTS[0])[:5]
        assert len(stock.encode(TEXTS[0], truncation=True, max_length=5)) == 5
        for read in (Tokenizer.from_file, lambda file: PreTrainedTokenizerFast(tokenizer_file=file)):
            with pytest.raises(
                Exception, match="1.0 of a tokenizer that keeps both ends of a long text; open it with"
            ):
                read(str(folder / TOKENIZER))
        # a reader that does not look at the version
        content = json.loads((folder / TOKENIZER).read_text()) | {"version": "1.0"}
        with pytest.raises(Exception, match="Normalizer"):
            Tokenizer.from_str(json.dumps(content))
    else:
        alone = Tokenizer.from_file(str(folder / TOKENIZER)).encode_batch(TEXTS)
        assert [encoding.ids for encoding in alone] == expected["input_ids"]


def test_chinese_words(tmp_path):
    for options in ({}, {"truncation": "head_tail", "max_length": 5}):
        ours = jieba_tokenizer()
        if options:
            set_truncation(ours, **options)
        save_tokenizer(ours, tmp_path)
        stock = AutoTokenizer.from_pretrained(tmp_path)
        assert dict(stock(CHINESE, truncation=True)) == encode(ours, CHINESE)
        assert encode(load_tokenizer(str(tmp_path)), CHINESE) == encode(ours, CHINESE)
        assert stock.tokenize(CHINESE[0])[:3] == ["这家", "酒店", "的"]
        with pytest.raises(Exception, match="a tokenizer that finds Chinese words first.*; open it with the package"):
            Tokenizer.from_file(str(tmp_path / TOKENIZER))
        # saved again by stock tools, and from there
        stock.save_pretrained(tmp_path / "again")
        again = AutoTokenizer.from_pretrained(tmp_path / "again")
        assert dict(again(CHINESE, truncation=True)) == encode(ours, CHINESE)
        with pytest.raises(Exception, match="finds Chinese words first"):
            Tokenizer.from_file(str(tmp_path / "again" / TOKENIZER))


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({"document_strategy": "windows"}, ["long"]),
        ({"document_strategy": "sentences"}, ["long", "two", "three"]),
        ({"document_strategy": "key_sentences", "num_sentences": 2}, ["three"]),
    ],
)
def test_chunks_are_refused(folder, settings, refused):
    texts = {"short": "Rain is expected.", "two": "Rain. Snow!", "three": "Rain. Snow! Sun.", "long": "rain " * 30}
    DocumentReader(DocumentSettings(**settings)).save(folder)
    ours = load_tokenizer(str(folder))
    set_truncation(ours, truncation="head", max_length=20)
    save_tokenizer(ours, folder)
    stock = AutoTokenizer.from_pretrained(folder)
    for name, text in texts.items():
        if name in refused:
            with pytest.raises(ValueError, match="in chunks .* which only hf-textclf does, expected a shorter text"):
                stock([text], truncation=True)
            with pytest.raises(ValueError, match="in chunks"):
                stock(text)
        else:
            assert stock(text, truncation=True)["input_ids"] == encode(ours, [text])["input_ids"][0]
    with pytest.raises(Exception, match="that reads long texts in chunks; open it"):
        Tokenizer.from_file(str(folder / TOKENIZER))
    # the package itself reads on
    assert encode(load_tokenizer(str(folder)), list(texts.values())) == encode(ours, list(texts.values()))


def test_pairs_and_words_are_refused(tmp_path):
    save_tokenizer(jieba_tokenizer(), tmp_path)
    stock = AutoTokenizer.from_pretrained(tmp_path)
    for arguments, options in (
        ((["酒店"], ["房间"]), {}),
        (("酒店", "房间"), {}),
        (([["酒店", "很好"]],), {"is_split_into_words": True}),
        (([("酒店", "很好")],), {}),
    ):
        with pytest.raises(ValueError, match="no pairs or words"):
            stock(*arguments, **options)


def test_settings_that_are_no_longer_there(folder, tmp_path):
    """Trained further with another truncation, a tokenizer is a stock one again."""
    ours = load_tokenizer(str(folder))
    set_truncation(ours, truncation="head_tail", max_length=9)
    save_tokenizer(ours, folder)
    further = load_tokenizer(str(folder))
    set_truncation(further, truncation="tail", max_length=7)
    save_tokenizer(further, tmp_path / "further")
    assert {file.name for file in (tmp_path / "further").iterdir()} == {TOKENIZER, TOKENIZER_CONFIG}
    stock = AutoTokenizer.from_pretrained(tmp_path / "further")
    assert not isinstance(stock, ClassifierTokenizer)
    assert dict(stock(TEXTS, truncation=True)) == encode(further, TEXTS)


@pytest.mark.parametrize("kind", ["head", "head_tail", "jieba", "windows"])
def test_folders_of_before(folder, kind):
    """`Classifier` reads them as it did; renewed, others read the same or refuse."""
    ours = jieba_tokenizer() if kind == "jieba" else load_tokenizer(str(folder))
    if kind == "head_tail":
        set_truncation(ours, truncation="head_tail", max_length=9)
    if kind == "windows":
        DocumentReader(DocumentSettings("windows")).save(folder)
    if kind == "jieba":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"pad_token_id": 0}))
    # as an older version did
    ours.save_pretrained(folder)
    texts = [*TEXTS, *CHINESE]
    before = Classifier(str(folder)).probabilities(texts)
    names = {file.name for file in folder.iterdir()}
    renew_tokenizer(folder)
    assert (Classifier(str(folder)).probabilities(texts) == before).all()
    assert {file.name for file in folder.iterdir()} - names == (set() if kind == "head" else set(TOKENIZER_CODE))
    written = (folder / TOKENIZER).read_bytes()
    renew_tokenizer(folder)
    assert (folder / TOKENIZER).read_bytes() == written
    if kind == "head":
        alone = Tokenizer.from_file(str(folder / TOKENIZER)).encode_batch(texts)
        assert [encoding.ids for encoding in alone] == encode(ours, texts)["input_ids"]
    elif kind != "windows":
        assert dict(AutoTokenizer.from_pretrained(folder)(texts, truncation=True)) == encode(ours, texts)


def test_checkpoints_are_marked_too(train, weather, tmp_path):
    flags = ["--truncation", "head_tail", "--max_length", "6", "--save_strategy", "steps", "--save_steps", "1"]
    code, error = train(weather, *flags)
    assert code == 0, error
    for folder in (tmp_path / "run", tmp_path / "run" / "checkpoint-1"):
        with pytest.raises(Exception, match="keeps both ends of a long text"):
            Tokenizer.from_file(str(folder / TOKENIZER))
        assert isinstance(AutoTokenizer.from_pretrained(folder), ClassifierTokenizer)


def test_without_jieba(tmp_path, monkeypatch):
    save_tokenizer(jieba_tokenizer(), tmp_path)
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(ImportError, match="finds Chinese words by jieba, which is not installed; pip install jieba"):
        AutoTokenizer.from_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"segmenter 'jieba' is not installed; pip install 'hf-textclf\[chinese\]'"):
        load_tokenizer(str(tmp_path))


def test_a_tokenizer_without_a_limit(tmp_path):
    """It is saved and renewed as it is."""
    tokenizer = wordpiece_tokenizer()
    save_tokenizer(tokenizer, tmp_path)
    renew_tokenizer(tmp_path)
    assert Tokenizer.from_file(str(tmp_path / TOKENIZER)).truncation is None
