"""Tokenizers in use: saved and loaded, cut, compared with the model."""

import json
import re

import pytest
from tokenizers import processors
from transformers import AutoTokenizer, BertConfig

from hf_textclf import LSTMConfig
from hf_textclf.errors import UserError
from hf_textclf.models.frozen import FrozenEncoderConfig
from hf_textclf.tokenization import TOKENIZER_TYPES, check_agreement, encode, load_tokenizer, set_truncation
from tests.tokenization.test_training import TEXTS, trained


@pytest.fixture(params=TOKENIZER_TYPES)
def tokenizer(request):
    return trained(request.param)


@pytest.fixture
def bert_style():
    """[CLS] text [SEP] and token_type_ids, as a BERT checkpoint has."""
    tokenizer = trained("wordpiece")
    tokenizer.add_special_tokens({"cls_token": "[CLS]", "sep_token": "[SEP]"})
    special = [("[CLS]", tokenizer.cls_token_id), ("[SEP]", tokenizer.sep_token_id)]
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=special
    )
    tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    tokenizer.init_kwargs["model_input_names"] = tokenizer.model_input_names
    return tokenizer


def test_auto_tokenizer_gives_the_same_ids(tokenizer, tmp_path):
    set_truncation(tokenizer, truncation="head_tail", max_length=9, head_tokens=4)
    tokenizer.save_pretrained(tmp_path / "first")
    loaded = AutoTokenizer.from_pretrained(tmp_path / "first")
    loaded.save_pretrained(tmp_path / "second")
    again = load_tokenizer(tmp_path / "second")
    for other in (loaded, again):
        assert encode(other, TEXTS, with_lengths=True) == encode(tokenizer, TEXTS, with_lengths=True)
        assert other(TEXTS)["input_ids"] == tokenizer(TEXTS)["input_ids"]
        assert other.model_input_names == ["input_ids", "attention_mask"]
        assert (other.model_max_length, other.padding_side, other.pad_token_id) == (9, "right", 0)
    assert json.loads((tmp_path / "second" / "tokenizer_config.json").read_text())["head_tokens"] == 4


def test_head_and_tail_equal_the_stock_truncation(tokenizer, bert_style):
    for each in (tokenizer, bert_style):
        for truncation, side in (("head", "right"), ("tail", "left")):
            set_truncation(each, truncation=truncation, max_length=7)
            ours = encode(each, TEXTS)
            stock = each(TEXTS, truncation=True)
            assert each.truncation_side == side
            assert ours == dict(stock)
            assert max(map(len, ours["input_ids"])) == 7


@pytest.mark.parametrize(("max_length", "head_tokens"), [(10, 3), (10, 8), (4, 2)])
def test_head_tail_is_a_slice_of_the_whole_sequence(bert_style, tmp_path, max_length, head_tokens):
    whole = [bert_style(text)["input_ids"] for text in TEXTS]
    set_truncation(bert_style, truncation="head_tail", max_length=max_length, head_tokens=head_tokens)
    bert_style.save_pretrained(tmp_path)
    expected = [
        ids if len(ids) <= max_length else ids[:head_tokens] + ids[len(ids) - (max_length - head_tokens) :]
        for ids in whole
    ]
    for each in (bert_style, AutoTokenizer.from_pretrained(tmp_path)):
        encoded = encode(each, TEXTS, with_lengths=True)
        assert encoded["input_ids"] == expected
        assert encoded["untruncated_length"] == [len(ids) for ids in whole]
        assert encoded["attention_mask"] == [[1] * len(ids) for ids in expected]
        assert encoded["token_type_ids"] == [[0] * len(ids) for ids in expected]
        assert {(ids[0], ids[-1]) for ids in encoded["input_ids"]} == {(each.cls_token_id, each.sep_token_id)}


def test_another_truncation_forgets_the_head_tokens(bert_style):
    set_truncation(bert_style, truncation="head_tail", max_length=10)
    set_truncation(bert_style, truncation="tail", max_length=10)
    assert encode(bert_style, TEXTS)["input_ids"] == bert_style(TEXTS, truncation=True)["input_ids"]


