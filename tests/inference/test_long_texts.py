"""Long texts beside a loop over their parts, with an LSTM and a BERT that were never trained."""

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, set_seed

from hf_textclf import LSTMForSequenceClassification, UserError
from hf_textclf.inference.chunks import ChunkAttention
from hf_textclf.inference.long_texts import DocumentReader, DocumentSettings
from hf_textclf.tokenization import set_truncation, split_sentences
from tests.helpers.tiny import TEXTS, tiny_config, wordpiece_tokenizer

LONG = " ".join(TEXTS)
MIXED = [LONG, "", "Rain.", "no end " * 9, LONG + "很好！不好。" + LONG, TEXTS[1] + " " + TEXTS[2]]
LENGTH = 12
CHOICES = [
    ("windows", "uniform", 0),
    ("windows", "attention", 4),
    ("windows", "tfidf", 0),
    ("sentences", "uniform", 0),
    ("sentences", "tfidf", 0),
    ("sentences", "attention", 0),
]


@pytest.fixture(scope="module")
def tokenizer():
    tokenizer = wordpiece_tokenizer()
    set_truncation(tokenizer, truncation="head", max_length=LENGTH)
    return tokenizer


@pytest.fixture(scope="module", params=["lstm", "bert"])
def model(request):
    set_seed(1)
    if request.param == "lstm":
        return LSTMForSequenceClassification(tiny_config(bidirectional=True)).eval()
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 17}
    return BertForSequenceClassification(BertConfig(vocab_size=99, num_labels=3, **sizes)).eval()


def reader_of(strategy, weights="uniform", stride=0, *, model=None, **more):
    """A reader with random key words and a random attention, so that weights differ."""
    settings = DocumentSettings(strategy, weights, stride, **more)
    set_seed(2)
    attention = ChunkAttention(14 if model is None or model.config.model_type != "bert" else 12)
    torch.nn.init.normal_(attention.context, std=100)
    reader = DocumentReader(settings)
    if reader.needs_idf:
        reader.idf = np.random.default_rng(1).random(99, dtype=np.float32)
    if reader.needs_attention:
        reader.attention = attention
    return reader


def by_hand(model, tokenizer, text, reader):
    """The logits of one text: each part alone, each with its weight."""
    if reader.settings.document_strategy == "windows":
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        room, stride = LENGTH - 2, reader.settings.stride
        last = max(len(ids) - room, 0)
        parts = [ids[start : start + room] for start in [*range(0, last, room - stride), last]]
    else:
        parts = []
        for sentence in split_sentences(text):
            ids = tokenizer(sentence, add_special_tokens=False)["input_ids"]
            last = max(len(ids) - (LENGTH - 2), 0)
            parts += [ids[start : start + LENGTH - 2] for start in [*range(0, last, LENGTH - 2), last]]
    states = []
    hook = model.classifier.register_forward_pre_hook(lambda _, inputs: states.append(inputs[0][0]))
    with torch.no_grad():
        logits = torch.stack([model(torch.tensor([[2, *part, 3]])).logits[0] for part in parts])
    hook.remove()
    weights = torch.full((len(parts),), 1 / len(parts))
    if reader.settings.sentence_weights == "tfidf":
        whole = [token for part in parts for token in [2, *part, 3]]
        scores = [sum(whole.count(token) * reader.idf[token] for token in {2, *part, 3}) for part in parts]
        weights = torch.tensor(np.array(scores) / sum(scores), dtype=torch.float32)
    elif reader.settings.sentence_weights == "attention":
        attention = reader.attention
        hidden = torch.tanh(torch.stack(states) @ attention.projection.weight.T + attention.projection.bias)
        weights = torch.softmax(hidden @ attention.context, dim=0).detach()
    return weights @ logits


@pytest.mark.parametrize(("strategy", "weights", "stride"), CHOICES)
def test_equals_a_loop_over_parts(model, tokenizer, strategy, weights, stride):
    reader = reader_of(strategy, weights, stride, model=model)
    found = reader.logits(model, tokenizer, MIXED, batch_size=4)
    expected = torch.stack([by_hand(model, tokenizer, text, reader) for text in MIXED])
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(("strategy", "weights", "stride"), [*CHOICES, ("key_sentences", "uniform", 0)])
def test_other_texts_make_no_difference(model, tokenizer, strategy, weights, stride, monkeypatch):
    reader = reader_of(strategy, weights, stride, model=model, num_sentences=2)
    alone = np.concatenate([reader.logits(model, tokenizer, [text], batch_size=1) for text in MIXED])
    np.testing.assert_allclose(reader.logits(model, tokenizer, MIXED, batch_size=64), alone, atol=1e-6)
    monkeypatch.setattr("hf_textclf.inference.long_texts.GROUP", 300)
    readings = list(reader.read(model, tokenizer, MIXED, batch_size=3))
    assert len(readings) > 2 and [text for reading in readings for text in reading.texts] == MIXED
    np.testing.assert_allclose(np.concatenate([reading.logits for reading in readings]), alone, atol=1e-6)
    assert reader.logits(model, tokenizer, [], batch_size=3).shape == (0, 3)


