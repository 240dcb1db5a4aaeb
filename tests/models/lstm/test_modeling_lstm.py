"""What goes into the LSTM and what comes out: padding, batches, empty texts, optional outputs, the configuration."""

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError

from hf_textclf import LSTMForSequenceClassification, LSTMModel
from tests.helpers.batches import lay_out, texts
from tests.helpers.tiny import tiny_config

POOLINGS = ["last", "max", "mean", "mean_max", "attention"]
# what stands before the pooling
BODIES = [{}, {"cell": "rnn"}, {"num_attention_heads": 7}]


def build(kind=LSTMForSequenceClassification, **options):
    """Large random weights everywhere: with those of the start, texts hardly differ and biases are zero."""
    torch.manual_seed(0)
    model = kind(tiny_config(**{"bidirectional": True, "num_hidden_layers": 2} | options)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("body", BODIES, ids=str)
@torch.no_grad()
def test_padding_and_batching_change_nothing(body, pooling, bidirectional):
    model = build(pooling=pooling, bidirectional=bidirectional, **body).double()
    rows = texts()
    alone = torch.cat([model(row[None]).logits for row in rows])
    assert alone.std(0).min() > 1e-2  # the texts differ, so equality below says something
    for where in ("right", "left", "middle", "holes"):
        torch.testing.assert_close(model(**lay_out(rows, where)).logits, alone, rtol=0, atol=1e-10, msg=where)
    order = [3, 0, 4, 1, 2]
    mixed = model(**lay_out([rows[number] for number in order], "right", length=5)).logits
    torch.testing.assert_close(mixed, alone[order], rtol=0, atol=1e-10)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("body", BODIES, ids=str)
@torch.no_grad()
def test_empty_texts(body, pooling):
    model = build(pooling=pooling, **body).double()
    empty = model.classifier.bias
    # an all-pad row among others, a batch of nothing but pads, texts of length 0, a batch of no texts
    among = model(**lay_out([texts()[0], torch.empty(0, dtype=torch.long)], "left"), output_hidden_states=True)
    torch.testing.assert_close(among.logits[1], empty)
    assert not among.hidden_states[-1][1].any()
    torch.testing.assert_close(among.logits[0], model(texts()[0][None]).logits[0], rtol=0, atol=1e-10)
    only = model(torch.ones(2, 3, dtype=torch.long), attention_mask=torch.zeros(2, 3, dtype=torch.long))
    torch.testing.assert_close(only.logits, empty.expand(2, 3))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("body", BODIES, ids=str)
@torch.no_grad()
def test_length_zero_and_batch_zero(body, pooling):
    model = build(pooling=pooling, **body)
    for batch, length in ((2, 0), (0, 3), (0, 0)):
        input_ids = torch.zeros(batch, length, dtype=torch.long)
        for mask in (None, torch.ones_like(input_ids)):
            outputs = model(input_ids, attention_mask=mask, output_hidden_states=True)
            torch.testing.assert_close(outputs.logits, model.classifier.bias.expand(batch, 3))
            assert [state.shape for state in outputs.hidden_states] == [(batch, length, w) for w in (11, 14, 14)]


@pytest.mark.parametrize("pooling", ["max", "attention"])
@pytest.mark.parametrize("body", BODIES, ids=str)
def test_empty_texts_have_finite_gradients(body, pooling):
    model = build(pooling=pooling, **body).train()
    inputs = lay_out([texts()[0], torch.empty(0, dtype=torch.long)], "right")
    model(**inputs, labels=torch.tensor([0, 2])).loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@torch.no_grad()
def test_length_one():
    """With one token every pooling except attention's projection has nothing to choose: state, mean and max agree."""
    row = torch.tensor([[7]])
    models = {pooling: build(LSTMModel, pooling=pooling) for pooling in POOLINGS}
    for model in models.values():
        model.load_state_dict(models["max"].state_dict(), strict=False)
        state = model(row).last_hidden_state[:, 0]
        expected = torch.cat([state, state], 1) if model.config.pooling == "mean_max" else state
        torch.testing.assert_close(model(row).pooler_output, expected)


@torch.no_grad()
def test_masks_of_every_type_and_none():
    model, inputs = build(), lay_out(texts(), "left")
    expected = model(**inputs).logits
    for kind in (torch.bool, torch.float32, torch.int32):
        mask = inputs["attention_mask"].to(kind)
        assert torch.equal(model(inputs["input_ids"], attention_mask=mask).logits, expected)
    full = torch.ones_like(inputs["input_ids"])
    assert torch.equal(model(inputs["input_ids"]).logits, model(inputs["input_ids"], attention_mask=full).logits)


@torch.no_grad()
def test_hidden_states():
    model, inputs = build(), lay_out(texts(), "left")
    outputs = model(**inputs, output_hidden_states=True)
    assert [state.shape for state in outputs.hidden_states] == [(5, 8, 11), (5, 8, 14), (5, 8, 14)]
    torch.testing.assert_close(outputs.hidden_states[0], model.get_input_embeddings()(inputs["input_ids"]))
    last = model.lstm(**inputs).last_hidden_state
    assert torch.equal(outputs.hidden_states[-1], last)
    assert not last[inputs["attention_mask"] == 0].any()
    assert last[inputs["attention_mask"] == 1].all()
    assert model(**inputs).hidden_states is None
    model.config.output_hidden_states = True
    assert len(model(**inputs).hidden_states) == 3


@pytest.mark.parametrize("pooling", POOLINGS)
@torch.no_grad()
def test_attentions(pooling):
    model = build(pooling=pooling)
    inputs = lay_out([*texts(), torch.empty(0, dtype=torch.long)], "holes")
    assert model(**inputs).attentions is None
    attentions = model(**inputs, output_attentions=True).attentions
    if pooling != "attention":
        assert attentions is None
        return
    (weights,) = attentions
    assert weights.shape == inputs["input_ids"].shape
    assert not weights[inputs["attention_mask"] == 0].any()
    assert (weights[inputs["attention_mask"] == 1] > 0).all()
    torch.testing.assert_close(weights.sum(1), torch.tensor([1.0] * 5 + [0.0]))


@pytest.mark.parametrize("pooling", ["mean_max", "attention"])
@torch.no_grad()
def test_self_attentions(pooling):
    """Each real token spreads a weight of one over the real tokens of its text; pads neither give nor get any."""
    model = build(pooling=pooling, num_attention_heads=2)
    inputs = lay_out([*texts(), torch.empty(0, dtype=torch.long)], "holes")
    weights, *pooled = model(**inputs, output_attentions=True).attentions
    mask = inputs["attention_mask"].bool()
    pairs = (mask[:, :, None] & mask[:, None]).unsqueeze(1).expand(6, 2, 8, 8)
    assert weights.shape == (6, 2, 8, 8)
    assert (weights[pairs] > 0).all() and not weights[~pairs].any()
    torch.testing.assert_close(weights.sum(-1), mask.float()[:, None].expand(6, 2, 8))
    # and they are those that the fused kernel took
    attention, states = model.lstm.pooler.self_attention, torch.randn(6, 8, 14) * mask[..., None]
    attended, weights = attention(states, mask, True)
    values = attention.value(states).unflatten(-1, (2, 7))
    expected = attention.output(torch.einsum("bhqk,bkhw->bqhw", weights, values).flatten(2)) * mask[..., None]
    torch.testing.assert_close(attended, expected, rtol=0, atol=1e-4)
    assert [weight.shape for weight in pooled] == ([mask.shape] if pooling == "attention" else [])
    for length in (0, 8):
        mask = torch.zeros(3, length, dtype=torch.long)
        assert model(mask, attention_mask=mask, output_attentions=True).attentions[0].shape == (3, 2, length, length)


@torch.no_grad()
def test_embeddings_in_place_of_ids():
    model, inputs = build(), lay_out(texts(), "left")
    input_ids, mask = inputs["input_ids"], inputs["attention_mask"]
    embeddings = model.get_input_embeddings()(input_ids)
    by_embeddings = model(inputs_embeds=embeddings, attention_mask=mask).logits
    assert torch.equal(by_embeddings, model(**inputs).logits)
    for wrong in ({}, {"input_ids": input_ids, "inputs_embeds": embeddings}):
        with pytest.raises(ValueError, match="exactly one of input_ids and inputs_embeds"):
            model(**wrong)


def test_token_type_ids_are_refused():
    """Swallowing what BERT's tokenizer adds would hide a mistake; `model_input_names` keeps it out."""
    with pytest.raises(TypeError, match="token_type_ids"):
        build()(torch.ones(1, 2, dtype=torch.long), token_type_ids=torch.zeros(1, 2, dtype=torch.long))


@torch.no_grad()
def test_tuples_on_request():
    model, inputs = build(), lay_out(texts(), "right")
    (logits,) = model(**inputs, return_dict=False)
    assert torch.equal(logits, model(**inputs).logits)


def test_resized_embeddings_keep_their_rows_and_train():
    """Embedding dropout draws one number per word type, so it must learn of the new rows as well."""
    model = build(embedding_dropout=0.5)
    old = model.get_input_embeddings().weight.detach().clone()
    model.resize_token_embeddings(123)
    assert model.config.vocab_size == 123
    assert torch.equal(model.get_input_embeddings().weight[:99], old)
    model.train()(torch.full((2, 3), 122), labels=torch.tensor([0, 1])).loss.backward()
    assert model.get_input_embeddings().weight.grad.shape == (123, 11)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pooling", "median"),
        ("pooling", None),
        ("hidden_size", 0),
        ("hidden_size", 7.0),
        ("embedding_size", -1),
        ("num_hidden_layers", 0),
        ("vocab_size", 0),
        ("bidirectional", "yes"),
        ("cell", "gru"),
        ("num_attention_heads", -1),
        ("num_attention_heads", 2),
        ("embedding_dropout", 1),
        ("locked_dropout", -0.1),
        ("recurrent_dropout", 1.5),
        ("classifier_dropout", "0.1"),
        ("pad_token_id", 99),
        ("pad_token_id", -1),
    ],
)
def test_config_refuses(name, value):
    with pytest.raises(StrictDataclassError, match=name):
        tiny_config(**{name: value})


def test_config_accepts_the_edges():
    """YAML's `0` is an int, and a tokenizer may have no pad."""
    config = tiny_config(embedding_dropout=0, locked_dropout=0, recurrent_dropout=0, classifier_dropout=0)
    assert LSTMForSequenceClassification(config).train()(torch.ones(1, 2, dtype=torch.long)).logits.shape == (1, 3)
    config = tiny_config(pad_token_id=None)
    assert LSTMModel(config).embed_tokens.padding_idx is None
    assert tiny_config(pad_token_id=98).pad_token_id == 98


def test_no_buffer_is_lost_on_saving():
    """Loading leaves non-persistent buffers uninitialised."""
    for pooling in POOLINGS:
        model = build(pooling=pooling)
        assert {name for name, _ in model.named_buffers()} <= set(model.state_dict())