def test_lengths_of_a_checkpoint_do_not_survive(bert_style, tmp_path):
    bert_style.backend_tokenizer.enable_truncation(3)
    bert_style.backend_tokenizer.enable_padding(length=20)
    bert_style.save_pretrained(tmp_path / "theirs")
    tokenizer = load_tokenizer(tmp_path / "theirs", custom_model=True)
    set_truncation(tokenizer, truncation="head", max_length=8)
    tokenizer.save_pretrained(tmp_path / "ours")
    saved = json.loads((tmp_path / "ours" / "tokenizer.json").read_text())
    assert saved["truncation"] is saved["padding"] is None
    assert "max_length" not in json.loads((tmp_path / "ours" / "tokenizer_config.json").read_text())
    assert len(encode(tokenizer, TEXTS)["input_ids"][0]) == 8


def test_inputs_of_custom_models_stay_after_saving(bert_style, tmp_path):
    bert_style.save_pretrained(tmp_path / "bert")
    assert "token_type_ids" in encode(load_tokenizer(tmp_path / "bert"), TEXTS)
    load_tokenizer(tmp_path / "bert", custom_model=True).save_pretrained(tmp_path / "lstm")
    assert set(AutoTokenizer.from_pretrained(tmp_path / "lstm")("good")) == {"input_ids", "attention_mask"}


def test_encode_is_silent_and_takes_nothing(caplog):
    tokenizer = trained("word", max_length=3)
    assert encode(tokenizer, [], with_lengths=True) == {
        "input_ids": [],
        "attention_mask": [],
        "untruncated_length": [],
    }
    encode(tokenizer, ["good film " * 50])
    assert not caplog.records


def test_an_endless_text(tokenizer):
    encoded = encode(tokenizer, ["good film " * 100_000 + "x" * 100_000], with_lengths=True)
    assert encoded["untruncated_length"][0] >= 200_000
    assert len(encoded["input_ids"][0]) == 512


def flat_config(vocab_size=200, pad_token_id=0):
    return LSTMConfig(vocab_size=vocab_size, pad_token_id=pad_token_id)


def nested_config(vocab_size=200, pad_token_id=0):
    return FrozenEncoderConfig(encoder_config=BertConfig(vocab_size=vocab_size, pad_token_id=pad_token_id))


@pytest.mark.parametrize("config", [flat_config, nested_config])
def test_agreement(config):
    tokenizer = trained("word")
    check_agreement(tokenizer, config())
    check_agreement(tokenizer, config(vocab_size=len(tokenizer)))
    with pytest.raises(UserError, match=rf"{len(tokenizer)} token ids.*vocab_size=7"):
        check_agreement(tokenizer, config(vocab_size=7))
    with pytest.raises(UserError, match=r"id 0 .*pad_token_id=3"):
        check_agreement(tokenizer, config(pad_token_id=3))
    tokenizer.pad_token = None
    with pytest.raises(UserError, match="no padding token"):
        check_agreement(tokenizer, config())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"truncation": "middle"}, "'middle' is unknown"),
        ({"max_length": 2}, "max_length=2 must exceed the 2 special tokens"),
        ({"head_tokens": 4}, "head_tokens=4 needs truncation 'head_tail'"),
        ({"truncation": "head_tail", "head_tokens": 1}, "must lie between 2 and 8"),
        ({"truncation": "head_tail", "head_tokens": 9}, "must lie between 2 and 8"),
        ({"truncation": "head_tail", "max_length": 3}, "head_tokens=2 must lie between 2 and 1"),
    ],
)
def test_truncation_refuses(bert_style, options, words):
    with pytest.raises(UserError, match=re.escape(words)):
        set_truncation(bert_style, **({"truncation": "head", "max_length": 10} | options))


def test_loading_refuses(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for folder in ("empty", "bare", "broken", "foreign", "code"):
        (tmp_path / folder).mkdir()
    (tmp_path / "bare" / "config.json").write_text('{"model_type": "bert"}')
    trained("word").save_pretrained(tmp_path / "broken")
    whole = (tmp_path / "broken" / "tokenizer.json").read_text()
    (tmp_path / "broken" / "tokenizer.json").write_text(whole[: len(whole) // 2])
    (tmp_path / "foreign" / "tokenizer.json").write_text("{}")
    (tmp_path / "code" / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["t.T", null]}}')
    for name, words in {
        str(tmp_path / "missing"): "no such folder",
        "some-user/some-model": "no such folder, and as a Hub id",
        str(tmp_path / "empty"): "no tokenizer files there",
        str(tmp_path / "bare"): "holds no vocabulary",
        str(tmp_path / "broken"): "cannot load a tokenizer from",
        str(tmp_path / "foreign"): "cannot load a tokenizer from",
        str(tmp_path / "code"): "custom code",
    }.items():
        with pytest.raises(UserError, match=words) as caught:
            load_tokenizer(name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