@pytest.mark.parametrize(("strategy", "weights", "stride"), CHOICES)
def test_parts(model, tokenizer, strategy, weights, stride):
    reader = reader_of(strategy, weights, stride, model=model)
    (reading,) = reader.read(model, tokenizer, MIXED, batch_size=5)
    for text, numbers in zip(MIXED, reading.chunks.of_texts(), strict=True):
        assert sum(reading.chunks.weights[number] for number in numbers) == pytest.approx(1, abs=1e-6)
        spans = [reading.chunks.spans[number] for number in numbers]
        assert spans[0][0] == 0 and spans[-1][1] == len(text)
        left_out = "".join(text[end:start] for (_, end), (start, _) in zip(spans, spans[1:], strict=False))
        assert not left_out.strip()
        if strategy == "sentences" and len(split_sentences(text)) == len(spans):
            assert [text[start:end] for start, end in spans] == split_sentences(text)
    assert np.ptp(reading.chunks.weights[: len(reading.chunks.of_texts()[0])]) > 1e-4 or weights == "uniform"


def test_key_sentences(model, tokenizer):
    reader = reader_of("key_sentences", num_sentences=2)
    (reading,) = reader.read(model, tokenizer, MIXED, batch_size=5)
    assert reading.chunks.logits is None
    short = reader.shorten(tokenizer, MIXED)
    for text, found, numbers in zip(MIXED, short, reading.chunks.of_texts(), strict=True):
        parts = [text[start:end] for start, end in (reading.chunks.spans[number] for number in numbers)]
        assert len(parts) <= 2 and found == "".join(parts)
    assert short[1:3] == MIXED[1:3] and short[5] == MIXED[5]
    # the two that score most, by a sum over their different tokens
    ids = {s: tokenizer(s)["input_ids"] for s in split_sentences(LONG)}
    whole = [token for row in ids.values() for token in row]
    score = {s: sum(whole.count(token) * reader.idf[token] for token in set(row)) for s, row in ids.items()}
    best = sorted(score, key=score.__getitem__)[-2:]
    assert short[0] == "".join(sentence for sentence in ids if sentence in best)
    # what the network then says is what it says of the short text
    expected = model(**tokenizer(short[0], truncation=True, return_tensors="pt")).logits[0].detach()
    np.testing.assert_allclose(reading.logits[0], expected, atol=1e-6)


def test_a_text_of_a_megabyte():
    tokenizer = wordpiece_tokenizer()
    set_truncation(tokenizer, truncation="head", max_length=500)
    model = LSTMForSequenceClassification(tiny_config()).eval()
    text = "no end in sight " * 62_500
    for strategy in ("sentences", "windows", "key_sentences"):
        reader = reader_of(strategy)
        (reading,) = reader.read(model, tokenizer, [text], batch_size=64)
        assert np.isfinite(reading.logits).all()
        assert (len(reading.chunks.spans) > 100) == (strategy != "key_sentences")


@pytest.mark.parametrize(
    ("strategy", "weights", "stride"), [*CHOICES, ("key_sentences", "uniform", 0)], ids=lambda value: str(value)
)
def test_save_and_load(tokenizer, tmp_path, strategy, weights, stride):
    model = LSTMForSequenceClassification(tiny_config(bidirectional=True)).eval()
    reader = reader_of(strategy, weights, stride, **({"num_sentences": 3} if strategy == "key_sentences" else {}))
    reader.save(tmp_path)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["document.json"] + ["document.safetensors"] * (weights != "uniform" or strategy[0] == "k")
    loaded = DocumentReader.load(tmp_path / "document.json", tmp_path / files[1] if files[1:] else None)
    assert loaded.settings == reader.settings
    np.testing.assert_array_equal(
        loaded.logits(model, tokenizer, MIXED, batch_size=8), reader.logits(model, tokenizer, MIXED, batch_size=8)
    )


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"document_strategy": "truncate"}', '{"document_strategy": "windows", "a": 1}']
)
def test_broken_description(tmp_path, text):
    (tmp_path / "document.json").write_text(text)
    with pytest.raises(UserError) as caught:
        DocumentReader.load(tmp_path / "document.json", None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("weights", ["tfidf", "attention"])
def test_weights_that_are_missing_or_broken(tmp_path, weights):
    reader_of("sentences", weights).save(tmp_path)
    (tmp_path / "broken").write_bytes(b"nothing")
    for file in (None, tmp_path / "broken"):
        with pytest.raises(UserError, match="document.safetensors"):
            DocumentReader.load(tmp_path / "document.json", file)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"document_strategy": "truncate", "stride": 3}, "stride=3 belongs to document_strategy windows"),
        ({"document_strategy": "sentences", "num_sentences": 3}, "num_sentences=3 belongs to .* key_sentences"),
        ({"document_strategy": "key_sentences", "sentence_weights": "tfidf"}, "drop --sentence_weights"),
        ({"document_strategy": "windows", "stride": -1}, "stride=-1, expected a whole number from 0 on"),
        ({"document_strategy": "key_sentences", "num_sentences": 0}, "num_sentences=0, expected .* from 1 on"),
    ],
)
def test_settings_that_do_not_fit(given, words):
    with pytest.raises(UserError, match=words):
        DocumentSettings.from_keys(**given)


def test_no_settings_for_texts_that_are_cut():
    assert DocumentSettings.from_keys("truncate", stride=None) is None
